"""Index rows: the searchable values of one resource, as the unit of work takes them.

https://hl7.org/fhir/R4/search.html  A search must pass its values through `bounded`, as the store does when it writes,
or it will not find long ones.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

_LONGEST = 300
KEPT = _LONGEST - 100
"""So many characters of a long text are kept as they are."""


@dataclass(slots=True)
class IndexRows:
    """Rows by kind of value, without tenant, pk and updated; dates are half-open ranges in epoch microseconds."""

    token: list[tuple[int, str, str]] = field(default_factory=list)
    """(param, system, code)"""
    reference: list[tuple[int, int, str, str]] = field(default_factory=list)
    """(param, target type number or 0, target id, target base or "" for this server)"""
    string: list[tuple[int, str, str]] = field(default_factory=list)
    """(param, folded, exact)"""
    date: list[tuple[int, int, int]] = field(default_factory=list)
    """(param, low, high)"""
    uri: list[tuple[int, str]] = field(default_factory=list)
    """(param, value)"""
    quantity: list[tuple[int, str, str, str]] = field(default_factory=list)
    """(param, unit or "" for the bare number, low, high)"""
    composite: list[tuple[int, str, str, str, str, int, str, str]] = field(default_factory=list)
    """(param, code, system, text, detail, target type number or 0, low, high)"""
    position: list[tuple[int, float, float, float]] = field(default_factory=list)
    """(param, x, y, z), on the unit sphere; all 0 for no place"""


def bounded(text: str, longest: int = _LONGEST) -> str:
    """The text as indexes hold it: a long one is cut and ends with its hash, since B-trees limit the size of a key."""
    if len(text) <= longest and "\0" not in text:
        return text
    return f"{text[: longest - 100]}#{hashlib.sha256(text.encode('utf-8', 'surrogatepass')).hexdigest()}".replace(
        "\0", "�"
    )


def bounded_rows(rows: Sequence[tuple[Any, ...]]) -> Sequence[tuple[Any, ...]]:
    """The rows with each text `bounded`."""
    for row in rows:
        for value in row:
            if type(value) is str and (len(value) > _LONGEST or "\0" in value):
                return [tuple(bounded(v) if isinstance(v, str) else v for v in r) for r in rows]
    return rows
