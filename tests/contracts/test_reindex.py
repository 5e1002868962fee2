"""Reindexing: what changed is refused until its rows are made anew, and nothing that others write is lost meanwhile."""

import itertools
import os
import random
import subprocess
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from fhir_server.definitions import SearchParameter
from fhir_server.errors import Conflict, Unavailable
from fhir_server.search.fingerprints import GONE, WORK_ROW, indexed_types
from fhir_server.search.index_state import count_waiting, positions
from fhir_server.search.readiness import Readiness
from fhir_server.search.reindex import reindex
from fhir_server.store import integrity
from fhir_server.store.database import Database, open_database
from fhir_server.store.tables import INDEX_TABLES, INDEXED_PARAMETER, OUTBOX, RESOURCE, RESOURCE_HISTORY, WORK_ITEM
from tests.contracts.reindex_world import (
    CHANGED,
    Clock,
    current,
    fresh,
    held,
    older,
    patient,
    readiness,
    reindex_all,
    reindexing,
    stale_types,
    task,
    world,
)
from tests.contracts.search_world import TENANT, World
from tests.killing import DIED, die_before, forked

ROOT = Path(__file__).parents[2]
PATIENTS = 20


@pytest.fixture
def before(database: Database) -> World:
    """A database that was written by the older definitions."""
    made = world(database, "older")
    made.write_each([patient(n) for n in range(PATIENTS)] + [task(n) for n in range(7)])
    made.write_each([patient(3, "Oak"), {"resourceType": "Organization", "id": "o1", "name": "Hub"}])
    made.delete("Patient", "p4")
    return made


def after(before: World) -> World:
    """The same database under the current definitions."""
    made = world(before.database, "current")
    made.versions, made.now = before.versions, before.now
    return made


def content(database: Database, *tables: sa.Table) -> list[list[tuple[Any, ...]]]:
    """All rows of tables."""
    return [database.rows(database.sql(sa.select(*t.columns).order_by(*t.primary_key.columns)), {}) for t in tables]


def run_sql(database: Database, *statements: sa.ClauseElement) -> None:
    with database.unit_of_work(tenant=TENANT, now=1) as uow:
        for statement in statements:
            uow.rows(uow.sql(statement), {})


def refusal(asked: Readiness, parameter: SearchParameter) -> Unavailable | None:
    try:
        asked.check(parameter)
    except Unavailable as error:
        return error
    return None


def test_what_changed_is_refused_by_name_and_the_rest_is_answered(before: World) -> None:
    now = after(before)
    asked = readiness(before.database, now.definitions)
    every = [p for of_type in now.definitions.search_parameters.values() for p in of_type.values()]
    refused = {f"{p.type_name}.{p.code}": error for p in every if (error := refusal(asked, p)) is not None}
    assert sorted(refused) == CHANGED
    assert [p for p in every if asked.is_ready(p.type_name, p.code) == (f"{p.type_name}.{p.code}" in refused)] == []
    for name, error in refused.items():
        assert name.partition(".")[2] in error.issues[0].diagnostics
        assert "`fhir-server reindex`" in error.issues[0].diagnostics
        assert error.issues[0].code == "transient"
        assert int(error.headers["Retry-After"]) > 0
    assert asked.outdated == {
        "Patient": ("birthdate", "family", "telecom"),
        "Task": (WORK_ROW, "code", "subject", GONE),
    }
    with pytest.raises(Unavailable, match=r"Patient cannot be searched by (birthdate|family|telecom)"):
        asked.check_all(now.definitions.search_parameters["Patient"].values())


def test_after_reindexing_all_is_found_and_nothing_else_has_changed(before: World) -> None:
    now = after(before)
    with pytest.raises(Unavailable):
        now.ids("Patient?family=maple7")
    assert held(before.database) != fresh(before.database)
    untouched = content(before.database, RESOURCE, RESOURCE_HISTORY, OUTBOX)
    clock = Clock()
    asked = readiness(before.database, now.definitions, clock)
    done = reindex_all(before.database)
    assert [(b.resources, b.is_last) for b in done if b.type_name == "Patient"] == [(3, False)] * 6 + [(1, True)]
    assert [(b.resources, b.is_last) for b in done if b.type_name == "Task"] == [(3, False)] * 2 + [(1, True)]
    assert not asked.is_ready("Patient", "family")
    clock.now += 1_000_000
    assert asked.is_ready("Patient", "family")
    assert asked.outdated == {}
    assert now.ids("Patient?family=maple7") == ["p7"]
    assert now.ids("Patient?telecom=555-7") == ["p7"]
    assert len(now.ids("Task?code=call")) == 7
    assert held(before.database) == fresh(before.database)
    assert content(before.database, RESOURCE, RESOURCE_HISTORY, OUTBOX) == untouched
    assert integrity.check(before.database) == []
    assert reindex_all(before.database) == []


