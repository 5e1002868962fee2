"""The store on PostgreSQL: writers of all processes in one order, readers on statements of their own.

https://www.postgresql.org/docs/current/explicit-locking.html#ADVISORY-LOCKS and
https://www.postgresql.org/docs/current/transaction-iso.html#XACT-READ-COMMITTED  A writer takes the lock of the write
order in a statement of its own, so that the next one sees all that was committed; the lock goes when the commit is
visible, so no smaller stamp can appear after a greater one was seen.
"""

import os
import threading
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from itertools import chain
from typing import Any

from psycopg.pq.abc import PGresult

from fhir_server.errors import Unavailable
from fhir_server.store.collecting import CollectingUnit, stored_versions
from fhir_server.store.connections import ThreadConnections
from fhir_server.store.postgresql import plan, reindexing
from fhir_server.store.postgresql.errors import ConnectionLost
from fhir_server.store.postgresql.link import READER_SETTINGS, WRITER_SETTINGS, PostgresqlLink, Step
from fhir_server.store.postgresql.statistics import Growth
from fhir_server.store.postgresql.write import Stamping, steps
from fhir_server.store.reindexing import still_current
from fhir_server.store.statements import Compiling, Sql, StatementCache
from fhir_server.store.unit_of_work import OutcomeUnknown, Retryable

_BEGIN: Step = ("BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE", ())
_COMMIT: Step = ("COMMIT", ())
_ENTER: Step = ("SELECT pg_advisory_xact_lock(7306217)", ())
_SNAPSHOT = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY"
_MORE_KEYS = "SELECT nextval('resource_pk')"
_KEYS_AT_ONCE = 1_000
_LOST = "the connection to the database was lost; try again"
_UNKNOWN = (
    "the connection was lost while committing: the change may or may not have happened; read before you repeat it"
)


class PostgresqlDatabase(Compiling):
    """A `Database` on a PostgreSQL server."""

    __slots__ = ("_growth", "_keys", "_readers", "_writers")

    def __init__(self, url: str, *, timeout_ms: int, reading_timeout_ms: int) -> None:
        super().__init__(StatementCache("postgresql"))
        self._readers = ThreadConnections(
            lambda: PostgresqlLink(url, timeout_ms=reading_timeout_ms, settings=READER_SETTINGS)
        )
        self._writers = ThreadConnections(lambda: PostgresqlLink(url, timeout_ms=timeout_ms, settings=WRITER_SETTINGS))
        self._keys = _Keys()
        self._growth = Growth()

    def rows(
        self, sql: Sql, parameters: Mapping[str, Any], *, within_seconds: float | None = None
    ) -> list[tuple[Any, ...]]:
        """See `Rows.rows`; tries once more on a new connection when the server has gone and come back."""
        link = self._readers.get()
        try:
            return link.rows(sql, parameters, within_seconds=within_seconds)
        except ConnectionLost:
            self._readers.drop(link)
        except Retryable as error:
            raise Unavailable("the database stayed busy; try again") from error
        link = self._readers.get()
        try:
            return link.rows(sql, parameters, within_seconds=within_seconds)
        except ConnectionLost as error:
            self._readers.drop(link)
            raise Unavailable(_LOST) from error

    @contextmanager
    def snapshot(self) -> Iterator["PostgresqlSnapshot"]:
        """See `Database.snapshot`: until it ends, this thread reads nothing newer."""
        if self._readers.get().in_use:
            raise RuntimeError("this thread has an open snapshot")
        link = _fresh(self._readers)
        link.in_use = True
        try:
            link.run(_SNAPSHOT)
            yield PostgresqlSnapshot(self._statements, link)
        except ConnectionLost as error:
            raise Unavailable(_LOST) from error
        finally:
            link.in_use = False
            if not link.roll_back():
                self._readers.drop(link)

    @contextmanager
    def unit_of_work(self, *, tenant: int, now: int) -> Iterator["PostgresqlUnit"]:
        """See `Database.unit_of_work`."""
        if self._writers.get().in_use:
            raise RuntimeError("this thread has an open unit of work")
        link = _fresh(self._writers)
        unit = PostgresqlUnit(self._statements, link, self._keys, tenant=tenant, now=now)
        link.in_use = True
        try:
            yield unit
            unit.commit()
            self._growth.note(link, len(unit.stored) + unit.reindexed)
        finally:
            link.in_use = False
            if not link.roll_back():
                self._writers.drop(link)

    def plan(self, sql: Sql, parameters: Mapping[str, Any]) -> list[str]:
        """See `Database.plan`."""
        return plan.plan(self.rows, sql, parameters)

    def measure(self, sql: Sql, parameters: Mapping[str, Any]) -> list[str]:
        """See `Database.measure`."""
        return plan.measure(self.rows, sql, parameters)

    def close(self) -> None:
        """See `Database.close`."""
        self._readers.close()
        self._writers.close()


