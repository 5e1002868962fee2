"""The floor's SQL on SQLite: the statements that the store runs, by hand on the driver, which keeps them prepared."""

import random
import sqlite3
import threading
import time
from collections.abc import Sequence
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

# As in the store: within a process threads take turns, and only the processes contend for the file.
_TURN = threading.Lock()
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
_REPLACE = "UPDATE resource SET version_id = ?, updated = ?, deleted = 0, method = 'PUT', body = ? WHERE pk = ?"


class SqliteFloor:
    """A `Store` on one connection."""

    def __init__(self, file: str, copies: Copies) -> None:
        self._copies = copies
        self._task = copies.task.type_number
        self._connection = sqlite3.connect(file, isolation_level=None, check_same_thread=False, cached_statements=512)
        self._connection.executescript(_OPEN)

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
        statement = (
            "SELECT pk, version_id, updated, deleted, body FROM resource WHERE tenant=1 AND type=? AND resource_id=?"
        )
        found: str = self._connection.execute(statement, (self._task, resource_id)).fetchall()[0][4]
        return found

    def create(self, count: int) -> list[str]:
        """See `Store.create`."""
        with _TURN:
            return self._create(self._copies.new(count))

    def _create(self, copies: list[Copy]) -> list[str]:
        stamp = self._begin()
        last = self._connection.execute("SELECT coalesce(max(pk), 0) FROM resource").fetchall()[0][0]
        bodies = [stamped(copy, 1, stamp) for copy in copies]
        rows = [
            (last + n + 1, 1, copy.type_number, copy.resource_id, 1, stamp, False, "POST", body)
            for n, (copy, body) in enumerate(zip(copies, bodies, strict=True))
        ]
        self._connection.executemany(_INSERT_RESOURCE, rows)
        self._finish([(row[0], copy, 1) for row, copy in zip(rows, copies, strict=True)], stamp)
        return bodies

    def update(self, resource_id: str) -> str:
        """See `Store.update`."""
        with _TURN:
            return self._update(resource_id)

    def _update(self, resource_id: str) -> str:
        stamp = self._begin()
        statement = (
            "SELECT pk, version_id, updated, deleted, body FROM resource WHERE tenant=1 AND type=? AND resource_id=?"
        )
        pk, version, *_ = self._connection.execute(statement, (self._task, resource_id)).fetchall()[0]
        self._connection.execute(_KEEP, (pk,))
        body = stamped(self._copies.task, version + 1, stamp)
        self._connection.execute(_REPLACE, (version + 1, stamp, body, pk))
        for table in (*INDEX_COLUMNS, "work_item"):
            self._connection.execute(f"DELETE FROM {table} WHERE pk = ?", (pk,))
        self._finish([(pk, self._copies.task, version + 1)], stamp)
        return body

    def _begin(self) -> int:
        while True:
            try:
                self._connection.execute("BEGIN IMMEDIATE")
                break
            except sqlite3.OperationalError:
                time.sleep(random.uniform(0.0002, 0.0008))
        statement = "UPDATE write_stamp SET value = max(value + 1, ?) RETURNING value"
        found: int = self._connection.execute(statement, (time.time_ns() // 1000,)).fetchall()[0][0]
        return found

    def _finish(self, written: list[tuple[int, Copy, int]], stamp: int) -> None:
        run = self._connection.executemany
        for table, statement in _INSERT_INDEX.items():
            rows = [(1, pk, *row, stamp) for pk, copy, _ in written for row in copy.index[table]]
            if rows:
                run(statement, rows)
        work = [(pk, 1, copy.type_number, *copy.work, stamp) for pk, copy, _ in written if copy.work]
        if work:
            run(_INSERT_WORK, work)
        run(_INSERT_OUTBOX, [(1, pk, c.type_number, c.resource_id, v, "POST", stamp) for pk, c, v in written])
        run(_INSERT_AUDIT, [audit_row(copy, version, stamp) for _, copy, version in written])
        self._connection.execute("COMMIT")
