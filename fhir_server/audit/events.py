"""The statements of the audit trail: many events in one statement, and the position a journal has reached.

Neither enters the write order: on PostgreSQL nobody waits for them.
"""

from collections.abc import Sequence
from typing import Any

import msgspec
from sqlalchemy import BigInteger, ClauseElement, ColumnElement, Text, bindparam, cast, literal_column, select
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.functions import FunctionElement

from fhir_server.audit.record import AuditRecord
from fhir_server.audit.tables import AUDIT_EVENT, JOURNAL_PROGRESS
from fhir_server.store.database import Rows, UnitOfWork

_COLUMNS = [column for column in AUDIT_EVENT.c if column.name != "seq"]
_ENCODER = msgspec.json.Encoder()


def insert(
    unit: UnitOfWork, records: Sequence[AuditRecord], *, journal: str | None = None, positions: Sequence[int] = ()
) -> None:
    """Insert the records in this order; those of a journal with the position of each line in it."""
    places: Sequence[int | None] = positions or [None] * len(records)
    rows = [[*record.row().values(), journal, place] for record, place in zip(records, places, strict=True)]
    statement = unit.cached_sql("audit.events.insert", _insert)
    unit.rows(statement, {"events": _ENCODER.encode(rows).decode()})


def position(rows: Rows, journal: str) -> int:
    """How many bytes of the journal are in the table."""
    found = rows.rows(rows.cached_sql("audit.events.position", _position), {"journal": journal})
    return int(found[0][0]) if found else 0


def advance(unit: UnitOfWork, journal: str, *, tenant: int, start: int, end: int, now: int) -> bool:
    """Move the position from `start` to `end`; False when somebody else moved it. Others wait until this unit ends."""
    statement = unit.cached_sql("audit.events.advance", lambda: _advance(unit.dialect))
    values = {"journal": journal, "tenant": tenant, "start": start, "end": end, "now": now}
    return bool(unit.rows(statement, values))


class _json_items(FunctionElement[Any]):  # noqa: N801 (reads as the function that it is)
    """The items of a JSON list, one a row."""

    inherit_cache = True
    name = "json_items"


@compiles(_json_items, "sqlite")
def _json_each(element: _json_items, compiler: SQLCompiler, **options: Any) -> str:
    return f"json_each({compiler.process(element.clauses, **options)})"


@compiles(_json_items, "postgresql")
def _jsonb_array_elements(element: _json_items, compiler: SQLCompiler, **options: Any) -> str:
    return f"jsonb_array_elements(CAST({compiler.process(element.clauses, **options)} AS jsonb))"


def _insert() -> ClauseElement:
    items = _json_items(bindparam("events", type_=Text())).table_valued("value")

    def item(index: int) -> ColumnElement[Any]:
        text: ColumnElement[Any] = items.c.value.op("->>")(literal_column(str(index)))
        kind = _COLUMNS[index].type
        return text if isinstance(kind, Text) else cast(text, kind)

    values = select(*(item(index) for index in range(len(_COLUMNS))))
    return AUDIT_EVENT.insert().from_select([c.name for c in _COLUMNS], values, include_defaults=False)


def _position() -> ClauseElement:
    return select(JOURNAL_PROGRESS.c.position).where(JOURNAL_PROGRESS.c.journal == bindparam("journal"))


def _advance(dialect: str) -> ClauseElement:
    table = JOURNAL_PROGRESS
    end, now = bindparam("end", type_=BigInteger()), bindparam("now", type_=BigInteger())
    row = {"journal": bindparam("journal"), "tenant": bindparam("tenant"), "position": end, "updated": now}
    moves: dict[str, Any] = {
        "index_elements": [table.c.journal],
        "set_": {"position": end, "updated": now},
        "where": table.c.position == bindparam("start", type_=BigInteger()),
    }
    if dialect == "sqlite":
        return sqlite.insert(table).values(row).on_conflict_do_update(**moves).returning(table.c.position)
    return postgresql.insert(table).values(row).on_conflict_do_update(**moves).returning(table.c.position)
