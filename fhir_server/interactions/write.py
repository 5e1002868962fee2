"""THE write path: every change of every resource goes through `write`.

https://hl7.org/fhir/R4/http.html#create and what follows it. In order, for each draft: decide whether the principal
may; check the body's structure, so that nothing below reads a malformed one; read what is there; check the version;
authorize old and new content; run the write rules, whose further changes re-enter here; stamp, index, hand to the unit
of work with its audit record.
Nothing is stored until the unit of work commits, and then all of it is.
"""

import uuid
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, replace

from fhir_server.errors import BadRequest, Conflict, FhirError, Forbidden, Issue, NotFound, PreconditionFailed
from fhir_server.fhir import meta
from fhir_server.fhir.json import JsonObject, parse_stored
from fhir_server.interactions import trail
from fhir_server.interactions.context import Context, Draft, Proposal
from fhir_server.interactions.criteria import is_named
from fhir_server.interactions.current import Current
from fhir_server.store.database import UnitOfWork
from fhir_server.store.stored import Stored
from fhir_server.store.unit_of_work import Change, IndexRows

_MOST_CHANGES_BY_RULES = 200
_NO_INDEX = IndexRows()


@dataclass(frozen=True, slots=True)
class Written:
    """What became of a draft: `change` is its place among the unit's stored versions, None if nothing changed."""

    draft: Draft
    resource_id: str
    version_id: int | None
    created: bool
    change: int | None


def write(context: Context, uow: UnitOfWork, drafts: Sequence[Draft]) -> list[Written]:
    """Take drafts through the write path into a unit of work; the answer has one `Written` for each, in order.

    Raises BadRequest with the problems of all bodies, Forbidden, NotFound, Conflict, PreconditionFailed.
    """
    check_structure(context, drafts)
    context = context.changing(drafts)
    current = Current(context, drafts)
    waiting = deque(drafts)
    taken: set[tuple[str, str]] = set()
    written: list[Written] = []
    while waiting:
        draft = waiting.popleft()
        try:
            result, further = _write_one(context, uow, draft, current)
        except FhirError as error:
            raise _placed(error, draft) from error
        key = (draft.type_name, result.resource_id)
        if result.change is not None and key in taken:
            raise Conflict(f"two changes of {draft.type_name}/{result.resource_id} in one transaction")
        taken.add(key)
        written.append(result)
        if further:
            if len(written) > _MOST_CHANGES_BY_RULES + len(drafts):
                raise Conflict("the rules of this server led to too many further changes")
            check_structure(context, further)
            context = context.changing(further)
            waiting.extend(further)
    return written[: len(drafts)]


def check_structure(context: Context, drafts: Sequence[Draft]) -> None:
    """Check the bodies that were not yet; raises BadRequest with the problems of all of them."""
    errors: list[Issue] = []
    most = context.core.settings.max_issues
    for draft in drafts:
        if draft.resource is None or draft.checked:
            continue
        for issue in context.core.validator.issues(draft.resource):
            if issue.severity in {"error", "fatal"}:
                errors.append(_at(issue, draft))
            else:
                context.notes.append(_at(issue, draft))
    if len(errors) > most and len(drafts) > 1:
        errors = [*errors[:most], Issue("error", "informational", "there are more problems than are listed here")]
    if errors:
        raise BadRequest(issues=errors)


def _at(issue: Issue, draft: Draft) -> Issue:
    if not draft.place:
        return issue
    return replace(issue, expression=tuple(f"{draft.place}{_below(e)}" for e in issue.expression or ("",)))


def _below(expression: str) -> str:
    _, dot, rest = expression.partition(".")
    return f".{rest}" if dot else ""


def _placed(error: FhirError, draft: Draft) -> FhirError:
    if draft.place:
        error.issues = tuple(i if i.expression else replace(i, expression=(draft.place,)) for i in error.issues)
    return error


