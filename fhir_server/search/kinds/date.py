"""Dates: stored stretches of time against a prefix and a stretch of time.

https://hl7.org/fhir/R4/search.html#date  Results are ordered by the beginning, in both directions.
"""

from collections.abc import Callable, Sequence

from sqlalchemy import ColumnElement

from fhir_server.search.kinds.kind import Bind, Form, Kind, Row
from fhir_server.search.kinds.prefixes import PREFIXES, comparisons, read
from fhir_server.search.values import FAR_FUTURE
from fhir_server.store.tables import INDEX_DATE


def _comparison(prefix: str) -> Callable[[Row, Sequence[Bind]], ColumnElement[bool]]:
    return lambda row, operands: comparisons(row.c["low"], row.c["high"], operands)[prefix]


DATE = Kind(
    name="date",
    table=INDEX_DATE,
    sort_column="low",
    modifiers=frozenset(),
    forms={prefix: Form(2, _comparison(prefix)) for prefix in PREFIXES},
    read=read,
    rank=5,
    sort_below=FAR_FUTURE,
)
