"""Composites: values of one element that must match together, a token and one of any kind.

https://hl7.org/fhir/R4/search.html#combining  An index row holds a pair. The token is its first part whatever the order
in which the values are asked for; the other part is in the columns that `COLUMNS` says.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from sqlalchemy import ColumnElement, and_

from fhir_server.search.escapes import split
from fhir_server.search.kinds.date import DATE
from fhir_server.search.kinds.kind import Bind, Form, Kind, Reading, Row
from fhir_server.search.kinds.quantity import NUMBER, QUANTITY
from fhir_server.search.kinds.reference import REFERENCE
from fhir_server.search.kinds.string import STRING
from fhir_server.search.kinds.token import TOKEN
from fhir_server.search.numbers import sort_key
from fhir_server.search.plan import NOTHING, Alternative, Operand
from fhir_server.store.tables import INDEX_COMPOSITE

COLUMNS: Mapping[str, Mapping[str, str]] = {
    "token": {"code": "text", "system": "detail"},
    "string": {"folded": "text", "exact": "detail"},
    "reference": {"target_id": "text", "target_base": "detail", "target_type": "target_type"},
    "date": {"low": "low", "high": "high"},
    "number": {"unit": "text", "low": "low", "high": "high"},
    "quantity": {"unit": "text", "low": "low", "high": "high"},
}
"""Where the columns of the second part's own index rows are in a row of pairs."""

_SECOND = {kind.name: kind for kind in (TOKEN, STRING, REFERENCE, DATE, NUMBER, QUANTITY)}
_ROW = ("text", "detail", "target_type", "low", "high")
_EMPTY: Mapping[str, Any] = {"text": "", "detail": "", "target_type": 0, "low": "", "high": ""}


@dataclass(frozen=True, slots=True)
class _Part:
    """The second part of a row of pairs, as a row of its own kind."""

    c: Mapping[str, ColumnElement[Any]]


def arrangement(kinds: Sequence[str]) -> tuple[int, int] | None:
    """Which component is the token and which the other part; None for composites that are not pairs with a token."""
    if len(kinds) != 2 or "token" not in kinds or not set(kinds) <= COLUMNS.keys():
        return None
    return (0, 1) if kinds[0] == "token" else (1, 0)


def second_part(kind: str, columns: Sequence[str], values: Sequence[Any]) -> tuple[Any, ...]:
    """The values of an index row of a kind, as the second part of a row of pairs."""
    found = dict(_EMPTY)
    for name, value in zip(columns, values, strict=True):
        found[COLUMNS[kind][name]] = sort_key(Decimal(value)) if kind == "date" else value
    return tuple(found[name] for name in _ROW)


def read(text: str, reading: Reading) -> Alternative:
    """Both values, joined by "$"."""
    values = split(text, "$")
    order = arrangement([kind.name for kind in reading.parts])
    if order is None or len(values) != len(reading.parts) or not all(values):
        raise reading.refusal(f"{len(reading.parts)} values joined by $")
    token = reading.parts[order[0]].read(values[order[0]], reading)
    kind = reading.parts[order[1]]
    other = kind.read(values[order[1]], reading)
    if NOTHING in {token, other}:
        return NOTHING
    operands: tuple[Operand, ...] = other.operands
    if kind.name == "date":
        operands = tuple(sort_key(Decimal(int(operand))) for operand in operands)
    return Alternative(f"{token.form} + {kind.name} {other.form}", (*token.operands, *operands))


def _both(first: Form, kind: Kind, second: Form) -> Form:
    def clause(row: Row, operands: Sequence[Bind]) -> ColumnElement[bool]:
        part = _Part({name: row.c[column] for name, column in COLUMNS[kind.name].items()})
        return and_(first.clause(row, operands[: first.arity]), second.clause(part, operands[first.arity :]))

    return Form(first.arity + second.arity, clause)


COMPOSITE = Kind(
    name="composite",
    table=INDEX_COMPOSITE,
    sort_column="",
    modifiers=frozenset(),
    forms={
        f"{first} + {kind.name} {second}": _both(TOKEN.forms[first], kind, kind.forms[second])
        for first in TOKEN.forms
        for kind in _SECOND.values()
        for second in kind.forms
    },
    read=read,
    rank=4,
)
