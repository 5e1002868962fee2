"""Dates: stored stretches of time against a prefix and a stretch of time, or against two that bound them.

https://hl7.org/fhir/R4/search.html#date  Results are ordered by the beginning, in both directions.
"""

from collections.abc import Callable, Mapping, Sequence
from itertools import product

from sqlalchemy import BigInteger, ColumnElement, and_, literal_column, type_coerce

from fhir_server.search.kinds.kind import Bind, Form, Kind, Row
from fhir_server.search.kinds.prefixes import PREFIXES, comparisons, read
from fhir_server.search.plan import Alternative
from fhir_server.search.values import FAR_FUTURE
from fhir_server.store.tables import INDEX_DATE

_AFTER, _BEFORE = ("ge", "gt", "sa"), ("le", "lt", "eb")
_ENDS_AFTER: Mapping[str, int] = {"ge": 0, "gt": 1, "sa": 1, "ap": 0}
"""Which operand the end of a stretch of time must lie behind, by prefix."""
_BEGINS_BEFORE: Mapping[str, int] = {"le": 1, "lt": 0, "eb": 0}
"""Which operand its beginning must lie before."""


def _comparison(prefix: str) -> Callable[[Row, Sequence[Bind]], ColumnElement[bool]]:
    return lambda row, operands: comparisons(row.c["low"], row.c["high"], operands)[prefix]


def _between(after: str, before: str) -> Form:
    first, second = _comparison(after), _comparison(before)
    return Form(4, lambda row, operands: and_(first(row, operands[:2]), second(row, operands[2:])))


def both(after: Alternative, before: Alternative) -> Alternative | None:
    """Two comparisons of one date as one, when the first bounds it below and the second above."""
    if after.form not in _AFTER or before.form not in _BEFORE:
        return None
    return Alternative(f"{after.form} {before.form}", (*after.operands, *before.operands))


def within_span(form: str, row: Row, operands: Sequence[Bind], span: int | None) -> list[ColumnElement[bool]]:
    """What must be true of the beginning of a stretch of time no longer than the span: bounds of the index."""
    after, before = form.split() if " " in form else (form, "" if form in _ENDS_AFTER else form)
    bounds = []
    if span is not None and after in _ENDS_AFTER:
        end = type_coerce(operands[_ENDS_AFTER[after]], BigInteger)
        bounds.append(row.c["low"] > end - literal_column(str(span), BigInteger))
    if before in _BEGINS_BEFORE:
        operand = _BEGINS_BEFORE[before] + (2 if " " in form else 0)
        bounds.append(row.c["low"] < operands[operand])
    return bounds


DATE = Kind(
    name="date",
    table=INDEX_DATE,
    sort_column="low",
    modifiers=frozenset(),
    forms={
        **{prefix: Form(2, _comparison(prefix)) for prefix in PREFIXES},
        **{f"{after} {before}": _between(after, before) for after, before in product(_AFTER, _BEFORE)},
    },
    read=read,
    rank=5,
    sort_below=FAR_FUTURE,
)
