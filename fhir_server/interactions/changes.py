"""create, update, patch and delete, with their conditional forms, each one unit of work through the write path.

https://hl7.org/fhir/R4/http.html#create  Handlers return answers made after the commit; a refusal leaves nothing.
"""

from collections.abc import Callable
from dataclasses import replace

from fhir_server.errors import BadRequest, Conflict, Gone, NotFound, UnsupportedMediaType
from fhir_server.fhir import fhirpath_patch, json_patch, subset
from fhir_server.fhir.json import JsonObject, parse_stored
from fhir_server.interactions import criteria
from fhir_server.interactions.context import Context, Draft
from fhir_server.interactions.request import JSON_PATCH, Answer, Request, etag
from fhir_server.interactions.routes import ID, Match
from fhir_server.interactions.transact import transact
from fhir_server.interactions.write import Written, check_version, write
from fhir_server.store import reading
from fhir_server.store.stored import Stored

_SUBSETTED_SYSTEMS = (None, subset.SUBSETTED["system"], "http://hl7.org/fhir/v3/ObservationValue")

Found = Draft | Stored
"""A draft to write, or a stored version that answers the request as it is."""


def change(context: Context, request: Request, match: Match) -> Answer:
    """Perform one changing interaction in a unit of work of its own."""
    interaction = match.interaction
    context.visible(interaction, match.type_name)
    if request.body is not None and interaction != "patch":
        check_body(request.body, match)

    def attempt(inner: Context) -> tuple[Found, list[Written]]:
        found = drafted(inner, request, match)
        if isinstance(found, Stored):
            return found, []
        return found, write(inner, inner.unit_of_work, [found])

    conditional = bool(request.if_none_exist) or match.route.code.startswith("conditional-")
    (found, written), stored = transact(context, attempt, in_order=conditional)
    if isinstance(found, Stored):
        return matched(match, found)
    return answer_of(written[0], stored)


def answer_of(written: Written, stored: list[Stored]) -> Answer:
    """The answer to one written draft, once its unit of work has its versions."""
    draft = written.draft
    version = None if written.change is None else stored[written.change]
    if draft.resource is None:
        headers = {} if version is None else {"ETag": etag(version.version_id)}
        return Answer(204, "delete", draft.type_name, version, audited=True, headers=headers)
    assert version is not None
    where = f"{draft.type_name}/{written.resource_id}/_history/{version.version_id}"
    return Answer(
        201 if written.created else 200, draft.interaction, draft.type_name, version, location=where, audited=True
    )


def matched(match: Match, stored: Stored) -> Answer:
    """The answer to a conditional create that found its resource there already; its record is to be written."""
    where = f"{match.type_name}/{stored.resource_id}/_history/{stored.version_id}"
    return Answer(200, "create", match.type_name or "", stored, location=where)


def drafted(context: Context, request: Request, match: Match) -> Found:
    """The draft that a request asks for, its criteria resolved among what the context can see."""
    return _DRAFTERS[match.route.code](context, request, match)


def check_body(body: object, match: Match) -> None:
    """A body is a whole resource of the path's type, and its id the path's; raises BadRequest."""
    if not isinstance(body, dict):
        raise BadRequest("the body must be one resource, a JSON object", code="structure")
    if body.get("resourceType") != match.type_name:
        raise BadRequest(
            f"the path names {match.type_name}, the body another type; send the resource to its own type",
            expression=("resourceType",),
        )
    _check_whole(body)
    if match.resource_id is not None and body.get("id") != match.resource_id:
        raise BadRequest(
            "the body's id must be present and equal the id in the path", expression=(f"{match.type_name}.id",)
        )


def _check_whole(body: JsonObject) -> None:
    meta = body.get("meta")
    tags = meta.get("tag") if isinstance(meta, dict) else None
    for tag in tags if isinstance(tags, list) else ():
        if isinstance(tag, dict) and tag.get("code") == "SUBSETTED" and tag.get("system") in _SUBSETTED_SYSTEMS:
            raise BadRequest(
                "the body is marked SUBSETTED, so parts of it are missing; read the whole resource before updating",
                expression=(f"{body['resourceType']}.meta.tag",),
                code="incomplete",
            )


def _create(context: Context, request: Request, match: Match) -> Found:
    draft = Draft("create", "POST", _type(match), None, request.body)
    if request.if_none_exist:
        wanted = criteria.pairs_of(request.if_none_exist, draft.type_name)
        there = criteria.one_match(context, "create", draft.type_name, wanted)
        if there is not None:
            return there
    return draft


