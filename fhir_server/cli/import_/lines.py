"""Lines to settled entries: one for a resource, one for each entry of a Bundle, every id known.

https://hl7.org/fhir/R4/http.html#upsert  An id in a body is kept, as a PUT would; a body without one gets a new id.
A Bundle may be a transaction, batch or collection; what it would delete, patch or read is refused.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from fhir_server.cli.import_.files import Line
from fhir_server.errors import BadRequest, FhirError, Issue
from fhir_server.fhir.json import JsonObject, parse
from fhir_server.interactions.context import Core, Draft
from fhir_server.interactions.entries import Entry, Settled
from fhir_server.interactions.request import Request
from fhir_server.interactions.routes import Match, match

_KINDS = frozenset({"transaction", "batch", "collection"})
_VERBS = frozenset({"POST", "PUT"})


@dataclass(frozen=True, slots=True)
class Prepared:
    """A line whose bodies were checked; a Bundle's entries are linked to each other when they are written."""

    line: Line
    settled: tuple[Settled, ...]
    is_bundle: bool

    @property
    def keys(self) -> set[tuple[str, str | None]]:
        """Type and id of each resource that has an id so far."""
        return {(s.entry.match.type_name or "", s.outcome.resource_id) for s in self.settled if s.outcome.resource_id}

    @property
    def is_conditional(self) -> bool:
        """Whether something may have to be looked for first: If-None-Exist, or a reference by criteria."""
        return self.is_bundle and (b"?" in self.line.raw or b"ifNoneExist" in self.line.raw)


def prepared(core: Core, line: Line) -> Prepared:
    """The line, parsed and checked; raises a FhirError with all its problems."""
    body = parse(line.raw, max_depth=core.settings.max_depth)
    if not isinstance(body, dict):
        raise BadRequest("a line is expected to be one resource or Bundle, a JSON object", code="structure")
    if body.get("resourceType") != "Bundle":
        _check(core, [(body, "")])
        return Prepared(line, (_settled(core, 0, body, "", {}),), is_bundle=False)
    entries = _entries(body)
    _check(core, [(entry["resource"], f"Bundle.entry[{index}].resource") for index, entry in enumerate(entries)])
    settled = tuple(_of_entry(core, index, entry) for index, entry in enumerate(entries))
    return Prepared(line, settled, is_bundle=True)


def _entries(bundle: JsonObject) -> list[JsonObject]:
    if bundle.get("type") not in _KINDS:
        raise BadRequest("only a transaction, batch or collection is loaded", expression=("Bundle.type",), code="value")
    entries = bundle.get("entry", [])
    if not isinstance(entries, list) or not all(isinstance(entry, dict) for entry in entries):
        raise BadRequest("entry is expected to be a list of objects", expression=("Bundle.entry",), code="structure")
    for index, entry in enumerate(entries):
        place = f"Bundle.entry[{index}]"
        if not isinstance(entry.get("resource"), dict):
            raise BadRequest("an import needs a resource in each entry", expression=(place,), code="required")
        request = entry.get("request", {})
        if not isinstance(request, dict) or request.get("method", "PUT") not in _VERBS:
            raise BadRequest(
                "an import only stores: POST or PUT", expression=(f"{place}.request",), code="not-supported"
            )
    return entries


def _check(core: Core, bodies: list[tuple[JsonObject, str]]) -> None:
    found = [
        _placed(issue, place)
        for body, place in bodies
        for issue in core.validator.issues(body)
        if issue.severity in {"error", "fatal"}
    ]
    if found:
        raise BadRequest(issues=found[: core.settings.max_issues])


def _placed(issue: Issue, place: str) -> Issue:
    if not place:
        return issue
    return replace(issue, expression=tuple(".".join([place, *e.split(".")[1:]]) for e in issue.expression or ("",)))


def _of_entry(core: Core, index: int, entry: Mapping[str, Any]) -> Settled:
    try:
        return _settled(core, index, entry["resource"], str(entry.get("fullUrl", "")), entry.get("request", {}))
    except FhirError as error:
        expression = (f"Bundle.entry[{index}].resource",)
        error.issues = tuple(replace(i, expression=i.expression or expression) for i in error.issues)
        raise


def _settled(core: Core, index: int, body: JsonObject, full_url: str, request: Mapping[str, Any]) -> Settled:
    found = _match(core, body)
    if_none_exist = str(request.get("ifNoneExist", ""))
    entry = Entry(index, full_url, Request("PUT", "", body=body, if_none_exist=if_none_exist), found)
    place = f"Bundle.entry[{index}].resource" if full_url or request else ""
    draft = Draft("update", "PUT", found.type_name or "", found.resource_id, body, place=place, checked=True)
    return Settled(entry, draft if found.resource_id else replace(draft, interaction="create", method="POST"))


def _match(core: Core, body: JsonObject) -> Match:
    """The route that a client would have taken: raises what it would have been told."""
    type_name, resource_id = str(body.get("resourceType", "")), body.get("id")
    if resource_id is None:
        return match("POST", type_name, core.enabled)
    return match("PUT", f"{type_name}/{resource_id}", core.enabled)
