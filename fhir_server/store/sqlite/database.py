"""The store on SQLite: WAL, synchronous FULL, one writer at a time.

https://www.sqlite.org/wal.html and https://www.sqlite.org/lang_transaction.html  Writers begin with BEGIN IMMEDIATE;
a transaction that read first and upgraded later would fail at once, or lose an update. Readers never wait.
"""

import json
import os
import random
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any
from urllib.parse import quote

from fhir_server.errors import BadRequest, TimeLimit, Unavailable
from fhir_server.store.collecting import CollectedRows, CollectingUnit
from fhir_server.store.connections import ThreadConnections
from fhir_server.store.reindexing import still_current
from fhir_server.store.sqlite import plan
from fhir_server.store.sqlite.write import replace_index, take_stamp, write_changes, write_rows
from fhir_server.store.statements import Compiling, Sql, StatementCache
from fhir_server.store.unit_of_work import Change, Reindexed, Retryable, WriteConflict

_BUSY = {sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED}
_CONSTRAINT = sqlite3.SQLITE_CONSTRAINT
_INSTRUCTIONS_BETWEEN_LOOKS = 50_000
_LONGEST_WITHOUT_PAUSE_SECONDS = 0.02
_PAUSE_SECONDS = 0.001  # longer than others sleep between two looks
# A write touches some thirty pages. Moving the log into the file every 1,000 pages, SQLite's default, made writes a
# quarter slower, and one in a hundred of them four times as long.
_OPEN = """
PRAGMA busy_timeout = {timeout};
PRAGMA journal_mode = WAL;
PRAGMA synchronous = FULL;
PRAGMA foreign_keys = OFF;
PRAGMA temp_store = MEMORY;
PRAGMA cache_size = -8000;
PRAGMA mmap_size = 268435456;
PRAGMA wal_autocheckpoint = 8000;
"""
_READER = "PRAGMA query_only = ON"
_WRITER = "PRAGMA busy_timeout = 0"


def translated(error: sqlite3.Error) -> Exception:
    """What an error of the driver means to the rest of the server; unknown ones stay as they are."""
    code = getattr(error, "sqlite_errorcode", 0) & 0xFF
    if code in _BUSY:
        return Retryable("the database is busy")
    if code == _CONSTRAINT:
        return WriteConflict("a row with this key exists")
    if code == sqlite3.SQLITE_INTERRUPT:
        return TimeLimit("the database took longer than the time limit; ask for less, or try again")
    if code in {sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR, sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_READONLY}:
        return Unavailable("the database cannot be read or written at the moment")
    return error


class Link:
    """One connection, whose statements each end at the time limit."""

    __slots__ = ("connection", "deadline", "has_unit", "in_use", "timeout_seconds")

    def __init__(self, file: str, *, timeout_ms: int, reads_only: bool) -> None:
        self.timeout_seconds = timeout_ms / 1000
        self.deadline = float("inf")
        self.in_use = False
        self.has_unit = False
        try:
            self.connection = sqlite3.connect(
                # A file that was moved away must be missed, not made anew and empty.
                f"file:{quote(file)}?mode=rw",
                uri=True,
                isolation_level=None,
                check_same_thread=False,
                cached_statements=512,
            )
            self.connection.executescript(_OPEN.format(timeout=timeout_ms))
            self.connection.executescript(_READER if reads_only else _WRITER)
        except sqlite3.Error as error:
            raise translated(error) from error
        self.connection.set_progress_handler(self._is_late, _INSTRUCTIONS_BETWEEN_LOOKS)

    def start_clock(self, within_seconds: float | None = None) -> None:
        """Let the time limit begin now."""
        self.deadline = time.monotonic() + (self.timeout_seconds if within_seconds is None else within_seconds)

    def _is_late(self) -> bool:
        return time.monotonic() > self.deadline

    def rows(
        self, sql: Sql, parameters: Mapping[str, Any], *, within_seconds: float | None = None
    ) -> list[tuple[Any, ...]]:
        """All rows of a statement."""
        values = {**sql.defaults, **parameters}
        for name in sql.lists:
            values[name] = json.dumps(values[name])
        self.start_clock(within_seconds)
        try:
            return self.connection.execute(sql.text, values).fetchall()
        except sqlite3.Error as error:
            raise translated(error) from error
        except UnicodeEncodeError as error:
            raise BadRequest("a value holds half of a character, which no text can") from error

    def begin_immediate(self) -> None:
        """Enter the write order; raises Retryable at the time limit.

        Looks again every half millisecond: SQLite's own waiting backs off to 100 ms and lets others overtake.
        """
        self.start_clock()
        while True:
            try:
                self.connection.execute("BEGIN IMMEDIATE")
                return
            except sqlite3.OperationalError as error:
                what = translated(error)
                if not isinstance(what, Retryable) or time.monotonic() > self.deadline:
                    raise what from error
            time.sleep(random.uniform(0.0002, 0.0008))  # noqa: S311

    def close(self) -> None:
        """Close the connection."""
        self.connection.close()


