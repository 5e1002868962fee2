"""Writers at the same time: no update is lost, one of many wins, and a killed process leaves whole units only."""

import signal
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
import sqlalchemy as sa

from fhir_server.store import integrity, reading
from fhir_server.store.database import Database
from fhir_server.store.tables import INDEX_TOKEN, RESOURCE
from fhir_server.store.unit_of_work import UnitOfWork, WriteConflict, run_unit_of_work
from fhir_server.store.visibility import ALL_ROWS
from tests.builders.changes import NOW, PATIENT, TENANT, commit, created, updated
from tests.contracts.store_program import COUNTER
from tests.contracts.test_store_order import start_writer


def update_once(database: Database, resource_id: str) -> None:
    """Read and update, again when somebody else was first."""
    while True:
        there = reading.read_current(database, PATIENT, resource_id, tenant=TENANT, visible=ALL_ROWS)
        assert there is not None
        try:
            commit(database, updated(there, f"after {there.body}"[:500]))
        except WriteConflict:
            continue
        return


def test_fifty_updates_at_once_give_fifty_versions(database: Database) -> None:
    commit(database, created("a"))
    with ThreadPoolExecutor(10) as threads:
        list(threads.map(lambda _: update_once(database, "a"), range(50)))
    history = reading.read_history(
        database, tenant=TENANT, type_number=PATIENT, resource_id="a", since=None, at=None, before=None, count=100,
        visible=ALL_ROWS,
    )  # fmt: skip
    assert [v.version_id for v in history] == list(range(51, 0, -1))
    assert integrity.check(database) == []


def test_of_many_that_take_one_id_one_wins(database: Database) -> None:
    def take(_: int) -> bool:
        try:
            commit(database, created("a"), created(f"with {_}"))
        except WriteConflict:
            return False
        return True

    with ThreadPoolExecutor(8) as threads:
        assert sum(threads.map(take, range(16))) == 1
    assert database.rows(database.sql(sa.select(sa.func.count()).select_from(RESOURCE)), {}) == [(2,)]


def test_twenty_conditional_creates_make_one(database: Database) -> None:
    by_code = sa.select(INDEX_TOKEN.c.pk).where(INDEX_TOKEN.c.code == sa.bindparam("code"))

    def create(number: int) -> int:
        def collect(uow: UnitOfWork) -> int:
            uow.enter_write_order()
            found = uow.rows(uow.cached_sql("by code", lambda: by_code), {"code": "maple-0"})
            if not found:
                uow.change(created(f"r{number}"))
            return len(found)

        found, stored = run_unit_of_work(database, collect, tenant=TENANT, now=lambda: NOW, timeout_ms=60_000)
        assert found + len(stored) == 1
        return len(stored)

    with ThreadPoolExecutor(10) as threads:
        assert sum(threads.map(create, range(20))) == 1


@pytest.mark.parametrize("rounds", [4, pytest.param(50, marks=pytest.mark.soak)])
def test_a_killed_writer_leaves_whole_units(database: Database, database_url: str, rounds: int) -> None:
    commit(database, created(COUNTER))
    acknowledged: dict[str, int] = {}
    for number in range(rounds):
        names = (f"k{number}", f"o{number}")
        processes = [start_writer(database_url, name, 100_000) for name in names]
        for process in processes:
            assert process.stdout is not None
            for _ in range(3 + number % 17):
                process.stdout.readline()
        for name, process in zip(names, processes, strict=True):
            process.send_signal(signal.SIGKILL)
            lines = process.communicate()[0].split()
            acknowledged[name] = 2 + number % 17 + len(lines)

    assert integrity.check(database) == []
    ids = {row[0] for row in database.rows(database.sql(sa.select(RESOURCE.c.resource_id)), {})} - {COUNTER}
    units = {i[:-2] for i in ids}
    assert ids == {f"{unit}-{part}" for unit in units for part in "ab"}
    for name, last in acknowledged.items():
        assert {f"{name}-{number}" for number in range(last + 1)} <= units
    counter = reading.read_current(database, PATIENT, COUNTER, tenant=TENANT, visible=ALL_ROWS)
    assert counter is not None
    assert counter.version_id == 1 + len(units)


def test_broken_rules_are_found(database: Database) -> None:
    [a, b, c] = commit(database, created("a"), created("b"), created("c"))
    commit(database, updated(a), updated(b))
    assert integrity.check(database) == []
    spoil(database, "DELETE FROM outbox WHERE pk = :pk AND version_id = 2", pk=a.pk)
    spoil(database, "DELETE FROM resource_history WHERE pk = :pk", pk=b.pk)
    spoil(database, "UPDATE index_uri SET updated = 5 WHERE pk = :pk", pk=c.pk)
    spoil(database, "INSERT INTO index_token (tenant, pk, param, updated) VALUES (1, :pk, 7, 7)", pk=999)
    assert integrity.check(database) == [
        "1 rows of index_token without their version",
        "1 rows of index_uri without their version",
        "1 current versions without an outbox row",
        "1 resources with gaps in their history",
    ]


def spoil(database: Database, statement: str, **parameters: Any) -> None:
    """Change rows behind the server's back."""
    with database.unit_of_work(tenant=TENANT, now=NOW) as uow:
        uow.rows(uow.sql(sa.text(statement)), parameters)