def test_an_empty_database_is_ready_and_stays_so(database: Database) -> None:
    now = world(database, "current")
    assert readiness(database, current()).outdated == {}
    now.write_each([patient(1), task(1)])
    world(database, "current")
    assert readiness(database, current()).outdated == {}
    assert held(database) == fresh(database)


def test_a_type_without_resources_follows_new_definitions_at_once(database: Database) -> None:
    world(database, "older").write([patient(1)])
    world(database, "current")
    assert set(readiness(database, current()).outdated) == {"Patient"}


def test_a_database_that_older_code_filled_is_stale_altogether(before: World) -> None:
    run_sql(before.database, sa.delete(INDEXED_PARAMETER))
    after(before)
    asked = readiness(before.database, current())
    assert set(asked.outdated) == {"Patient", "Task", "Organization"}
    assert not asked.is_ready("Patient", "gender")
    assert asked.is_ready("Patient", "_id")
    assert asked.is_ready("Practitioner", "family")
    reindex_all(before.database)
    assert readiness(before.database, current()).outdated == {}
    assert held(before.database) == fresh(before.database)


def test_processes_that_start_at_once_mark_once(database: Database, database_url: str) -> None:
    def start(_: int) -> None:
        own = open_database(database_url, timeout_ms=30_000)
        world(own, "current")
        own.close()

    with ThreadPoolExecutor(6) as threads:
        list(threads.map(start, range(6)))
    assert readiness(database, current()).outdated == {}
    wanted = sum(len(of.fingerprints) for of in indexed_types(current()).values())
    assert len(content(database, INDEXED_PARAMETER)[0]) == wanted


def test_what_others_wrote_by_other_definitions_is_not_forgotten(before: World) -> None:
    meanwhile = after(before)
    meanwhile.write([patient(1, "Elm")])
    world(before.database, "older")
    again = readiness(before.database, older())
    assert set(again.outdated["Patient"]) == {"family", "telecom", GONE}
    assert "extra" in again.outdated["Task"]
    reindex_all(before.database, "older")
    assert held(before.database) == fresh(before.database, "older")
    assert readiness(before.database, older()).outdated == {}


def test_a_broken_off_reindexing_does_not_go_on_over_the_writes_of_others(before: World) -> None:
    now = after(before)
    [of] = [of for of in stale_types(before.database, current()) if of.type_name == "Patient"]
    steps = reindex(reindexing(before.database), of)
    next(steps)
    between = world(before.database, "older")
    between.versions, between.now = now.versions, now.now
    between.write([patient(0, "Ash")])
    with pytest.raises(Conflict, match="other definitions"):
        next(steps)
    after(between)
    reindex_all(before.database)
    assert held(before.database) == fresh(before.database)


def test_everything_can_be_made_anew_while_all_is_ready(database: Database) -> None:
    now = world(database, "current")
    now.write_each([patient(n) for n in range(8)] + [task(1)])
    run_sql(database, *(sa.delete(table) for table in (*INDEX_TABLES.values(), WORK_ITEM)))
    assert held(database) != fresh(database)
    how = reindexing(database, everything=True)
    types = indexed_types(current())
    for name in ("Patient", "Task", "Goal"):
        for _ in reindex(how, types[name]):
            assert readiness(database, current()).outdated == {}
    assert held(database) == fresh(database)
    assert positions(database, tenant=TENANT) == {}


