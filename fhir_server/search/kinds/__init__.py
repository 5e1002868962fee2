"""The kinds of search parameters: how each reads a value, and compares it with its index rows.

One module a kind; `KINDS` has them by the name that conditions use, `id` and `updated` being columns of the resource
itself. May import what `search` may.
"""

from collections.abc import Mapping

from fhir_server.search.kinds import composite, date, own, position, quantity, reference, string, token, uri
from fhir_server.search.kinds.kind import Kind, Reading

__all__ = ["KINDS", "OWN", "Kind", "Reading"]

KINDS: Mapping[str, Kind] = {
    kind.name: kind
    for kind in (
        token.TOKEN, reference.REFERENCE, string.STRING, date.DATE, uri.URI, quantity.NUMBER, quantity.QUANTITY,
        composite.COMPOSITE, position.POSITION, own.ID, own.UPDATED,
    )
}  # fmt: skip

OWN: Mapping[str, Kind] = {"_id": own.ID, "_lastUpdated": own.UPDATED}
"""Parameters whose value is a column of the resource, by code."""