class WriteOrder:
    """The one connection of this process that writes, and the turn to use it.

    One connection, because SQLite forgets its cached pages whenever another one has written; one thread at a time,
    because the others would only ask again and again for what one of them can have. A process that has written for
    a while without a pause lets those of other processes in. A forked process has a connection of its own.
    """

    __slots__ = ("_connect", "_inherited", "_link", "_lock", "_pid", "_since", "_timeout_seconds")

    def __init__(self, connect: Callable[[], Link], timeout_seconds: float) -> None:
        self._connect = connect
        self._timeout_seconds = timeout_seconds
        self._inherited: list[Link | None] = []
        self._link: Link | None = None
        self._begin()

    def _begin(self) -> None:
        self._inherited.append(self._link)  # never closed here: that would end the locks of the parent's connection
        self._pid = os.getpid()
        self._lock = threading.Lock()
        self._link = None
        self._since = 0.0

    def enter(self) -> Link:
        """Wait for the turn and begin a transaction; raises Retryable at the time limit."""
        if self._pid != os.getpid():
            self._begin()
        if self._lock.acquire(blocking=False):
            self._since = time.monotonic()  # nobody of this process was before us
        elif not self._lock.acquire(timeout=self._timeout_seconds):
            raise Retryable("the database is busy")
        try:
            if time.monotonic() - self._since > _LONGEST_WITHOUT_PAUSE_SECONDS:
                time.sleep(_PAUSE_SECONDS)
                self._since = time.monotonic()
            if self._link is None:
                self._link = self._connect()
            self._link.begin_immediate()
        except BaseException:
            self._lock.release()
            raise
        return self._link

    def leave(self, link: Link) -> None:
        """Undo what was not committed, and let the next one in."""
        try:
            if link.connection.in_transaction:
                link.connection.execute("ROLLBACK")
        finally:
            self._lock.release()

    def close(self) -> None:
        """Close the connection; who writes again gets a new one."""
        if self._pid == os.getpid():
            with self._lock:
                link, self._link = self._link, None
            if link is not None:
                link.close()


