"""The statements of the audit trail: its rows, and the position that a journal has reached in it.

None carries a stamp, so none enters the write order: on PostgreSQL no writer waits for them.
"""

from typing import Any

from sqlalchemy import BigInteger, ClauseElement, bindparam, select
from sqlalchemy.dialects import postgresql, sqlite

from fhir_server.audit.record import AuditRecord
from fhir_server.audit.tables import AUDIT_EVENT, JOURNAL_PROGRESS
from fhir_server.store.database import Rows, UnitOfWork


def insert(unit: UnitOfWork, record: AuditRecord, *, journal: str | None = None, place: int | None = None) -> None:
    """Insert a record; one of a journal with the position of its line there."""
    unit.insert(AUDIT_EVENT, {**record.row(), "journal": journal, "position": place})


def position(rows: Rows, journal: str) -> int:
    """How many bytes of the journal are in the table."""
    found = rows.rows(rows.cached_sql("audit.events.position", _position), {"journal": journal})
    return int(found[0][0]) if found else 0


def advance(unit: UnitOfWork, journal: str, *, tenant: int, start: int, end: int, now: int) -> bool:
    """Move the position from `start` to `end`; False when somebody else moved it. Others wait until this unit ends."""
    statement = unit.cached_sql("audit.events.advance", lambda: _advance(unit.dialect))
    values = {"journal": journal, "tenant": tenant, "start": start, "end": end, "now": now}
    return bool(unit.rows(statement, values))


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
