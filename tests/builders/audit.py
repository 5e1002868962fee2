"""What the audit trail of a database holds, as tests ask for it."""

from typing import Any

from sqlalchemy import bindparam, select

from fhir_server.audit.tables import AUDIT_EVENT
from fhir_server.store.database import Rows


def audit_events(rows: Rows) -> list[dict[str, Any]]:
    """All events, oldest first."""
    columns = list(AUDIT_EVENT.columns)
    found = rows.rows(rows.cached_sql("test.events", lambda: select(*columns).order_by(AUDIT_EVENT.c.seq)), {})
    return [dict(zip((column.name for column in columns), row, strict=True)) for row in found]


def moved_numbers(rows: Rows, journal: str) -> list[int]:
    """The numbers of `records.record` that came from a journal, in the order of the table."""
    table = AUDIT_EVENT
    statement = select(table.c.request_id).where(table.c.journal == bindparam("journal")).order_by(table.c.seq)
    found = rows.rows(rows.cached_sql("test.events of a journal", lambda: statement), {"journal": journal})
    return [int(number) for (number,) in found]