class SqliteDatabase(Compiling):
    """A `Database` in one file."""

    __slots__ = ("_order", "_readers")

    def __init__(self, file: str, *, timeout_ms: int, reading_timeout_ms: int) -> None:
        super().__init__(StatementCache("sqlite"))
        self._readers = ThreadConnections(lambda: Link(file, timeout_ms=reading_timeout_ms, reads_only=True))
        self._order = WriteOrder(lambda: Link(file, timeout_ms=timeout_ms, reads_only=False), timeout_ms / 1000)

    def rows(
        self, sql: Sql, parameters: Mapping[str, Any], *, within_seconds: float | None = None
    ) -> list[tuple[Any, ...]]:
        """See `Rows.rows`."""
        try:
            return self._readers.get().rows(sql, parameters, within_seconds=within_seconds)
        except Retryable as error:
            raise Unavailable("the database stayed busy; try again") from error

    @contextmanager
    def snapshot(self) -> Iterator["SqliteDatabase"]:
        """See `Database.snapshot`: until it ends, this thread reads nothing newer."""
        link = self._readers.get()
        if link.in_use:
            raise RuntimeError("this thread has an open snapshot")
        link.in_use = True
        link.connection.execute("BEGIN")
        try:
            yield self
        finally:
            link.in_use = False
            link.connection.execute("ROLLBACK")

    @contextmanager
    def unit_of_work(self, *, tenant: int, now: int) -> Iterator["SqliteUnit"]:
        """See `Database.unit_of_work`."""
        reader = self._readers.get()
        if reader.has_unit:
            raise RuntimeError("this thread has an open unit of work")
        unit = SqliteUnit(self._statements, reader, self._order, tenant=tenant, now=now)
        reader.has_unit = True
        try:
            yield unit
            unit.commit()
        finally:
            reader.has_unit = False
            unit.end()

    def plan(self, sql: Sql, parameters: Mapping[str, Any]) -> list[str]:
        """See `Database.plan`."""
        return plan.plan(self.rows, sql, parameters)

    def measure(self, sql: Sql, parameters: Mapping[str, Any]) -> list[str]:
        """See `Database.measure`."""
        return plan.measure(self.rows, sql, parameters)

    def close(self) -> None:
        """See `Database.close`."""
        self._readers.close()
        self._order.close()


class SqliteUnit(CollectingUnit):
    """A `UnitOfWork`: its transaction begins when it enters the write order."""

    __slots__ = ("_link", "_order", "_reader")

    def __init__(self, statements: StatementCache, reader: Link, order: WriteOrder, *, tenant: int, now: int) -> None:
        super().__init__(statements, tenant=tenant, now=now)
        self._reader = reader
        self._order = order
        self._link: Link | None = None

    def enter_write_order(self) -> None:
        """See `UnitOfWork.enter_write_order`."""
        self._entered()

    def _entered(self) -> Link:
        if self._link is None:
            self._link = self._order.enter()
        return self._link

    def rows(
        self, sql: Sql, parameters: Mapping[str, Any], *, within_seconds: float | None = None
    ) -> list[tuple[Any, ...]]:
        """See `Rows.rows` and `UnitOfWork`; inside a snapshot, which would hide what is newer, it enters the order."""
        if sql.writes or self._reader.in_use:
            self._entered()
        return (self._link or self._reader).rows(sql, parameters, within_seconds=within_seconds)

    def flush(self) -> int:
        """See `UnitOfWork.flush`."""
        needs_stamp = self._needs_stamp()
        changes, rows = self._take_collected()
        if changes or rows:
            self._write(changes, rows, needs_stamp=needs_stamp)
        reindexed = self._take_reindexed()
        if reindexed:
            self._reindex(reindexed)
        return self._stamp

    def _write(self, changes: Sequence[Change], rows: CollectedRows, *, needs_stamp: bool) -> None:
        link = self._entered()
        link.start_clock()
        try:
            if needs_stamp and not self._stamp:
                self._stamp = take_stamp(link.connection, self._now)
            if changes:
                self._stored += write_changes(link.connection, changes, tenant=self._tenant, stamp=self._stamp)
            write_rows(link.connection, rows, self._stamp)
        except sqlite3.Error as error:
            raise translated(error) from error

    def _reindex(self, reindexed: Sequence[Reindexed]) -> None:
        link = self._entered()
        every = still_current(self, reindexed, tenant=self._tenant)
        link.start_clock()
        try:
            replace_index(link.connection, every, tenant=self._tenant)
        except sqlite3.Error as error:
            raise translated(error) from error

    def commit(self) -> None:
        """Flush and commit; nothing happens when nothing was written."""
        self.flush()
        if self._link is not None:
            self._link.deadline = float("inf")
            try:
                self._link.connection.execute("COMMIT")
            except sqlite3.Error as error:
                raise translated(error) from error

    def end(self) -> None:
        """Undo what was not committed, and leave the write order."""
        if self._link is not None:
            link, self._link = self._link, None
            self._order.leave(link)
