"""create, update, patch and delete, with their conditional forms, each one unit of work through the write path.

https://hl7.org/fhir/R4/http.html#create  Handlers return answers made after the commit; a refusal leaves nothing.
"""

from collections.abc import Callable
from dataclasses import replace

from fhir_server.errors import BadRequest, Conflict, Gone, NotFound, UnsupportedMediaType
from fhir_server.fhir import fhirpath_patch, json_patch
from fhir_server.fhir.json import JsonObject, parse_stored
from fhir_server.interactions import criteria
from fhir_server.interactions.context import Context, Draft
from fhir_server.interactions.request import JSON_PATCH, Answer, Request, etag
from fhir_server.interactions.routes import ID, Match
from fhir_server.interactions.transact import transact
from fhir_server.interactions.write import Written, write
from fhir_server.store import reading
from fhir_server.store.stored import Stored

Found = Draft | Stored
"""A draft to write, or a stored version that answers the request as it is."""


def change(context: Context, request: Request, match: Match) -> Answer:
    """Perform one changing interaction in a unit of work of its own."""
    interaction = match.route.code.removeprefix("conditional-")
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
        return Answer(200, interaction, match.type_name or "", found, location=location_of(match, found))
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


def location_of(match: Match, stored: Stored) -> str:
    """The relative address of a stored version."""
    return f"{match.type_name}/{stored.resource_id}/_history/{stored.version_id}"


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
        if isinstance(tag, dict) and tag.get("code") == "SUBSETTED":
            raise BadRequest(
                "the body is marked SUBSETTED, so parts of it are missing; read the whole resource before updating",
                expression=(f"{body['resourceType']}.meta.tag",),
                code="incomplete",
            )


def _create(context: Context, request: Request, match: Match) -> Found:
    draft = Draft("create", "POST", _type(match), None, request.body)
    if request.if_none_exist:
        there = criteria.one_match(context, "create", draft.type_name, criteria.pairs_of(request.if_none_exist))
        if there is not None:
            return there
    return draft


def _update(context: Context, request: Request, match: Match) -> Found:
    return Draft(
        "update", "PUT", _type(match), match.resource_id, request.body, must_match=criteria.version_of(request.if_match)
    )


def _delete(context: Context, request: Request, match: Match) -> Found:
    must_match = criteria.version_of(request.if_match)
    return Draft("delete", "DELETE", _type(match), match.resource_id, None, must_match=must_match)


def _patch(context: Context, request: Request, match: Match) -> Found:
    visible = context.visible("patch", match.type_name)
    number = context.core.definitions.resource_types[_type(match)]
    there = reading.read_current(context.rows, number, match.resource_id or "", tenant=context.tenant, visible=visible)
    return _patched(context, request, match, there)


def _patched(context: Context, request: Request, match: Match, there: Stored | None) -> Draft:
    if there is None:
        raise NotFound(f"no {match.type_name} with this id")
    if there.deleted:
        raise Gone(f"this {match.type_name} was deleted", headers={"ETag": etag(there.version_id)})
    resource = _apply_patch(context, request, parse_stored(there.body))
    if resource.get("id") != there.resource_id or resource.get("resourceType") != match.type_name:
        raise BadRequest("a patch may not change resourceType or id", expression=(f"{match.type_name}.id",))
    must_match = criteria.version_of(request.if_match)
    return Draft(
        "patch", "PATCH", _type(match), there.resource_id, resource,
        must_match=there.version_id if must_match is None else must_match, must_exist=True,
    )  # fmt: skip


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
    given = request.body.get("id")
    if there is not None:
        if given is not None and given != there.resource_id:
            raise BadRequest(
                "the criteria match a resource with another id than the body's", expression=(f"{match.type_name}.id",)
            )
        body = {**request.body, "id": there.resource_id}
        return Draft("update", "PUT", _type(match), there.resource_id, body, criteria.version_of(request.if_match))
    if given is None:
        return Draft("update", "PUT", _type(match), None, request.body)
    if not isinstance(given, str) or not ID.match(given):
        raise BadRequest("an id has 1 to 64 letters, digits, '-' and '.'", expression=(f"{match.type_name}.id",))
    draft = _update(context, request, replace(match, resource_id=given))
    number = context.core.definitions.resource_types[_type(match)]
    visible = context.visible("update", match.type_name)
    exists = reading.read_current(context.rows, number, given, tenant=context.tenant, visible=visible)
    if exists is not None and not exists.deleted:
        raise Conflict("no resource matches the criteria, but one with the body's id exists")
    return draft


def _conditional_patch(context: Context, request: Request, match: Match) -> Found:
    there = criteria.one_match(context, "patch", _type(match), request.query)
    return _patched(context, request, match, there)


def _conditional_delete(context: Context, request: Request, match: Match) -> Found:
    there = criteria.one_match(context, "delete", _type(match), request.query)
    found = replace(match, resource_id="" if there is None else there.resource_id)
    return _delete(context, request, found)


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
