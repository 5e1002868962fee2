"""A database to search: resources written through the store, as the write path does it, and searches run on it."""

import functools
import shutil
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl

import pytest
from sqlalchemy import make_url

from fhir_server.definitions import Definitions, load, shipped
from fhir_server.fhir import meta
from fhir_server.search import Compartment, Page, Paging, Scope, Searching, find_matches, read_request, search
from fhir_server.search.extract import Extractor
from fhir_server.search.readiness import Readiness, adopt
from fhir_server.search.searching import searching_of
from fhir_server.search.units import load_units
from fhir_server.settings import Settings
from fhir_server.store.database import Database, open_database
from fhir_server.store.stored import Stored
from fhir_server.store.unit_of_work import Change
from fhir_server.store.visibility import ALL_ROWS, Predicate

TENANT = 1
KEY = b"a key for tests"
SETTINGS = Settings(base_url="https://hub.example.org", page_size=100, max_page_size=1000)
JsonObject = dict[str, Any]


@dataclass(slots=True, repr=False)
class World:
    """One database with its definitions; `now` moves on by itself."""

    database: Database
    definitions: Definitions
    extractor: Extractor
    searching: Searching
    now: int = 1_700_000_000_000_000
    versions: dict[tuple[str, str], tuple[int, int]] = field(default_factory=dict)

    def write(self, resources: Iterable[JsonObject]) -> list[Stored]:
        """Create or update resources in one unit of work."""
        return self._commit([self._change(resource) for resource in resources])

    def write_each(self, resources: Iterable[JsonObject]) -> list[Stored]:
        """Create or update resources, each with a stamp of its own."""
        return [stored for resource in resources for stored in self.write([resource])]

    def delete(self, type_name: str, resource_id: str) -> None:
        """Delete a resource."""
        pk, version = self.versions[type_name, resource_id]
        number = self.definitions.resource_types[type_name]
        self._commit([Change(number, resource_id, pk, version + 1, deleted=True, method="DELETE", head="", tail="")])

    def _change(self, resource: JsonObject) -> Change:
        type_name, resource_id = resource["resourceType"], resource["id"]
        pk, version = self.versions.get((type_name, resource_id), (None, 0))
        head, tail = meta.split_for_stamp(resource)
        rows = self.extractor.index_rows(resource)
        return Change(
            self.definitions.resource_types[type_name], resource_id, pk, version + 1, False, "PUT", head, tail,
            rows, self.extractor.work_row(resource, rows),
        )  # fmt: skip

    def _commit(self, changes: Sequence[Change]) -> list[Stored]:
        self.now += 1_000_000
        with self.database.unit_of_work(tenant=TENANT, now=self.now) as uow:
            for change in changes:
                uow.change(change)
        names = {number: name for name, number in self.definitions.resource_types.items()}
        for stored in uow.stored:
            self.versions[names[stored.type_number], stored.resource_id] = stored.pk, stored.version_id
        return list(uow.stored)

    def search(
        self,
        query: str,
        *,
        visible: Predicate = ALL_ROWS,
        lenient: bool = False,
        caller: str = "me",
        tenant: int = TENANT,
    ) -> Page:
        """One page of `Type?parameters`, `?_type=...` or `Type/id/Type?parameters` (a compartment)."""
        path, _, text = query.partition("?")
        pairs = parse_qsl(text, keep_blank_values=True)
        request = read_request(self._scope(path), pairs, searching=self.searching, lenient=lenient)
        return search(
            self.database, request, searching=self.searching, tenant=tenant, visible=visible,
            paging=Paging(KEY, caller), now=self.now,
        )  # fmt: skip

    def _scope(self, path: str) -> Scope:
        every = tuple(sorted(self.searching.names.searchable))
        *owner, name = path.split("/")
        compartment = Compartment(owner[0], owner[1]) if owner else None
        if name in {"", "*"}:
            return Scope(every, is_open=True, compartment=compartment)
        return Scope((name,), compartment=compartment)

    def ids(self, query: str, *, visible: Predicate = ALL_ROWS) -> list[str]:
        """The ids of a page's matches, in order."""
        return [stored.resource_id for stored in self.search(query, visible=visible).matches]

    def pages(
        self, query: str, *, visible: Predicate = ALL_ROWS, between: Callable[[], None] = lambda: None
    ) -> list[Page]:
        """All pages, following the links."""
        type_name = query.partition("?")[0]
        found = [self.search(query, visible=visible)]
        while found[-1].next_query is not None:
            between()
            found.append(self.search(f"{type_name}?{found[-1].next_query}", visible=visible))
            assert len(found) < 10_000
        return found

    def find(self, query: str, *, visible: Predicate = ALL_ROWS) -> list[str]:
        """The ids that criteria of a conditional interaction select."""
        type_name, _, text = query.partition("?")
        found = find_matches(
            self.database, type_name, parse_qsl(text, keep_blank_values=True), searching=self.searching,
            tenant=TENANT, visible=visible, now=self.now,
        )  # fmt: skip
        return [stored.resource_id for stored in found]


@contextmanager
def opened_world(request: pytest.FixtureRequest) -> Iterator[World]:
    """An empty world on the engine that the fixture's parameter names; fixtures of any scope may use it."""
    if request.param == "sqlite":
        folder = request.getfixturevalue("tmp_path_factory").mktemp("world")
        url = f"sqlite:///{shutil.copy(request.getfixturevalue('migrated_sqlite'), folder / 'world.db')}"
    else:
        server, template = (request.getfixturevalue(n) for n in ("postgresql_url", "migrated_postgresql"))
        name = request.getfixturevalue("create_on_postgresql")(template)
        url = make_url(server).set(database=name).render_as_string(hide_password=False)
    database = open_database(url)
    yield World(database, *compiled(database))
    database.close()


@functools.cache
def _compiled() -> tuple[Definitions, Extractor]:
    definitions = load()
    units = load_units(shipped("terminology"))
    return definitions, Extractor(definitions, base=SETTINGS.fhir_base, units=units)


def compiled(database: Database) -> tuple[Definitions, Extractor, Searching]:
    """What worlds share, but for the statistics of their searches."""
    definitions, extractor = _compiled()
    adopt(database, definitions, base=SETTINGS.fhir_base, tenant=TENANT, now=lambda: 1, timeout_ms=10_000)
    readiness = Readiness(database, definitions, tenant=TENANT, now=lambda: 1)
    return definitions, extractor, searching_of(definitions, SETTINGS, load_units(shipped("terminology")), readiness)
