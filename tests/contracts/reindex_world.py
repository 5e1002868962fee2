"""Two sets of definitions that differ in a few parameters, and what the index of a database should hold by one."""

import functools
import itertools
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from types import MappingProxyType
from typing import Any

import sqlalchemy as sa

from fhir_server.definitions import Definitions, SearchParameter, shipped
from fhir_server.fhir.json import parse_stored
from fhir_server.search import index_state
from fhir_server.search.extract import Extractor
from fhir_server.search.fingerprints import IndexedType, indexed_types
from fhir_server.search.readiness import Readiness, adopt, outdated
from fhir_server.search.reindex import Batch, Reindexing, reindex
from fhir_server.search.searching import searching_of
from fhir_server.search.units import load_units
from fhir_server.store.database import Database
from fhir_server.store.index_rows import bounded_rows
from fhir_server.store.tables import INDEX_TABLES, RESOURCE, WORK_ITEM
from tests import shared_parts
from tests.contracts.search_world import SETTINGS, TENANT, World

UNITS = load_units(shipped("terminology"))

BASE = SETTINGS.fhir_base
NOW = 1_790_000_000_000_000
CHANGED = ["Patient.birthdate", "Patient.family", "Patient.telecom", "Task.code", "Task.subject"]
"""What is stale in a database that was written by `older`, in the eyes of `current`."""


def current() -> Definitions:
    """The shipped definitions."""
    return shared_parts.definitions()


@functools.cache
def older() -> Definitions:
    """Others: two expressions and a kind are different, two parameters are missing, and one more is there."""
    of_type = {name: dict(found) for name, found in current().search_parameters.items()}
    patient, task = of_type["Patient"], of_type["Task"]
    patient["family"] = replace(patient["family"], expression="Patient.name.given")
    patient["telecom"] = replace(patient["telecom"], kind="string", expression="Patient.name.text")
    del patient["birthdate"]
    task["subject"] = replace(task["subject"], expression="Task.focus")
    del task["code"]
    task["extra"] = SearchParameter("Task", "extra", "string", "Task.description", (), "http://example.org/extra")
    work_rows = {**current().work_rows}
    columns = {column: code for column, code in work_rows["Task"].columns.items() if code != "code"}
    work_rows["Task"] = replace(work_rows["Task"], columns=MappingProxyType(columns))
    parameters = MappingProxyType({name: MappingProxyType(found) for name, found in of_type.items()})
    return replace(current(), search_parameters=parameters, work_rows=MappingProxyType(work_rows))


@functools.cache
def extractor(which: str) -> Extractor:
    """The extractor of "older" or "current"."""
    return Extractor(older() if which == "older" else current(), base=BASE, units=UNITS)


def world(database: Database, which: str) -> World:
    """A world that writes and searches by "older" or "current", once the database has been adopted."""
    definitions = older() if which == "older" else current()
    adopt(database, definitions, base=BASE, tenant=TENANT, now=lambda: NOW, timeout_ms=30_000)
    seconds = itertools.count(NOW // 1_000_000)
    ready = Readiness(database, definitions, tenant=TENANT, now=lambda: next(seconds) * 1_000_000)
    searching = searching_of(definitions, SETTINGS, UNITS, ready)
    return World(database, definitions, extractor(which), searching)


def readiness(database: Database, definitions: Definitions, clock: "Clock | None" = None) -> Readiness:
    """What a server would ask."""
    return Readiness(database, definitions, tenant=TENANT, now=clock or Clock())


class Clock:
    """A clock that stands still until it is moved."""

    def __init__(self) -> None:
        self.now = NOW

    def __call__(self) -> int:
        """Now, in microseconds."""
        return self.now


def reindexing(database: Database, which: str = "current", **fields: Any) -> Reindexing:
    """How to reindex by one of the two."""
    given = {"base": BASE, "tenant": TENANT, "now": lambda: NOW, "timeout_ms": 60_000, "batch": 3, **fields}
    return Reindexing(database, extractor(which), **given)


def stale_types(database: Database, definitions: Definitions) -> list[IndexedType]:
    """The types that the command would take."""
    types = indexed_types(definitions)
    return [types[name] for name in outdated(types.values(), index_state.fingerprints(database, tenant=TENANT))]


def batches(how: Reindexing, types: list[IndexedType]) -> Iterator[Batch]:
    """Reindex types one after the other."""
    for of in types:
        yield from reindex(how, of)


def reindex_all(database: Database, which: str = "current", **fields: Any) -> list[Batch]:
    """What the command does."""
    types = stale_types(database, older() if which == "older" else current())
    return list(batches(reindexing(database, which, **fields), types))


def held(database: Database) -> dict[str, Counter[tuple[Any, ...]]]:
    """All index rows and work rows of a database."""
    return {
        table.name: Counter(database.rows(database.sql(sa.select(*table.columns)), {}))
        for table in (*INDEX_TABLES.values(), WORK_ITEM)
    }


def fresh(database: Database, which: str = "current") -> dict[str, Counter[tuple[Any, ...]]]:
    """All rows that its current resources should have, extracted now."""
    found: dict[str, Counter[tuple[Any, ...]]] = {table.name: Counter() for table in INDEX_TABLES.values()}
    found[WORK_ITEM.name] = Counter()
    columns = RESOURCE.c.pk, RESOURCE.c.type, RESOURCE.c.updated, RESOURCE.c.body
    living = sa.select(*columns).where(RESOURCE.c.deleted.is_(False))
    for pk, type_number, updated, body in database.rows(database.sql(living), {}):
        resource = parse_stored(body)
        rows = extractor(which).index_rows(resource)
        for kind, table in INDEX_TABLES.items():
            found[table.name].update((TENANT, pk, *row, updated) for row in bounded_rows(getattr(rows, kind)))
        work = extractor(which).work_row(resource, rows)
        if work is not None:
            found[WORK_ITEM.name].update([(pk, TENANT, type_number, *bounded_rows([work])[0], updated)])
    return found


def patient(number: int, family: str = "Maple") -> dict[str, Any]:
    """A Patient with a value for each parameter that differs."""
    return {
        "resourceType": "Patient", "id": f"p{number}", "birthDate": f"19{10 + number % 90}-01-01",
        "name": [{"family": f"{family}{number}", "given": [f"Ann{number}"], "text": f"Ann {family}"}],
        "telecom": [{"system": "phone", "value": f"555-{number}"}],
    }  # fmt: skip


def task(number: int, word: str = "call") -> dict[str, Any]:
    """A Task with a work row."""
    return {
        "resourceType": "Task", "id": f"t{number}", "status": "requested", "intent": "order", "description": word,
        "code": {"coding": [{"system": "http://example.org/codes", "code": word}]},
        "for": {"reference": f"Patient/p{number}"}, "owner": {"reference": "Organization/o1"},
    }  # fmt: skip
