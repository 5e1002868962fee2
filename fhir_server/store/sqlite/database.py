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
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from fhir_server.errors import BadRequest, Unavailable
from fhir_server.store.collecting import CollectingUnit
from fhir_server.store.connections import ThreadConnections
from fhir_server.store.sqlite.write import take_stamp, write_changes, write_rows
from fhir_server.store.statements import Compiling, Sql, StatementCache
from fhir_server.store.unit_of_work import Retryable, WriteConflict

_BUSY = {sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED}
_CONSTRAINT = sqlite3.SQLITE_CONSTRAINT
_INSTRUCTIONS_BETWEEN_LOOKS = 50_000
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
        return Unavailable("the database took longer than the time limit; ask for less, or try again")
    if code in {sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR, sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_READONLY}:
        return Unavailable("the database cannot be read or written at the moment")
    return error


class Link:
    """One connection, whose statements each end at the time limit."""

    __slots__ = ("connection", "deadline", "in_use", "timeout_seconds")

    def __init__(self, file: str, *, timeout_ms: int, reads_only: bool) -> None:
        self.timeout_seconds = timeout_ms / 1000
        self.deadline = float("inf")
        self.in_use = False
        try:
            self.connection = sqlite3.connect(
                file, isolation_level=None, check_same_thread=False, cached_statements=512, uri=False
            )
            self.connection.executescript(_OPEN.format(timeout=timeout_ms))
            self.connection.executescript(_READER if reads_only else _WRITER)
        except sqlite3.Error as error:
            raise translated(error) from error
        self.connection.set_progress_handler(self._is_late, _INSTRUCTIONS_BETWEEN_LOOKS)

    def start_clock(self) -> None:
        """Let the time limit begin now."""
        self.deadline = time.monotonic() + self.timeout_seconds

    def _is_late(self) -> bool:
        return time.monotonic() > self.deadline

    def rows(self, sql: Sql, parameters: Mapping[str, Any]) -> list[tuple[Any, ...]]:
        """All rows of a statement."""
        values = {**sql.defaults, **parameters}
        for name in sql.lists:
            values[name] = json.dumps(values[name])
        self.start_clock()
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


class Turn:
    """One writer of this process at a time asks SQLite for the write order; a forked process has a turn of its own.

    Without it all threads would look again and again for what only one of them can have.
    """

    __slots__ = ("_lock", "_pid")

    def __init__(self) -> None:
        self._pid = os.getpid()
        self._lock = threading.Lock()

    def take(self, timeout_seconds: float) -> threading.Lock:
        """Wait for the turn; returns the lock to release. Raises Retryable at the time limit."""
        if self._pid != os.getpid():
            self._pid, self._lock = os.getpid(), threading.Lock()
        lock = self._lock
        if not lock.acquire(timeout=timeout_seconds):
            raise Retryable("the database is busy")
        return lock


class SqliteDatabase(Compiling):
    """A `Database` in one file."""

    __slots__ = ("_readers", "_timeout_ms", "_turn", "_writers")

    def __init__(self, file: str, *, timeout_ms: int) -> None:
        super().__init__(StatementCache("sqlite"))
        self._timeout_ms = timeout_ms
        self._turn = Turn()
        self._readers = ThreadConnections(lambda: Link(file, timeout_ms=timeout_ms, reads_only=True))
        self._writers = ThreadConnections(lambda: Link(file, timeout_ms=timeout_ms, reads_only=False))

    def rows(self, sql: Sql, parameters: Mapping[str, Any]) -> list[tuple[Any, ...]]:
        """See `Rows.rows`."""
        try:
            return self._readers.get().rows(sql, parameters)
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
        link = self._writers.get()
        if link.in_use:
            raise RuntimeError("this thread has an open unit of work")
        unit = SqliteUnit(self._statements, link, self._turn, tenant=tenant, now=now)
        link.in_use = True
        try:
            yield unit
            unit.commit()
        finally:
            link.in_use = False
            unit.end()

    def close(self) -> None:
        """See `Database.close`."""
        self._readers.close()
        self._writers.close()


class SqliteUnit(CollectingUnit):
    """A `UnitOfWork`: its transaction begins when it enters the write order."""

    __slots__ = ("_began", "_held", "_link", "_turn")

    def __init__(self, statements: StatementCache, link: Link, turn: Turn, *, tenant: int, now: int) -> None:
        super().__init__(statements, tenant=tenant, now=now)
        self._link = link
        self._turn = turn
        self._held: threading.Lock | None = None
        self._began = False

    def enter_write_order(self) -> None:
        """See `UnitOfWork.enter_write_order`."""
        if not self._began:
            self._held = self._turn.take(self._link.timeout_seconds)
            self._link.begin_immediate()
            self._began = True

    def rows(self, sql: Sql, parameters: Mapping[str, Any]) -> list[tuple[Any, ...]]:
        """See `Rows.rows` and `UnitOfWork`."""
        if sql.writes:
            self.enter_write_order()
        return self._link.rows(sql, parameters)

    def flush(self) -> int:
        """See `UnitOfWork.flush`."""
        needs_stamp = self._needs_stamp()
        changes, rows = self._take_collected()
        if not changes and not rows:
            return self._stamp
        self.enter_write_order()
        connection = self._link.connection
        self._link.start_clock()
        try:
            if needs_stamp and not self._stamp:
                self._stamp = take_stamp(connection, self._now)
            if changes:
                self._stored += write_changes(connection, changes, tenant=self._tenant, stamp=self._stamp)
            write_rows(connection, rows, self._stamp)
        except sqlite3.Error as error:
            raise translated(error) from error
        return self._stamp

    def commit(self) -> None:
        """Flush and commit; nothing happens when nothing was written."""
        self.flush()
        if self._began:
            self._link.deadline = float("inf")
            try:
                self._link.connection.execute("COMMIT")
            except sqlite3.Error as error:
                raise translated(error) from error
            self._began = False

    def end(self) -> None:
        """Undo what was not committed, and leave the write order."""
        try:
            if self._link.connection.in_transaction:
                self._link.connection.execute("ROLLBACK")
        finally:
            if self._held is not None:
                self._held.release()
                self._held = None
