"""Strings: begins with, without regard to case and accents; `:contains` anywhere; `:exact` as written.

https://hl7.org/fhir/R4/search.html#string  A prefix is a range of the index, which is ordered by code point.
"""

from collections.abc import Sequence

from sqlalchemy import ColumnElement, and_

from fhir_server.search.escapes import unescape
from fhir_server.search.kinds.kind import Bind, Form, Kind, Reading, Row, equal
from fhir_server.search.plan import Alternative
from fhir_server.search.values import CONTAINED_LENGTH, FOLDED_LENGTH, fold
from fhir_server.store.index_rows import bounded
from fhir_server.store.tables import INDEX_STRING

_LAST = "\U0010ffff"
_ESCAPE = "!"


def read(text: str, reading: Reading) -> Alternative:
    """One string, read as its modifier wants it."""
    text = unescape(text)
    folded = fold(text)
    if reading.modifier == "exact":
        return Alternative("exact", (folded, bounded(text)))
    if not folded or len(text) > FOLDED_LENGTH:
        raise reading.refusal(f"1 to {FOLDED_LENGTH} characters that can be compared")
    if reading.modifier == "contains":
        if len(folded) > CONTAINED_LENGTH:
            raise reading.refusal(f"at most {CONTAINED_LENGTH} characters")
        for special in (_ESCAPE, "%", "_"):
            folded = folded.replace(special, _ESCAPE + special)
        return Alternative("contains", (f"%{folded}%",))
    return Alternative("prefix", (folded, f"{folded}{_LAST}"))


def _prefix(row: Row, operands: Sequence[Bind]) -> ColumnElement[bool]:
    return and_(row.c["folded"] >= operands[0], row.c["folded"] < operands[1])


def _contains(row: Row, operands: Sequence[Bind]) -> ColumnElement[bool]:
    return row.c["folded"].like(operands[0], escape=_ESCAPE)


STRING = Kind(
    name="string",
    table=INDEX_STRING,
    sort_column="folded",
    modifiers=frozenset({"exact", "contains"}),
    forms={
        "prefix": Form(2, _prefix),
        "contains": Form(1, _contains),
        "exact": equal("folded", "exact", is_unique=True),
    },
    read=read,
    rank=2,
    has_empty_rows=True,
)
