"""Visibility: the condition on rows of `resource` that every function which yields rows must take.

It is compiled into the SQL of each statement, before any LIMIT; rows are never filtered afterwards. Equal keys must
produce equal SQL, since statements are compiled once per key.
"""

from collections.abc import Callable, Hashable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

from sqlalchemy import ColumnElement, FromClause, true


@dataclass(frozen=True, slots=True)
class Predicate:
    """`clause` maps an alias of `resource` to a condition whose values are bindparams named in `parameters`.

    Names of the parameters begin with "visible_", so that they never meet those of the statement around them.
    """

    key: Hashable
    clause: Callable[[FromClause], ColumnElement[bool]]
    parameters: Mapping[str, Any] = field(default_factory=lambda: MappingProxyType({}))


def _all(_: FromClause) -> ColumnElement[bool]:
    return true()


ALL_ROWS = Predicate("all", _all)
"""For system code, which passes it by name."""
