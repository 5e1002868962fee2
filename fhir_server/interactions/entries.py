"""Entries of a batch or transaction, read into requests: https://hl7.org/fhir/R4/http.html#transaction .

An entry may name only what is below this server's base; a bundle never reaches another route or host.
"""

import base64
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Any
from urllib.parse import unquote

from fhir_server.errors import BadRequest, FhirError
from fhir_server.fhir.json import JsonObject, parse
from fhir_server.interactions.context import Context, Draft
from fhir_server.interactions.parameters import pairs
from fhir_server.interactions.request import JSON_PATCH, Request
from fhir_server.interactions.routes import Match, match
from fhir_server.store.stored import Stored

ORDER = {"DELETE": 0, "POST": 1, "PUT": 2, "PATCH": 2, "GET": 3, "HEAD": 3}


@dataclass(frozen=True, slots=True)
class Entry:
    """One entry: its place in the bundle, its fullUrl ("" if none), the request it makes and the route it takes."""

    index: int
    full_url: str
    request: Request
    match: Match

    @property
    def place(self) -> str:
        """The FHIRPath expression of the entry's resource."""
        return f"Bundle.entry[{self.index}].resource"

    @contextmanager
    def blamed(self, *, part: str = "resource") -> Iterator[None]:
        """Inside, a refusal that names no place names this entry's part."""
        try:
            yield
        except FhirError as error:
            place = f"Bundle.entry[{self.index}].{part}"
            error.issues = tuple(replace(i, expression=i.expression or (place,)) for i in error.issues)
            raise


@dataclass(slots=True)
class Settled:
    """An entry whose identity is known: a draft to write, or the stored version that answers it.

    `repeated` are further entries with the same conditional create, which get the same resource; `awaited` are the
    conditional references that its body still holds.
    """

    entry: Entry
    outcome: Draft | Stored
    repeated: list[Entry] = field(default_factory=list)
    awaited: frozenset[str] = frozenset()


def check_envelope(context: Context, body: JsonObject) -> list[JsonObject]:
    """The entries of a well-formed batch or transaction; raises BadRequest naming each fault of the envelope."""
    entries: Any = body.get("entry", [])
    limit = context.core.settings.max_entries
    if isinstance(entries, list) and len(entries) > limit:
        raise BadRequest(
            f"a bundle may have at most {limit} entries; split it", code="too-costly", expression=("Bundle.entry",)
        )
    envelope = dict(body)
    if isinstance(entries, list) and entries:
        envelope["entry"] = [_without_resource(entry) for entry in entries]
    issues = [i for i in context.core.validator.issues(envelope) if i.severity in {"error", "fatal"}]
    if issues:
        raise BadRequest(issues=issues)
    checked: list[JsonObject] = entries
    return checked


def _without_resource(entry: Any) -> Any:
    if not isinstance(entry, dict) or "resource" not in entry:
        return entry
    rest = {name: value for name, value in entry.items() if name != "resource"}
    return rest or {"fullUrl": "urn:uuid:00000000-0000-4000-8000-000000000000"}


def entry_of(context: Context, index: int, entry: JsonObject) -> Entry:
    """One entry's request; raises a FhirError that names the entry."""
    try:
        return _entry_of(context, index, entry)
    except FhirError as error:
        place = f"Bundle.entry[{index}].request"
        error.issues = tuple(replace(i, expression=i.expression or (place,)) for i in error.issues)
        raise


def _entry_of(context: Context, index: int, entry: JsonObject) -> Entry:
    asked = entry.get("request")
    if not isinstance(asked, dict):
        raise BadRequest("each entry of a batch or transaction needs a request with method and url", code="required")
    method = asked["method"]
    path, query = _address(context, asked["url"])
    body, media_type = _body(context, method, entry.get("resource"))
    request = Request(
        method=method,
        path=path,
        query=pairs(query),
        body=body,
        media_type=media_type,
        if_match=asked.get("ifMatch", ""),
        if_none_match=asked.get("ifNoneMatch", ""),
        if_modified_since=asked.get("ifModifiedSince", ""),
        if_none_exist=asked.get("ifNoneExist", ""),
    )
    found = match(method, path, context.core.enabled)
    if method == "POST" and found.interaction != "create":
        raise BadRequest("a bundle may not hold another batch, transaction or form; search by GET")
    if method in {"POST", "PUT", "PATCH"} and body is None:
        raise BadRequest(f"{method} needs a resource in the entry", code="required")
    return Entry(index, entry.get("fullUrl", ""), request, found)


def _address(context: Context, url: str) -> tuple[str, str]:
    path, _, query = url.removeprefix(context.core.settings.fhir_base + "/").partition("?")
    path = unquote(path)
    if "://" in path or path.startswith("//") or "\\" in path or "#" in url or ".." in path.split("/"):
        raise BadRequest("request.url is expected to be relative to this server's base, as in Patient/123")
    return path.lstrip("/"), query


def _body(context: Context, method: str, resource: Any) -> tuple[Any, str]:
    """JSON Patch travels as a Binary: https://hl7.org/fhir/R4/http.html#patch ."""
    if method == "PATCH" and isinstance(resource, dict) and resource.get("contentType") == JSON_PATCH:
        try:
            raw = base64.b64decode(resource.get("data", ""), validate=True)
        except (ValueError, TypeError) as error:
            raise BadRequest("the Binary's data is expected to be base64", code="value") from error
        return parse(raw, max_depth=context.core.settings.max_depth), JSON_PATCH
    return resource, ""