def _update(context: Context, request: Request, match: Match) -> Found:
    return _conditioned(request, Draft("update", "PUT", _type(match), match.resource_id, request.body))


def _delete(context: Context, request: Request, match: Match) -> Found:
    return _conditioned(request, Draft("delete", "DELETE", _type(match), match.resource_id, None))


def _conditioned(request: Request, draft: Draft) -> Draft:
    """The draft with the request's preconditions."""
    matches, differs = criteria.versions_of(request.if_match), criteria.versions_of(request.if_none_match)
    return draft if matches is None and differs is None else replace(draft, matches=matches, differs=differs)


def _patch(context: Context, request: Request, match: Match) -> Found:
    visible = context.visible("patch", match.type_name)
    number = context.core.definitions.resource_types[_type(match)]
    there = reading.read_current(context.rows, number, match.resource_id or "", tenant=context.tenant, visible=visible)
    return _patched(context, request, match, there)


def _patched(context: Context, request: Request, match: Match, there: Stored | None) -> Draft:
    """The draft made from the version that is there; its preconditions go before the patch itself."""
    draft = _conditioned(request, Draft("patch", "PATCH", _type(match), None, None, base=there))
    if there is None:
        raise NotFound(f"no {match.type_name} with this id")
    if there.deleted:
        raise Gone(f"this {match.type_name} was deleted", headers={"ETag": etag(there.version_id)})
    check_version(draft, there)
    resource = _apply_patch(context, request, parse_stored(there.body))
    if resource.get("id") != there.resource_id or resource.get("resourceType") != match.type_name:
        raise BadRequest("a patch may not change resourceType or id", expression=(f"{match.type_name}.id",))
    _check_whole(resource)
    return replace(draft, resource_id=there.resource_id, resource=resource)


def _apply_patch(context: Context, request: Request, resource: JsonObject) -> JsonObject:
    patched: JsonObject
    if request.media_type == JSON_PATCH:
        patched = json_patch.apply(resource, request.body)
        return patched
    if isinstance(request.body, dict) and request.body.get("resourceType") == "Parameters":
        return fhirpath_patch.apply(resource, request.body, structures=context.core.definitions)
    raise UnsupportedMediaType(
        "PATCH takes JSON Patch (application/json-patch+json) or a FHIRPath Patch (Parameters as application/fhir+json)"
    )


def _conditional_update(context: Context, request: Request, match: Match) -> Found:
    there = criteria.one_match(context, "update", _type(match), request.query)
    draft = _conditioned(request, Draft("update", "PUT", _type(match), None, request.body, base=there))
    given = request.body.get("id")
    if there is not None:
        if given is not None and given != there.resource_id:
            raise BadRequest(
                "the criteria match a resource with another id than the body's", expression=(f"{match.type_name}.id",)
            )
        return replace(draft, resource_id=there.resource_id, resource={**request.body, "id": there.resource_id})
    if given is None:
        return draft
    if not isinstance(given, str) or not ID.match(given):
        raise BadRequest("an id has 1 to 64 letters, digits, '-' and '.'", expression=(f"{match.type_name}.id",))
    number = context.core.definitions.resource_types[_type(match)]
    visible = context.visible("update", match.type_name)
    exists = reading.read_current(context.rows, number, given, tenant=context.tenant, visible=visible)
    if exists is not None and not exists.deleted:
        raise Conflict("no resource matches the criteria, but one with the body's id exists")
    return replace(draft, resource_id=given, base=exists)


def _conditional_patch(context: Context, request: Request, match: Match) -> Found:
    there = criteria.one_match(context, "patch", _type(match), request.query)
    return _patched(context, request, match, there)


def _conditional_delete(context: Context, request: Request, match: Match) -> Found:
    there = criteria.one_match(context, "delete", _type(match), request.query)
    resource_id = None if there is None else there.resource_id
    return _conditioned(request, Draft("delete", "DELETE", _type(match), resource_id, None, base=there))


def _type(match: Match) -> str:
    assert match.type_name is not None
    return match.type_name


_DRAFTERS: dict[str, Callable[[Context, Request, Match], Found]] = {
    "create": _create,
    "update": _update,
    "patch": _patch,
    "delete": _delete,
    "conditional-update": _conditional_update,
    "conditional-patch": _conditional_patch,
    "conditional-delete": _conditional_delete,
}
