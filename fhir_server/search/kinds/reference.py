"""References: a bare id, `Type/id`, an absolute URL, a URN or canonical; `:Type` narrows a bare id.

https://hl7.org/fhir/R4/search.html#reference  A bare id means any type, since rows are kept of allowed targets only.
A URL on this server's base is the same as the relative form; versions are not compared, except a canonical's.
"""

import re

from fhir_server.search.escapes import unescape
from fhir_server.search.kinds.kind import Kind, Reading, equal
from fhir_server.search.plan import NOTHING, Alternative
from fhir_server.store.index_rows import bounded
from fhir_server.store.tables import INDEX_REFERENCE

_ID = re.compile(r"[A-Za-z0-9.\-]{1,64}")


def is_id(text: str) -> bool:
    """Whether a value is an id without its type."""
    return _ID.fullmatch(text) is not None


def read(text: str, reading: Reading) -> Alternative:
    """One reference; one that points nowhere ("PractitionerRole/") matches nothing."""
    text = unescape(text)
    only = reading.targets.numbers.get(reading.modifier, 0)
    if is_id(text):
        return Alternative("type and id", (text, only)) if only else Alternative("id", (text,))
    url, _, version = text.partition("|")
    if version:
        return Alternative("target", (bounded(f"{url.partition('#')[0]}|{version}"), 0, ""))
    target = reading.targets.of(url.partition("#")[0] or url)
    if target is None or (only and target.type_number != only):
        return NOTHING
    if target.type_number and not target.base:
        return Alternative("type and id", (target.target_id, target.type_number))
    return Alternative("target", (bounded(target.target_id), target.type_number, bounded(target.base)))


REFERENCE = Kind(
    name="reference",
    table=INDEX_REFERENCE,
    sort_column="target_id",
    modifiers=frozenset(),
    forms={
        "id": equal("target_id", target_base=""),
        "type and id": equal("target_id", "target_type", is_unique=True, target_base=""),
        "target": equal("target_id", "target_type", "target_base", is_unique=True),
    },
    read=read,
    rank=1,
    has_empty_rows=True,
)
