"""Replacing index rows and work rows on PostgreSQL: one statement deletes, the next one inserts, in one trip.

The rule: they run inside the write order, for versions that are current there (`store.reindexing`).
"""

from collections.abc import Iterator, Sequence
from functools import lru_cache
from itertools import count
from typing import Any

from sqlalchemy import Table

from fhir_server.store.index_rows import bounded_rows
from fhir_server.store.postgresql.link import Step
from fhir_server.store.postgresql.values import Value, plain_array
from fhir_server.store.postgresql.write import Source, source_of
from fhir_server.store.tables import INDEX_TABLES, WORK_ITEM
from fhir_server.store.unit_of_work import Reindexed

_TABLES = (*INDEX_TABLES.values(), WORK_ITEM)
_DROPPED = """dropped_{table} AS (
DELETE FROM {table} AS old USING unnest($1::bigint[]) AS given (pk) WHERE old.pk = given.pk)"""
_PUT = "put_{table} AS (INSERT INTO {table} ({names}) SELECT {values} FROM {source})"
_DROP_ALL = f"WITH {', '.join(_DROPPED.format(table=table.name) for table in _TABLES)}\nSELECT 0"


def steps(every: Sequence[Reindexed], *, tenant: int) -> Iterator[Step]:
    """The statements with their values; none when there is nothing to replace."""
    if not every:
        return
    yield _DROP_ALL, [plain_array([r.pk for r in every])]
    rows = {table: found for table in _TABLES if (found := _rows(every, table, tenant))}
    if rows:
        values: list[Value] = []
        for table, found in rows.items():
            values += _source(table).values(found)
        yield _insertion(tuple(rows)), values


def _rows(every: Sequence[Reindexed], table: Table, tenant: int) -> Sequence[tuple[Any, ...]]:
    """In the order of the table's columns."""
    if table is WORK_ITEM:
        return bounded_rows([(r.pk, tenant, r.type_number, *r.work, r.updated) for r in every if r.work is not None])
    kind = table.name.removeprefix("index_")
    return [(tenant, r.pk, *row, r.updated) for r in every for row in bounded_rows(getattr(r.index, kind))]


def _source(table: Table) -> Source:
    return source_of(table, tuple(table.columns.keys()))


@lru_cache(maxsize=1_000)
def _insertion(tables: tuple[Table, ...]) -> str:
    numbers = count(1)
    parts = []
    for table in tables:
        source = _source(table)
        names, values = ", ".join(source.columns), ", ".join(source.qualified())
        parts.append(_PUT.format(table=table.name, names=names, values=values, source=source.text(numbers)))
    return f"WITH {', '.join(parts)}\nSELECT 0"
