"""URIs: the whole value, as it is written.

https://hl7.org/fhir/R4/search.html#uri  A versioned canonical has a row with its version and one without, so it is
found either way.
"""

from fhir_server.search.escapes import unescape
from fhir_server.search.kinds.kind import Kind, Reading, equal
from fhir_server.search.plan import Alternative
from fhir_server.store.index_rows import bounded
from fhir_server.store.tables import INDEX_URI


def read(text: str, _: Reading) -> Alternative:
    """One URI."""
    return Alternative("value", (bounded(unescape(text)),))


URI = Kind(
    name="uri",
    table=INDEX_URI,
    sort_column="value",
    modifiers=frozenset(),
    forms={"value": equal("value", is_unique=True)},
    read=read,
    rank=4,
)
