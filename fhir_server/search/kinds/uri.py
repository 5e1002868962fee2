"""URIs: the whole value, as it is written.

https://hl7.org/fhir/R4/search.html#uri  A versioned canonical has a row with its version and one without, so it is
found either way.
"""

from collections.abc import Sequence

from sqlalchemy import ColumnElement, and_, or_

from fhir_server.search.escapes import unescape
from fhir_server.search.kinds.kind import Bind, Form, Kind, Reading, Row, equal
from fhir_server.search.plan import Alternative
from fhir_server.search.values import split_canonical
from fhir_server.store.index_rows import KEPT, bounded
from fhir_server.store.tables import INDEX_URI

MAX_ABOVE = 2_000
"""Characters of a value whose beginnings are looked for: there may be as many of these."""


def read(text: str, reading: Reading) -> Alternative:
    """One URI, or with `:below` one and all that continues it after a slash."""
    uri = unescape(text)
    if reading.is_canonical:
        url, version = split_canonical(uri)
        uri = f"{url}|{version}" if version else url
    if reading.modifier != "below":
        return Alternative("value", (bounded(uri),))
    start = uri if uri.endswith("/") else f"{uri}/"
    if len(start) > KEPT:
        raise reading.refusal(f"at most {KEPT} characters")
    return Alternative("below", (uri, start, f"{start[:-1]}0"))  # "0" comes right after "/"


def above(text: str, reading: Reading) -> list[Alternative]:
    """One URI, and all that it continues after a slash."""
    uri = unescape(text)
    if len(uri) > MAX_ABOVE:
        raise reading.refusal(f"at most {MAX_ABOVE} characters")
    found = [uri, *(uri[: at + more] for at, letter in enumerate(uri) if letter == "/" for more in (0, 1))]
    return [Alternative("value", (bounded(part),)) for part in dict.fromkeys(found) if part]


def _below(row: Row, operands: Sequence[Bind]) -> ColumnElement[bool]:
    uri, start, end = operands
    return or_(row.c["value"] == uri, and_(row.c["value"] >= start, row.c["value"] < end))


URI = Kind(
    name="uri",
    table=INDEX_URI,
    sort_column="value",
    modifiers=frozenset({"below"}),
    forms={"value": equal("value", is_unique=True), "below": Form(3, _below)},
    read=read,
    rank=4,
    has_empty_rows=True,
)
