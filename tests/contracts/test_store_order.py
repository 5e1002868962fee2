"""Stamps and outbox numbers increase in the order of commits, so who polls by either misses nothing."""

import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TypeVar

import sqlalchemy as sa

from fhir_server.store.database import Database, Rows, open_database
from fhir_server.store.tables import OUTBOX, RESOURCE, RESOURCE_HISTORY
from tests.builders.changes import NOW, TENANT, commit, created, updated
from tests.contracts.store_program import COUNTER, write_unit

T = TypeVar("T")
ROOT = Path(__file__).parents[2]


def start_writer(url: str, name: str, units: int) -> subprocess.Popen[str]:
    """A writing process."""
    command = [sys.executable, "-m", "tests.contracts.store_program", url, name, str(units)]
    return subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)


class Poller:
    """A client that asks for what is newer than the newest it saw."""

    def __init__(self, rows: Rows) -> None:
        self._rows = rows
        r, o = RESOURCE.c, OUTBOX.c
        seen: sa.BindParameter[int] = sa.bindparam("seen")
        self._newer = rows.sql(
            sa.select(r.updated, r.pk, r.version_id).where(r.updated > seen).order_by(r.updated, r.pk)
        )
        self._later = rows.sql(sa.select(o.seq, o.pk, o.version_id, o.updated).where(o.seq > seen).order_by(o.seq))
        self.resources: list[tuple[int, ...]] = []
        self.events: list[tuple[int, ...]] = []

    def poll(self) -> None:
        """Ask once by each."""
        newest = self.resources[-1][0] if self.resources else 0
        self.resources += self._rows.rows(self._newer, {"seen": newest})
        last = self.events[-1][0] if self.events else 0
        self.events += self._rows.rows(self._later, {"seen": last})


def test_a_poller_misses_nothing(database: Database, database_url: str) -> None:
    commit(database, created(COUNTER))
    poller = Poller(database)
    processes = [start_writer(database_url, f"p{n}", 40) for n in range(2)]
    with ThreadPoolExecutor(2) as threads:
        waiting = [threads.submit(_write_many, database, f"t{n}", 40) for n in range(2)]
        while any(p.poll() is None for p in processes) or not all(w.done() for w in waiting):
            poller.poll()
    for process in processes:
        process.communicate()
        assert process.returncode == 0
    for done in waiting:
        done.result()
    poller.poll()

    everything = database.rows(database.sql(sa.select(OUTBOX.c.pk, OUTBOX.c.version_id, OUTBOX.c.updated)), {})
    assert len(everything) == 1 + 160 * 3
    assert sorted(event[1:] for event in poller.events) == sorted(everything)
    assert [event[3] for event in poller.events] == sorted(event[3] for event in poller.events)
    seen = {(pk, version_id) for _, pk, version_id in poller.resources}
    rows = database.rows(database.sql(sa.select(RESOURCE.c.pk, RESOURCE.c.version_id)), {})
    assert set(rows) <= seen
    assert len({event[3] for event in poller.events}) == 161


def _write_many(database: Database, name: str, units: int) -> None:
    for number in range(units):
        write_unit(database, name, number, early=number % 2 == 0)


def test_who_began_early_and_commits_late_gets_the_later_stamp(database: Database) -> None:
    with database.unit_of_work(tenant=TENANT, now=NOW) as slow:
        slow.change(created("slow"))
        [fast] = in_thread(lambda: commit(database, created("fast"), now=NOW + 1_000_000))
    assert slow.stored[0].updated == slow.stamp > fast.updated


def test_who_has_taken_a_stamp_is_waited_for(database: Database) -> None:
    poller = Poller(database)
    with ThreadPoolExecutor(1) as threads:
        with database.unit_of_work(tenant=TENANT, now=NOW + 1_000_000) as first:
            first.change(created("first"))
            first.flush()
            second = threads.submit(commit, database, created("second"))
            poller.poll()
            assert poller.resources == []
            assert not second.done()
        [stored] = second.result()
    poller.poll()
    assert [row[0] for row in poller.resources] == [first.stamp, stored.updated]
    assert stored.updated == first.stamp + 1


def test_stamps_increase_though_the_clock_goes_back(database: Database) -> None:
    stamps = [commit(database, created(f"r{n}"), now=NOW - n * 1_000)[0].updated for n in range(5)]
    assert stamps == [NOW, NOW + 1, NOW + 2, NOW + 3, NOW + 4]
    [later] = commit(database, created("later"), now=NOW + 50)
    assert later.updated == NOW + 50


def test_a_unit_that_fails_leaves_no_hole_that_is_filled_later(database: Database) -> None:
    for _ in range(2):
        try:
            with database.unit_of_work(tenant=TENANT, now=NOW) as uow:
                uow.change(created("lost"))
                uow.flush()
                raise KeyError
        except KeyError:
            pass
    first = commit(database, created("a"))
    second = commit(database, created("b"))
    events = database.rows(database.sql(sa.select(OUTBOX.c.seq, OUTBOX.c.pk).order_by(OUTBOX.c.seq)), {})
    assert [pk for _, pk in events] == [first[0].pk, second[0].pk]
    assert first[0].updated < second[0].updated


def test_a_new_process_goes_on_after_the_last_stamp(database: Database, database_url: str) -> None:
    [first] = commit(database, created("a"), now=NOW + 10)
    database.close()
    again = open_database(database_url)
    [second] = commit(again, updated(first), now=NOW)
    again.close()
    assert second.updated == NOW + 11
    assert database.rows(database.sql(sa.select(RESOURCE_HISTORY.c.updated)), {}) == [(NOW + 10,)]


def in_thread(function: Callable[[], T]) -> T:
    """The result of a function that ran in another thread."""
    with ThreadPoolExecutor(1) as threads:
        return threads.submit(function).result()
