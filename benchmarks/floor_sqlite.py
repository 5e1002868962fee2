"""The floor's SQL on SQLite: the statements that the store runs, by hand on the driver, which keeps them prepared."""

import contextlib
import random
import sqlite3
import threading
import time
from collections.abc import Iterator, Sequence
from typing import Any

from benchmarks.floor_copies import (
    AUDIT_COLUMNS,
    INDEX_COLUMNS,
    WORK_COLUMNS,
    Copies,
    Copy,
    Read,
    audit_row,
    stamped,
)

_OPEN = """
PRAGMA busy_timeout = 0;
PRAGMA journal_mode = WAL;
PRAGMA synchronous = FULL;
PRAGMA foreign_keys = OFF;
PRAGMA temp_store = MEMORY;
PRAGMA cache_size = -8000;
PRAGMA mmap_size = 268435456;
PRAGMA wal_autocheckpoint = 8000;
"""
_LONGEST_WITHOUT_PAUSE_SECONDS = 0.02
_PAUSE_SECONDS = 0.001
_RESOURCE = ("pk", "tenant", "type", "resource_id", "version_id", "updated", "deleted", "method", "body")
_OUTBOX = ("tenant", "pk", "type", "resource_id", "version_id", "method", "updated")
_HISTORY = ("tenant", "pk", "version_id", "type", "resource_id", "updated", "deleted", "method", "body")


def _insertion(table: str, columns: Sequence[str]) -> str:
    return f"INSERT INTO {table} ({', '.join(columns)}) VALUES ({', '.join('?' for _ in columns)})"


_INSERT_RESOURCE = _insertion("resource", _RESOURCE)
_INSERT_OUTBOX = _insertion("outbox", _OUTBOX)
_INSERT_AUDIT = _insertion("audit_event", AUDIT_COLUMNS)
_INSERT_WORK = _insertion("work_item", ("pk", "tenant", "type", *WORK_COLUMNS, "updated"))
_INSERT_INDEX = {t: _insertion(t, ("tenant", "pk", *columns, "updated")) for t, columns in INDEX_COLUMNS.items()}
_KEEP = f"INSERT INTO resource_history ({', '.join(_HISTORY)}) SELECT {', '.join(_HISTORY)} FROM resource WHERE pk = ?"
_READ = "SELECT pk, version_id, updated, deleted, body FROM resource WHERE tenant=1 AND type=? AND resource_id=?"
_REPLACE = "UPDATE resource SET version_id = ?, updated = ?, deleted = 0, method = 'PUT', body = ? WHERE pk = ?"


def connected(file: str) -> sqlite3.Connection:
    """A connection set up as the store sets up its own."""
    connection = sqlite3.connect(file, isolation_level=None, check_same_thread=False, cached_statements=512)
    connection.executescript(_OPEN)
    return connection


class Writer:
    """The one connection of a process that writes, and whose turn it is; made in the process, after the fork."""

    def __init__(self) -> None:
        self._turn = threading.Lock()
        self._connection: sqlite3.Connection | None = None
        self._since = 0.0

    @contextlib.contextmanager
    def transaction(self, file: str) -> Iterator[sqlite3.Connection]:
        """BEGIN IMMEDIATE to COMMIT; like the store, it lets other processes in after a while."""
        if self._turn.acquire(blocking=False):
            self._since = time.monotonic()
        else:
            self._turn.acquire()
        try:
            if time.monotonic() - self._since > _LONGEST_WITHOUT_PAUSE_SECONDS:
                time.sleep(_PAUSE_SECONDS)
                self._since = time.monotonic()
            self._connection = connection = self._connection or connected(file)
            _begin(connection)
            yield connection
            connection.execute("COMMIT")
        finally:
            self._turn.release()


def _begin(connection: sqlite3.Connection) -> None:
    while True:
        try:
            connection.execute("BEGIN IMMEDIATE")
            return
        except sqlite3.OperationalError:
            time.sleep(random.uniform(0.0002, 0.0008))


_WRITER = Writer()


class SqliteFloor:
    """A `Store`: a connection of its own to read with, and the writer of the process."""

    def __init__(self, file: str, copies: Copies) -> None:
        self._copies = copies
        self._task = copies.task.type_number
        self._file = file
        self._connection = connected(file)

    @staticmethod
    def reader(file: str) -> Read:
        """Runs one statement on a connection of its own."""

        def read(statement: str) -> list[Any]:
            connection = sqlite3.connect(file)
            try:
                return connection.execute(statement).fetchall()
            finally:
                connection.close()

        return read

    def read(self, resource_id: str) -> str:
        """See `Store.read`."""
        found: str = self._connection.execute(_READ, (self._task, resource_id)).fetchall()[0][4]
        return found

    def create(self, count: int) -> list[str]:
        """See `Store.create`."""
        copies = self._copies.new(count)
        with _WRITER.transaction(self._file) as connection:
            stamp = _stamp(connection)
            last = connection.execute("SELECT coalesce(max(pk), 0) FROM resource").fetchall()[0][0]
            bodies = [stamped(copy, 1, stamp) for copy in copies]
            rows = [
                (last + n + 1, 1, copy.type_number, copy.resource_id, 1, stamp, False, "POST", body)
                for n, (copy, body) in enumerate(zip(copies, bodies, strict=True))
            ]
            connection.executemany(_INSERT_RESOURCE, rows)
            _finish(connection, [(row[0], copy, 1) for row, copy in zip(rows, copies, strict=True)], stamp)
        return bodies

    def update(self, resource_id: str) -> str:
        """See `Store.update`."""
        with _WRITER.transaction(self._file) as connection:
            stamp = _stamp(connection)
            pk, version, *_ = connection.execute(_READ, (self._task, resource_id)).fetchall()[0]
            connection.execute(_KEEP, (pk,))
            body = stamped(self._copies.task, version + 1, stamp)
            connection.execute(_REPLACE, (version + 1, stamp, body, pk))
            for table in (*INDEX_COLUMNS, "work_item"):
                connection.execute(f"DELETE FROM {table} WHERE pk = ?", (pk,))
            _finish(connection, [(pk, self._copies.task, version + 1)], stamp)
        return body


def _stamp(connection: sqlite3.Connection) -> int:
    statement = "UPDATE write_stamp SET value = max(value + 1, ?) RETURNING value"
    found: int = connection.execute(statement, (time.time_ns() // 1000,)).fetchall()[0][0]
    return found


def _finish(connection: sqlite3.Connection, written: list[tuple[int, Copy, int]], stamp: int) -> None:
    run = connection.executemany
    for table, statement in _INSERT_INDEX.items():
        rows = [(1, pk, *row, stamp) for pk, copy, _ in written for row in copy.index[table]]
        if rows:
            run(statement, rows)
    work = [(pk, 1, copy.type_number, *copy.work, stamp) for pk, copy, _ in written if copy.work]
    if work:
        run(_INSERT_WORK, work)
    run(_INSERT_OUTBOX, [(1, pk, c.type_number, c.resource_id, v, "POST", stamp) for pk, c, v in written])
    run(_INSERT_AUDIT, [audit_row(copy, version, stamp) for _, copy, version in written])
