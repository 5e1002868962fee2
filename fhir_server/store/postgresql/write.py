"""Writing on PostgreSQL: one statement for everything that a flush holds, from arrays.

https://www.postgresql.org/docs/current/queries-with.html#QUERIES-WITH-MODIFYING  All parts of the statement see the
rows as they were before it, so history is copied and replaced at once. The rule: it runs inside the write order, whose
lock was taken by a statement before it; else it could miss what another writer has just committed.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache, lru_cache
from itertools import count
from typing import Any, Literal

from sqlalchemy import String, Table
from sqlalchemy.dialects import postgresql

from fhir_server.store.collecting import RowGroup, stamp_columns
from fhir_server.store.index_rows import bounded_rows
from fhir_server.store.postgresql.link import Step
from fhir_server.store.postgresql.values import Value, encoded, plain_array, text_array
from fhir_server.store.tables import INDEX_TABLES, RESOURCE_HISTORY, WORK_COLUMNS, WORK_ITEM
from fhir_server.store.unit_of_work import Change

LARGEST_STATEMENT = 500
"""Changes in one statement; more are written by several, one after the other."""

Stamping = Literal["none", "take", "keep"]
"""Whether a statement needs no stamp, takes it, or goes on with the one that its unit of work has taken."""

_DIALECT = postgresql.dialect()  # type: ignore[no-untyped-call]


@dataclass(frozen=True, slots=True)
class Source:
    """Rows given as one array a column: a call of unnest, named as the rows are."""

    name: str
    columns: tuple[str, ...]
    types: tuple[str, ...]

    def text(self, numbers: Iterator[int]) -> str:
        """The call; the place of a row among the others is its last column."""
        arrays = ", ".join(f"${next(numbers)}::{kind}[]" for kind in self.types)
        return f"unnest({arrays}) WITH ORDINALITY AS {self.name} ({', '.join(self.columns)}, place)"

    def qualified(self) -> list[str]:
        """The columns with the name of the rows."""
        return [f"{self.name}.{column}" for column in self.columns]

    def values(self, rows: Sequence[Sequence[Any]]) -> list[Value]:
        """The arrays, in the order of the columns."""
        return [
            text_array(values) if kind == "text" else plain_array(values)
            for kind, values in zip(self.types, zip(*rows, strict=True), strict=True)
        ]


@cache
def source_of(table: Table, columns: tuple[str, ...]) -> Source:
    """The rows of a table, given as arrays of these columns."""
    kinds = [table.columns[name].type for name in columns]
    types = ("text" if isinstance(k, String) else k.compile(_DIALECT).lower() for k in kinds)
    return Source(f"new_{table.name}", columns, tuple(types))


def _given(table: Table) -> tuple[str, ...]:
    return tuple(column.name for column in table.columns if column.name not in {"tenant", "updated"})


_CHANGES = Source(
    "change",
    ("pk", "type", "resource_id", "version_id", "deleted", "method", "head", "tail"),
    ("bigint", "smallint", "text", "integer", "boolean", "text", "text", "text"),
)
_INDEX_SOURCES = {kind: source_of(table, _given(table)) for kind, table in INDEX_TABLES.items()}
_WORK_SOURCE = source_of(WORK_ITEM, ("pk", "type", *WORK_COLUMNS))

# Inside the write order nobody else moves the sequence, so its last value remains the stamp of this unit of work.
_MOMENT: dict[Stamping, str] = {
    "take": "setval('write_stamp', greatest({now}::bigint, (SELECT last_value + 1 FROM write_stamp)))",
    "keep": "(SELECT last_value FROM write_stamp)",
}
_STAMP = """stamp AS MATERIALIZED (
SELECT moment, to_char(timestamp 'epoch' + moment / 1000000 * interval '1 second'
+ moment % 1000000 * interval '1 microsecond', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') AS written
FROM (SELECT {moment} AS moment) AS taken)"""
_CHANGE = """change AS MATERIALIZED (
SELECT pk, type, resource_id, version_id, deleted, method, place, stamp.moment AS updated, CASE WHEN deleted THEN ''
ELSE head || '"versionId":"' || version_id || '","lastUpdated":"' || stamp.written || '"' || tail END AS body
FROM {source}, stamp)"""
_CREATED = """created AS (
INSERT INTO resource (pk, tenant, type, resource_id, version_id, updated, deleted, method, body)
SELECT pk, {tenant}, type, resource_id, version_id, updated, deleted, method, body FROM change WHERE version_id = 1)"""
_KEPT = """kept AS (
INSERT INTO resource_history ({names})
SELECT {old_names} FROM change JOIN resource AS old ON {is_old})"""
_REPLACED = """replaced AS (
UPDATE resource AS old SET version_id = change.version_id, updated = change.updated, deleted = change.deleted,
method = change.method, body = change.body
FROM change WHERE {is_old} RETURNING 1)"""
_IS_OLD = (
    "change.version_id > 1 AND old.pk = change.pk AND old.tenant = {tenant} AND old.version_id = change.version_id - 1"
)
_DROPPED = """dropped_{table} AS (
DELETE FROM {table} AS old USING change WHERE change.version_id > 1 AND old.pk = change.pk)"""
_DROPPED_WORK = """dropped_work_item AS (
DELETE FROM work_item AS old USING change WHERE change.version_id > 1 AND old.pk = change.pk
AND NOT EXISTS (SELECT FROM new_work_item WHERE new_work_item.pk = change.pk))"""
_INDEXED = """put_{table} AS (
INSERT INTO {table} ({names}, tenant, updated) SELECT {values}, {tenant}, stamp.moment FROM {source}, stamp)"""
_WORK = """new_work_item AS MATERIALIZED (SELECT * FROM {source}), put_work_item AS (
INSERT INTO work_item ({names}, tenant, updated) SELECT {names}, {tenant}, stamp.moment FROM new_work_item, stamp
ON CONFLICT (pk) DO UPDATE SET {replacements})"""
_ANNOUNCED = """announced AS (
INSERT INTO outbox (tenant, pk, type, resource_id, version_id, method, updated)
SELECT {tenant}, pk, type, resource_id, version_id, method, updated FROM change ORDER BY place)"""
_PUT = (
    "put_{table}_{number} AS (INSERT INTO {table} ({names}) SELECT {values} FROM {source} ORDER BY new_{table}.place)"
)


@dataclass(frozen=True, slots=True)
class Shape:
    """What decides the text of a statement: equal shapes share one, which is prepared once on a connection."""

    stamping: Stamping
    creates: bool
    replaces: bool
    index: tuple[str, ...]
    has_work: bool
    groups: tuple[RowGroup, ...]


@lru_cache(maxsize=1_000)
def statement_text(shape: Shape) -> str:
    """The statement of a shape; `statement_values` gives its parameters in the same order."""
    numbers = count(1)
    parts: list[str] = []
    tenant = f"${next(numbers)}::smallint" if shape.creates or shape.replaces else ""
    if shape.stamping != "none":
        now = f"${next(numbers)}" if shape.stamping == "take" else ""
        parts.append(_STAMP.format(moment=_MOMENT[shape.stamping].format(now=now)))
    answer = "stamp.moment FROM stamp" if shape.stamping != "none" else "0"
    if shape.replaces:
        expected = f"${next(numbers)}::bigint"
        refusal = f"CASE WHEN (SELECT count(*) FROM replaced) <> {expected} THEN refuse_conflict() END"  # noqa: S608
        answer = f"stamp.moment, {refusal} FROM stamp"
    if tenant:
        parts += _change_parts(shape, tenant, numbers)
    parts += [_group_part(group, place, numbers) for place, group in enumerate(shape.groups)]
    return f"WITH {', '.join(parts)}\nSELECT {answer}"


def _change_parts(shape: Shape, tenant: str, numbers: Iterator[int]) -> Iterator[str]:
    yield _CHANGE.format(source=_CHANGES.text(numbers))
    if shape.creates:
        yield _CREATED.format(tenant=tenant)
    for kind in shape.index:
        source = _INDEX_SOURCES[kind]
        yield _INDEXED.format(
            table=f"index_{kind}",
            names=", ".join(source.columns),
            values=", ".join(source.qualified()),
            tenant=tenant,
            source=source.text(numbers),
        )
    if shape.has_work:
        names = ", ".join(_WORK_SOURCE.columns)
        replacements = ", ".join(f"{name} = excluded.{name}" for name in (*WORK_COLUMNS, "updated"))
        yield _WORK.format(names=names, tenant=tenant, source=_WORK_SOURCE.text(numbers), replacements=replacements)
    if shape.replaces:
        yield from _replacing_parts(shape, tenant)
    yield _ANNOUNCED.format(tenant=tenant)


def _replacing_parts(shape: Shape, tenant: str) -> Iterator[str]:
    is_old = _IS_OLD.format(tenant=tenant)
    names = RESOURCE_HISTORY.columns.keys()
    yield _KEPT.format(names=", ".join(names), old_names=", ".join(f"old.{n}" for n in names), is_old=is_old)
    yield _REPLACED.format(is_old=is_old)
    for table in INDEX_TABLES.values():
        yield _DROPPED.format(table=table.name)
    yield _DROPPED_WORK if shape.has_work else _DROPPED.format(table=WORK_ITEM.name)


def _group_part(group: RowGroup, number: int, numbers: Iterator[int]) -> str:
    table, names = group
    stamps = stamp_columns(table)
    source = source_of(table, names)
    return _PUT.format(
        table=table.name,
        number=number,
        names=", ".join((*names, *stamps)),
        values=", ".join((*source.qualified(), *("stamp.moment" for _ in stamps))),
        source=source.text(numbers) + (", stamp" if stamps else ""),
    )


def steps(
    changes: Sequence[Change],
    pks: Sequence[int],
    groups: Mapping[RowGroup, Sequence[Mapping[str, Any]]],
    *,
    tenant: int,
    now: int,
    stamping: Stamping,
) -> Iterator[Step]:
    """The statements of one flush, with their values; rows of other tables go with the first."""
    yield _step(changes[:LARGEST_STATEMENT], pks, groups, tenant=tenant, now=now, stamping=stamping)
    for start in range(LARGEST_STATEMENT, len(changes), LARGEST_STATEMENT):
        end = start + LARGEST_STATEMENT
        yield _step(changes[start:end], pks[start:end], {}, tenant=tenant, now=now, stamping="keep")


def _step(
    changes: Sequence[Change],
    pks: Sequence[int],
    groups: Mapping[RowGroup, Sequence[Mapping[str, Any]]],
    *,
    tenant: int,
    now: int,
    stamping: Stamping,
) -> Step:
    pairs = list(zip(changes, pks, strict=False))
    replaced = sum(c.version_id > 1 for c in changes)
    index = {
        kind: [(pk, *row) for c, pk in pairs for row in bounded_rows(getattr(c.index, kind))] for kind in INDEX_TABLES
    }
    work = bounded_rows([(pk, c.type_number, *c.work) for c, pk in pairs if c.work is not None])
    shape = Shape(
        stamping=stamping,
        creates=replaced < len(changes),
        replaces=replaced > 0,
        index=tuple(kind for kind, rows in index.items() if rows),
        has_work=bool(work),
        groups=tuple(groups),
    )
    values: list[Value] = []
    if changes:
        values.append(encoded(tenant))
    if stamping == "take":
        values.append(encoded(now))
    if replaced:
        values.append(encoded(replaced))
    if changes:
        values += _CHANGES.values(
            [(pk, c.type_number, c.resource_id, c.version_id, c.deleted, c.method, c.head, c.tail) for c, pk in pairs]
        )
    for kind in shape.index:
        values += _INDEX_SOURCES[kind].values(index[kind])
    if work:
        values += _WORK_SOURCE.values(work)
    for (table, names), rows in groups.items():
        values += source_of(table, names).values([[row[name] for name in names] for row in rows])
    return statement_text(shape), values
