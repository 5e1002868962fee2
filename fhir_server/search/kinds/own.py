"""`_id` and `_lastUpdated`: parameters whose values are columns of the resource.

https://hl7.org/fhir/R4/search.html#all  An instant of lastUpdated is a range of one microsecond, the precision in which
it is stored and shown: `gt` of a value that the server has shown finds what is strictly newer, and misses nothing.
"""

from collections.abc import Callable, Sequence

from sqlalchemy import ColumnElement, and_

from fhir_server.search.escapes import unescape
from fhir_server.search.kinds import prefixes
from fhir_server.search.kinds.kind import Bind, Form, Kind, Reading, Row, equal
from fhir_server.search.plan import Alternative


def _read_id(text: str, _: Reading) -> Alternative:
    return Alternative("id", (unescape(text),))


def _comparison(prefix: str) -> Callable[[Row, Sequence[Bind]], ColumnElement[bool]]:
    def clause(row: Row, operands: Sequence[Bind]) -> ColumnElement[bool]:
        updated, (low, high) = row.c["updated"], operands
        # [updated, updated + 1) against [low, high), written so that an index on `updated` serves.
        return {
            "eq": (updated >= low) & (updated < high),
            "ne": (updated < low) | (updated >= high),
            "gt": updated >= high,
            "lt": updated < low,
            "ge": updated >= low,
            "le": updated < high,
            "sa": updated >= high,
            "eb": updated < low,
            "ap": (updated >= low) & (updated < high),
        }[prefix]

    return clause


ID = Kind(
    name="id",
    table=None,
    sort_column="resource_id",
    modifiers=frozenset({"not"}),
    forms={
        "id": equal("resource_id", is_unique=True),
        "type and id": Form(
            2, lambda row, operands: and_(row.c["type"] == operands[0], row.c["resource_id"] == operands[1])
        ),
    },
    read=_read_id,
    rank=0,
)

UPDATED = Kind(
    name="updated",
    table=None,
    sort_column="updated",
    modifiers=frozenset(),
    forms={prefix: Form(2, _comparison(prefix)) for prefix in prefixes.PREFIXES},
    read=prefixes.read,
    rank=9,
)
