"""read and vread, conditional and not.

https://hl7.org/fhir/R4/http.html#read  What the principal may not see answers exactly like what does not exist.
"""

from fhir_server.errors import Gone, NotFound
from fhir_server.interactions.context import Context
from fhir_server.interactions.criteria import is_listed, moments_of
from fhir_server.interactions.request import Answer, Request, etag
from fhir_server.interactions.routes import Match
from fhir_server.interactions.subsetting import reduction
from fhir_server.store import reading
from fhir_server.store.stored import Stored


def read(context: Context, request: Request, match: Match) -> Answer:
    """The current version, 304 if the client has it; raises NotFound, or Gone with the tombstone's ETag."""
    type_name, resource_id = match.type_name or "", match.resource_id or ""
    visible = context.visible("read", type_name)
    number = context.core.definitions.resource_types[type_name]
    stored = reading.read_current(context.rows, number, resource_id, tenant=context.tenant, visible=visible)
    return _answer(context, "read", type_name, stored, request)


def vread(context: Context, request: Request, match: Match) -> Answer:
    """One version, current or not; raises NotFound, or Gone for the version that deleted."""
    type_name, resource_id = match.type_name or "", match.resource_id or ""
    visible = context.visible("vread", type_name)
    number = context.core.definitions.resource_types[type_name]
    stored = reading.read_version(
        context.rows, number, resource_id, match.version_id or 0, tenant=context.tenant, visible=visible
    )
    return _answer(context, "vread", type_name, stored, request)


def _answer(context: Context, interaction: str, type_name: str, stored: Stored | None, request: Request) -> Answer:
    if stored is None:
        raise NotFound(
            f"no {type_name} with this id" if interaction == "read" else f"no such version of this {type_name}"
        )
    if stored.deleted:
        raise Gone(f"this {type_name} was deleted", headers={"ETag": etag(stored.version_id)})
    if (request.if_none_match or request.if_modified_since) and _is_unchanged(context, interaction, stored, request):
        return Answer(304, interaction, type_name, stored)
    reduce = reduction(context, request) if request.query else None
    return Answer(200, interaction, type_name, stored, text=None if reduce is None else reduce(stored.body))


def _is_unchanged(context: Context, interaction: str, stored: Stored, request: Request) -> bool:
    """Whether 304 is true; If-None-Match goes before If-Modified-Since (RFC 9110, 13.2.2)."""
    if request.if_none_match:
        return is_listed(request.if_none_match, stored)
    moments = moments_of(request.if_modified_since)
    if moments is None or stored.updated >= moments.high:
        return False
    if interaction == "vread" or stored.version_id == 1 or stored.updated < moments.low:
        return True
    # A date is as coarse as a second: the client may know the version before, if that is of the same second.
    visible = context.visible(interaction, context.core.type_names[stored.type_number])
    before = reading.read_version(
        context.rows,
        stored.type_number,
        stored.resource_id,
        stored.version_id - 1,
        tenant=context.tenant,
        visible=visible,
    )
    return before is None or before.updated < moments.low
