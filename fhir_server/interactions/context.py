"""The core's wiring as values: what is built once (`Core`) and what belongs to one request (`Context`).

Passed explicitly; nothing below the edge looks anywhere else for the database, the clock or the principal.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Protocol, TypeVar

from fhir_server.access.policy import Policy
from fhir_server.access.principal import Principal
from fhir_server.audit.sink import AuditSink
from fhir_server.definitions import Definitions
from fhir_server.errors import Issue
from fhir_server.fhir.json import JsonObject
from fhir_server.search import Searching
from fhir_server.search.extract import Extractor
from fhir_server.settings import Settings
from fhir_server.store.database import Database, Rows, UnitOfWork
from fhir_server.store.stored import Stored
from fhir_server.store.visibility import Predicate

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Draft:
    """A change somebody wants: `resource` None deletes; `resource_id` None lets the server choose.

    `matches` and `differs` are the versions of If-Match and If-None-Match (`criteria`); `base` is the current version
    where it was read already, as a patch does; `query` the criteria, for the audit, where they are not the request's.
    `place` prefixes expressions ("Bundle.entry[3].resource"); `is_new` says that the id was just made, so that nobody
    needs to look for it; `checked` that the body was.
    """

    interaction: str
    method: str
    type_name: str
    resource_id: str | None
    resource: JsonObject | None
    matches: tuple[int, ...] | None = None
    differs: tuple[int, ...] | None = None
    base: Stored | None = None
    query: str | None = None
    place: str = ""
    entry: int | None = None
    checked: bool = False
    is_new: bool = False


@dataclass(frozen=True, slots=True)
class Proposal:
    """What a write rule judges: the change with its content before (parsed on demand) and after."""

    draft: Draft
    resource_id: str
    version_id: int
    before: Callable[[], JsonObject | None]
    after: JsonObject | None


class WriteRule(Protocol):
    """A rule of the write path: returns further changes, or raises a FhirError to refuse."""

    def __call__(self, context: "Context", proposal: Proposal) -> Sequence[Draft]:
        """Judge one proposal inside its unit of work."""
        ...


class Validator(Protocol):
    """Whatever finds the problems of a body."""

    def issues(self, resource: JsonObject) -> list[Issue]:
        """All problems, errors first or not; none for a good body."""
        ...


@dataclass(slots=True)
class Kept:
    """What is built once, at the first request that needs it."""

    statement: str | None = None


@dataclass(frozen=True, slots=True)
class Core:
    """Everything that lives as long as the process."""

    settings: Settings
    definitions: Definitions
    database: Database
    policy: Policy
    validator: Validator
    extractor: Extractor
    searching: Searching
    rules: tuple[WriteRule, ...]
    now: Callable[[], int]
    cursor_key: bytes
    enabled: Mapping[str, frozenset[str]]
    type_names: Mapping[int, str]
    handled: frozenset[str]
    kept: Kept
    journal: AuditSink


@dataclass(slots=True)
class Context:
    """One request, or one entry of a batch: `rows` is the database, or the open unit of work of a transaction.

    `appearing` are the resources that this unit of work will have written once it commits, `vanishing` those that it
    will have deleted.
    `unit`, when a list, collects what was written for one audit record of the whole unit of work (imports).
    """

    core: Core
    principal: Principal
    request_id: str
    rows: Rows
    uow: UnitOfWork | None = None
    query: str = ""
    notes: list[Issue] = field(default_factory=list)
    unit: list[str] | None = None
    appearing: frozenset[tuple[str, str]] = frozenset()
    vanishing: frozenset[tuple[str, str]] = frozenset()
    entry: int | None = None

    @property
    def unit_of_work(self) -> UnitOfWork:
        """The open unit of work; only code that runs inside one may ask."""
        assert self.uow is not None
        return self.uow

    @property
    def tenant(self) -> int:
        """The tenant whose rows exist for this request."""
        return self.principal.tenant

    def visible(self, interaction: str, type_name: str | None) -> Predicate:
        """The predicate of an allowed interaction; raises Forbidden."""
        return self.core.policy.decide(self.principal, interaction, type_name).visible

    def inside(self, uow: UnitOfWork) -> "Context":
        """The same request, reading and writing in a unit of work."""
        return replace(self, rows=uow, uow=uow)

    def changing(self, drafts: Sequence[Draft]) -> "Context":
        """The same request, knowing what these drafts will have written and deleted."""
        kept = {(d.type_name, d.resource_id) for d in drafts if d.resource_id is not None and d.resource is not None}
        gone = {(d.type_name, d.resource_id) for d in drafts if d.resource_id is not None and d.resource is None}
        return replace(self, appearing=self.appearing | kept, vanishing=self.vanishing | gone)

    def for_entry(self, entry: int, query: str) -> "Context":
        """The same request, for one entry of its bundle, and what that one asks for."""
        return replace(self, entry=entry, query=query)