@pytest.mark.parametrize("turns", [0, 1, 4, 6])
def test_a_killed_reindexing_goes_on_where_it_was(before: World, database_url: str, turns: int) -> None:
    after(before)
    [of] = [of for of in stale_types(before.database, current()) if of.type_name == "Patient"]
    how = reindexing(before.database)
    command = [sys.executable, str(ROOT / "tests" / "contracts" / "reindex_program.py"), database_url, "3"]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    with subprocess.Popen(
        command, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        for _ in range(turns):
            assert process.stdout.readline() == "3\n"
            process.stdin.write("\n")
            process.stdin.flush()
        process.kill()
    left = count_waiting(before.database, of.type_number, how.position(of), tenant=TENANT)
    assert PATIENTS - 1 - 3 * (turns + 1) <= left <= PATIENTS - 1 - 3 * turns
    assert not readiness(before.database, current()).is_ready("Patient", "family")
    assert sum(b.resources for b in reindex_all(before.database) if b.type_name == "Patient") == left
    assert readiness(before.database, current()).outdated == {}
    assert held(before.database) == fresh(before.database)
    assert integrity.check(before.database) == []


def test_a_reindexing_may_die_at_any_line(before: World, database_url: str) -> None:
    after(before)

    def run(lines: int) -> None:
        own = open_database(database_url, timeout_ms=30_000)
        die_before(lines, ["search/reindex.py", "store/reindexing.py", "postgresql/reindexing.py"])
        reindex_all(own, batch=5)

    for lines in itertools.count(1, 13):
        ended = forked(lambda: run(lines))  # noqa: B023 (runs at once)
        assert integrity.check(before.database) == []
        if ended != DIED:
            break
    assert ended == 0
    assert lines > 100
    assert readiness(before.database, current()).outdated == {}
    assert held(before.database) == fresh(before.database)
    assert integrity.check(before.database) == []


def test_writers_lose_nothing_while_it_runs(before: World) -> None:
    now = after(before)
    stop = threading.Event()
    written = [0]

    def write() -> None:
        while not stop.is_set():
            number = random.randrange(PATIENTS + 10)
            if number % 7 == 5 and ("Patient", f"p{number}") in now.versions:
                now.delete("Patient", f"p{number}")
            else:
                now.write([patient(number, f"Elm{written[0]}"), task(number, f"w{written[0]}")])
            written[0] += 1

    writer = threading.Thread(target=write)
    writer.start()
    try:
        for _ in range(3):
            reindex_all(before.database, batch=2)
            list(reindexed_again(before.database))
    finally:
        stop.set()
        writer.join()
    assert written[0] > 3
    assert readiness(before.database, current()).outdated == {}
    assert held(before.database) == fresh(before.database)
    assert integrity.check(before.database) == []


def reindexed_again(database: Database) -> Iterator[object]:
    """Patients once more, ready as they are."""
    return reindex(reindexing(database, everything=True, batch=2), indexed_types(current())["Patient"])


def test_a_version_written_between_reading_and_writing_keeps_its_rows(before: World) -> None:
    now = after(before)
    [of] = [of for of in stale_types(before.database, current()) if of.type_name == "Patient"]

    class Interrupted:
        """An extractor that lets somebody write first, once."""

        def __init__(self) -> None:
            self.wrapped = now.extractor
            self.is_first = True

        def index_rows(self, resource: Any) -> Any:
            if self.is_first:
                self.is_first = False
                with ThreadPoolExecutor(1) as thread:
                    thread.submit(now.write, [patient(0, "Elm")]).result()
                    thread.submit(now.delete, "Patient", "p1").result()
            return self.wrapped.index_rows(resource)

        def work_row(self, resource: Any, rows: Any) -> Any:
            return self.wrapped.work_row(resource, rows)

    how = reindexing(before.database, batch=50)
    list(reindex(type(how)(**{**{n: getattr(how, n) for n in how.__slots__}, "extractor": Interrupted()}), of))
    reindex_all(before.database)
    assert now.ids("Patient?family=elm0") == ["p0"]
    assert held(before.database) == fresh(before.database)
    assert integrity.check(before.database) == []


def test_two_at_once_take_turns(before: World, database_url: str) -> None:
    after(before)
    untouched = content(before.database, RESOURCE, RESOURCE_HISTORY, OUTBOX)
    types = stale_types(before.database, current())

    def run(_: int) -> list[int]:
        own = open_database(database_url, timeout_ms=30_000)
        done = [b.resources for of in types for b in reindex(reindexing(own, batch=2), of)]
        own.close()
        return done

    with ThreadPoolExecutor(2) as threads:
        done = list(threads.map(run, range(2)))
    assert readiness(before.database, current()).outdated == {}
    assert held(before.database) == fresh(before.database)
    assert content(before.database, RESOURCE, RESOURCE_HISTORY, OUTBOX) == untouched
    assert sum(map(sum, done)) >= PATIENTS - 1 + 7