class PostgresqlSnapshot(Compiling):
    """Statements on one state of the database."""

    __slots__ = ("_link",)

    def __init__(self, statements: StatementCache, link: PostgresqlLink) -> None:
        super().__init__(statements)
        self._link = link

    def rows(
        self, sql: Sql, parameters: Mapping[str, Any], *, within_seconds: float | None = None
    ) -> list[tuple[Any, ...]]:
        """See `Rows.rows`."""
        return self._link.rows(sql, parameters, within_seconds=within_seconds)


class PostgresqlUnit(CollectingUnit):
    """A `UnitOfWork`: a transaction that begins with the first write, mostly in the trip that also commits it."""

    __slots__ = ("_began", "_entered", "_keys", "_link", "reindexed")

    def __init__(
        self, statements: StatementCache, link: PostgresqlLink, keys: "_Keys", *, tenant: int, now: int
    ) -> None:
        super().__init__(statements, tenant=tenant, now=now)
        self._link = link
        self._keys = keys
        self._began = False
        self._entered = False
        self.reindexed = 0

    def enter_write_order(self) -> None:
        """See `UnitOfWork.enter_write_order`."""
        if not self._entered:
            self._run_all(self._opening(enters=True))

    def rows(
        self, sql: Sql, parameters: Mapping[str, Any], *, within_seconds: float | None = None
    ) -> list[tuple[Any, ...]]:
        """See `Rows.rows` and `UnitOfWork`."""
        if sql.writes and not self._began:
            self._run_all(self._opening(enters=False))
        try:
            return self._link.rows(sql, parameters, within_seconds=within_seconds)
        except ConnectionLost as error:
            raise Retryable(_LOST) from error

    def flush(self) -> int:
        """See `UnitOfWork.flush`."""
        self._write(())
        return self._stamp

    def commit(self) -> None:
        """Flush and commit in one trip; nothing happens when nothing was written."""
        if self._changes or self._rows or self._reindexed or self._began:
            self._write((_COMMIT,))

    def _write(self, closing: Sequence[Step]) -> None:
        if self._reindexed:
            self._write_collected(())
            self._reindex(closing)
        else:
            self._write_collected(closing)

    def _reindex(self, closing: Sequence[Step]) -> None:
        self.enter_write_order()
        every = still_current(self, self._take_reindexed(), tenant=self._tenant)
        self._run_all(chain(reindexing.steps(every, tenant=self._tenant), closing), commits=bool(closing))
        self.reindexed += len(every)

    def _write_collected(self, closing: Sequence[Step]) -> None:
        needs_stamp = self._needs_stamp()
        changes, groups = self._take_collected()
        if not changes and not groups:
            self._run_all(closing, commits=bool(closing))
            return
        stamping: Stamping = "none" if not needs_stamp else "keep" if self._stamp else "take"
        pks = [self._keys.next(self._link) if c.pk is None else c.pk for c in changes]
        opening = self._opening(enters=needs_stamp)
        writing = steps(changes, pks, groups, tenant=self._tenant, now=self._now, stamping=stamping)
        results = self._run_all(chain(opening, writing, closing), commits=bool(closing))
        if needs_stamp:
            self._stamp = int.from_bytes(results[len(opening)].get_value(0, 0) or b"", "big")
        self._stored += stored_versions(changes, pks, self._stamp)

    def _opening(self, *, enters: bool) -> list[Step]:
        opening = [] if self._began else [_BEGIN]
        if enters and not self._entered:
            opening.append(_ENTER)
        self._began = True
        self._entered = self._entered or enters
        return opening

    def _run_all(self, sequence: Iterable[Step], *, commits: bool = False) -> list[PGresult]:
        try:
            return self._link.run_all(sequence)
        except ConnectionLost as error:
            if commits and not error.told:
                raise OutcomeUnknown(_UNKNOWN) from error
            raise Retryable(_LOST) from error


class _Keys:
    """Primary keys of new resources, taken from the database a thousand at a time; a forked process takes its own."""

    __slots__ = ("_end", "_lock", "_next", "_pid")

    def __init__(self) -> None:
        self._begin()

    def _begin(self) -> None:
        self._pid = os.getpid()
        self._lock = threading.Lock()
        self._next = self._end = 0

    def next(self, link: PostgresqlLink) -> int:
        """A key that nobody else has."""
        if self._pid != os.getpid():
            self._begin()
        with self._lock:
            if self._next == self._end:
                self._next = int.from_bytes(link.run(_MORE_KEYS).get_value(0, 0) or b"", "big")
                self._end = self._next + _KEYS_AT_ONCE
            key = self._next
            self._next += 1
        return key


def _fresh(links: ThreadConnections[PostgresqlLink]) -> PostgresqlLink:
    """The connection of the calling thread, a new one if the server has ended the old one meanwhile."""
    link = links.get()
    if not link.is_stale():
        return link
    links.drop(link)
    return links.get()
