"""Writing on SQLite: the statements of one flush, inside the transaction that its unit of work has begun.

Rows go by executemany, which SQLite runs faster than one statement with many rows or one over a JSON text.
"""

import sqlite3
from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from typing import Any

from fhir_server.store.collecting import RowGroup, stamp_columns, stored_versions
from fhir_server.store.index_rows import bounded_rows
from fhir_server.store.stored import Stored
from fhir_server.store.tables import INDEX_TABLES, OUTBOX, RESOURCE, RESOURCE_HISTORY, WORK_ITEM
from fhir_server.store.unit_of_work import Change, Reindexed, WriteConflict

Row = tuple[Any, ...]

_COLUMNS = ", ".join(c.name for c in RESOURCE_HISTORY.columns)
_KEEP_HISTORY = (
    f"INSERT INTO resource_history ({_COLUMNS}) SELECT {_COLUMNS} FROM resource "  # noqa: S608 (no input in it)
    "WHERE pk = ? AND tenant = ? AND version_id = ?"
)
_REPLACE = "UPDATE resource SET version_id = ?, updated = ?, deleted = ?, method = ?, body = ? WHERE pk = ?"


def take_stamp(connection: sqlite3.Connection, now: int) -> int:
    """The stamp of this unit of work: now, or just after the last one."""
    rows = connection.execute("UPDATE write_stamp SET value = max(value + 1, ?) RETURNING value", (now,)).fetchall()
    stamp: int = rows[0][0]
    return stamp


def write_changes(
    connection: sqlite3.Connection, changes: Sequence[Change], *, tenant: int, stamp: int
) -> list[Stored]:
    """Write versions, their history, index rows, work rows and outbox rows; raises WriteConflict."""
    pks = _keys(connection, changes)
    stored = stored_versions(changes, pks, stamp)
    _write_new(connection, [s for s, c in zip(stored, changes, strict=True) if c.pk is None], tenant)
    _write_next(connection, [s for s, c in zip(stored, changes, strict=True) if c.pk is not None], tenant)
    _write_index(connection, changes, pks, tenant=tenant, stamp=stamp)
    columns = ("tenant", "pk", "type", "resource_id", "version_id", "method", "updated")
    events = ((tenant, s.pk, s.type_number, s.resource_id, s.version_id, s.method, s.updated) for s in stored)
    connection.executemany(_insertion(OUTBOX.name, columns), events)
    return stored


def write_rows(
    connection: sqlite3.Connection, groups: Mapping[RowGroup, Sequence[Mapping[str, Any]]], stamp: int
) -> None:
    """Write the rows of other tables, with the stamp where they carry it."""
    for (table, names), rows in groups.items():
        stamps = stamp_columns(table)
        values = ((*(row[name] for name in names), *(stamp for _ in stamps)) for row in rows)
        connection.executemany(_insertion(table.name, (*names, *stamps)), values)


def replace_index(connection: sqlite3.Connection, every: Sequence[Reindexed], *, tenant: int) -> None:
    """Replace the index rows and work rows of current versions."""
    _drop_index(connection, [r.pk for r in every])
    for kind, table in INDEX_TABLES.items():
        rows = [(tenant, r.pk, *row, r.updated) for r in every for row in bounded_rows(getattr(r.index, kind))]
        if rows:
            connection.executemany(_insertion(table.name, tuple(table.columns.keys())), rows)
    _write_work(connection, [(r.pk, tenant, r.type_number, *r.work, r.updated) for r in every if r.work is not None])


def _keys(connection: sqlite3.Connection, changes: Sequence[Change]) -> list[int]:
    last: int = connection.execute("SELECT coalesce(max(pk), 0) FROM resource").fetchall()[0][0]
    keys = []
    for change in changes:
        if change.pk is None:
            last += 1
        keys.append(last if change.pk is None else change.pk)
    return keys


def _write_new(connection: sqlite3.Connection, stored: Sequence[Stored], tenant: int) -> None:
    if stored:
        names = ("pk", "tenant", "type", "resource_id", "version_id", "updated", "deleted", "method", "body")
        connection.executemany(
            _insertion(RESOURCE.name, names),
            (
                (s.pk, tenant, s.type_number, s.resource_id, s.version_id, s.updated, s.deleted, s.method, s.body)
                for s in stored
            ),
        )


def _write_next(connection: sqlite3.Connection, stored: Sequence[Stored], tenant: int) -> None:
    if not stored:
        return
    kept = connection.executemany(_KEEP_HISTORY, ((s.pk, tenant, s.version_id - 1) for s in stored))
    if kept.rowcount != len(stored):
        raise WriteConflict("another version than the expected one is current")
    connection.executemany(_REPLACE, ((s.version_id, s.updated, s.deleted, s.method, s.body, s.pk) for s in stored))
    _drop_index(connection, [s.pk for s in stored])


def _write_index(
    connection: sqlite3.Connection, changes: Sequence[Change], pks: Sequence[int], *, tenant: int, stamp: int
) -> None:
    pairs = list(zip(changes, pks, strict=True))
    for kind, table in INDEX_TABLES.items():
        rows: Iterable[Row] = [
            (tenant, pk, *row, stamp) for change, pk in pairs for row in bounded_rows(getattr(change.index, kind))
        ]
        if rows:
            connection.executemany(_insertion(table.name, tuple(table.columns.keys())), rows)
    _write_work(connection, [(pk, tenant, c.type_number, *c.work, stamp) for c, pk in pairs if c.work is not None])


def _drop_index(connection: sqlite3.Connection, pks: Sequence[int]) -> None:
    keys = [(pk,) for pk in pks]
    for table in (*INDEX_TABLES.values(), WORK_ITEM):
        connection.executemany(f"DELETE FROM {table.name} WHERE pk = ?", keys)  # noqa: S608 (no input in it)


def _write_work(connection: sqlite3.Connection, rows: Sequence[Row]) -> None:
    if rows:
        insertion = _insertion(WORK_ITEM.name, tuple(WORK_ITEM.columns.keys()))
        connection.executemany(insertion, bounded_rows(rows))


@cache
def _insertion(table: str, columns: tuple[str, ...]) -> str:
    marks = ", ".join("?" for _ in columns)
    return f"INSERT INTO {table} ({', '.join(columns)}) VALUES ({marks})"  # noqa: S608 (names of our own tables)
