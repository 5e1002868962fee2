"""Tokens: `code`, `system|code`, `|code`, `system|`.

https://hl7.org/fhir/R4/search.html#token  Codes are compared as they are written: most code systems and all
identifiers that matter here distinguish case.
"""

from fhir_server.search.escapes import split, unescape
from fhir_server.search.kinds.kind import Kind, Reading, equal
from fhir_server.search.plan import Alternative
from fhir_server.store.index_rows import bounded
from fhir_server.store.tables import INDEX_TOKEN


def read(text: str, reading: Reading) -> Alternative:
    """One token; "|code" is a code that has no system."""
    parts = [bounded(unescape(part)) for part in split(text, "|")]
    if len(parts) == 1:
        return Alternative("code", (parts[0],))
    if len(parts) > 2 or parts == ["", ""]:
        raise reading.refusal("code, system|code, |code or system|")
    system, code = parts
    return Alternative("system and code", (code, system)) if code else Alternative("system", (system,))


def read_of_type(text: str, reading: Reading) -> Alternative:
    """The type and the value of an identifier: system|code|value."""
    parts = [unescape(part) for part in split(text, "|")]
    if len(parts) != 3 or not all(parts):
        raise reading.refusal("system|code|value of an identifier's type and value")
    return Alternative("system and code", (bounded(parts[2]), typed(parts[0], parts[1])))


def typed(system: str, code: str) -> str:
    """The type of an identifier, in the place of the system of a token."""
    return bounded(f"{system}|{code}")


TOKEN = Kind(
    name="token",
    table=INDEX_TOKEN,
    sort_column="code",
    modifiers=frozenset({"not"}),
    forms={
        "code": equal("code"),
        "system": equal("system"),
        "system and code": equal("code", "system", is_unique=True),
    },
    read=read,
    rank=3,
    has_empty_rows=True,
)
