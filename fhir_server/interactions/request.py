"""What an interaction is asked and what it answers, the same for an HTTP request and a bundle entry.

https://hl7.org/fhir/R4/http.html
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from fhir_server.errors import Issue
from fhir_server.store.stored import Stored

JSON_PATCH = "application/json-patch+json"
CHANGES = frozenset({"create", "update", "patch"})
"""The interactions whose answer `Prefer: return` decides."""

_RETURNS = {"minimal": "minimal", "representation": "representation", "operationoutcome": "OperationOutcome"}


@dataclass(frozen=True, slots=True)
class Request:
    """`body` is parsed JSON (a resource, Parameters or a JSON Patch list), `media_type` says which was sent.

    `query` keeps the order of the pairs; for POST _search it holds the form's pairs as well.
    """

    method: str
    path: str
    query: tuple[tuple[str, str], ...] = ()
    body: Any = None
    media_type: str = ""
    if_match: str = ""
    if_none_match: str = ""
    if_modified_since: str = ""
    if_none_exist: str = ""
    prefer: Mapping[str, str] = field(default_factory=dict)

    @property
    def is_lenient(self) -> bool:
        """Whether the client asked to have unknown parameters ignored."""
        return self.prefer.get("handling") == "lenient"

    @property
    def returns(self) -> str:
        """What a change sends back: representation (also for a preference nobody knows), minimal, OperationOutcome."""
        return _RETURNS.get(self.prefer.get("return", "").lower(), "representation")

    @property
    def recorded_query(self) -> str:
        """What the audit keeps of query and criteria."""
        text = "&".join(f"{name}={value}" for name, value in self.query)
        return f"{text}#If-None-Exist={self.if_none_exist}" if self.if_none_exist else text


@dataclass(frozen=True, slots=True)
class Answer:
    """A success: a stored version, or composed JSON text, or neither.

    `location` is relative to the base; `audited` tells that the record is part of the transaction already.
    """

    status: int
    interaction: str
    type_name: str = ""
    stored: Stored | None = None
    text: str | None = None
    location: str = ""
    audited: bool = False
    issues: tuple[Issue, ...] = ()
    disclosed: tuple[str, ...] = ()
    headers: Mapping[str, str] = field(default_factory=dict)


def etag(version_id: int) -> str:
    """The weak ETag of a version: https://hl7.org/fhir/R4/http.html#versioning ."""
    return f'W/"{version_id}"'