def _write_one(context: Context, uow: UnitOfWork, draft: Draft, current: Current) -> tuple[Written, Sequence[Draft]]:
    context.visible(draft.interaction, draft.type_name)
    there = current.of(draft)
    check_version(draft, there)
    if draft.resource is None and (there is None or there.deleted):
        _record(context, uow, draft, draft.resource_id or "", version_id=None, status=204)
        return Written(draft, draft.resource_id or "", None, False, None), ()
    if draft.resource_id is not None and there is None and not draft.is_new:
        _check_may_appear(context, draft, current)
    resource_id = draft.resource_id or str(uuid.uuid4())
    version_id = 1 if there is None else there.version_id + 1
    further = _authorize_and_rule(context, draft, resource_id, version_id, there)
    place = uow.change(_change(context, draft, resource_id, version_id, there))
    created = there is None or there.deleted
    status = 204 if draft.resource is None else 201 if created else 200
    _record(context, uow, draft, resource_id, version_id=version_id, status=status)
    return Written(draft, resource_id, version_id, created, place), further


def check_version(draft: Draft, there: Stored | None) -> None:
    """Hold If-Match and If-None-Match against what is there; raises PreconditionFailed."""
    if draft.matches is not None and not is_named(draft.matches, there):
        raise PreconditionFailed("If-Match names another version than the current one; read it again and retry")
    if draft.differs is not None and is_named(draft.differs, there):
        raise PreconditionFailed("If-None-Match names what is there; leave it out to change that")


def _check_may_appear(context: Context, draft: Draft, current: Current) -> None:
    """An id chosen by the client must be free, also of rows this principal cannot see."""
    if not context.core.settings.update_as_create:
        raise NotFound(f"no {draft.type_name} with this id; this server chooses the ids: use POST")
    if current.is_hidden(draft):
        raise Forbidden(f"a {draft.type_name} cannot be created with this id; use POST")


def _authorize_and_rule(
    context: Context, draft: Draft, resource_id: str, version_id: int, there: Stored | None
) -> Sequence[Draft]:
    def before() -> JsonObject | None:
        return None if there is None or there.deleted else parse_stored(there.body)

    core = context.core
    core.policy.authorize(context.principal, draft.interaction, draft.type_name, before=before(), after=draft.resource)
    if not core.rules:
        return ()
    proposal = Proposal(draft, resource_id, version_id, before, draft.resource)
    return [further for rule in core.rules for further in rule(context, proposal)]


def _change(context: Context, draft: Draft, resource_id: str, version_id: int, there: Stored | None) -> Change:
    head, tail, index, work = "", "", _NO_INDEX, None
    core = context.core
    if draft.resource is not None:
        resource = _with_id(draft.resource, resource_id)
        head, tail = meta.split_for_stamp(resource)
        index = core.extractor.index_rows(resource)
        work = core.extractor.work_row(resource, index)
    return Change(
        type_number=core.definitions.resource_types[draft.type_name],
        resource_id=resource_id,
        pk=None if there is None else there.pk,
        version_id=version_id,
        deleted=draft.resource is None,
        method=draft.method,
        head=head,
        tail=tail,
        index=index,
        work=work,
    )


def _with_id(resource: JsonObject, resource_id: str) -> JsonObject:
    if resource.get("id") == resource_id:
        return resource
    rest = {name: value for name, value in resource.items() if name not in {"resourceType", "id"}}
    return {"resourceType": resource["resourceType"], "id": resource_id, **rest}


def _record(
    context: Context, uow: UnitOfWork, draft: Draft, resource_id: str, *, version_id: int | None, status: int
) -> None:
    if context.unit is not None:
        context.unit.append(f"{draft.type_name}/{resource_id}/_history/{version_id}")
        return
    record = trail.record(
        context if draft.query is None else replace(context, query=draft.query),
        draft.interaction,
        status,
        type_name=draft.type_name,
        resource_id=resource_id,
        version_id=version_id,
        entry=context.entry if draft.entry is None else draft.entry,
    )
    trail.leave(uow, record)
