"""The audit trail as an operator reads it: what was collected from the journals and what writes left."""

from typing import Any

import sqlalchemy as sa

from fhir_server.audit.collect import collect
from fhir_server.audit.tables import AUDIT_EVENT
from fhir_server.settings import Settings
from fhir_server.store.database import open_database

COLUMNS = (
    "request_id", "entry", "interaction", "status", "principal", "type_name", "resource_id", "version_id", "query",
    "reason", "resources",
)  # fmt: skip


def records(settings: Settings) -> list[dict[str, Any]]:
    """All records, oldest first."""
    database = open_database(settings.database)
    collect(database, settings.journals, now=lambda: 1)
    columns = [AUDIT_EVENT.c[name] for name in COLUMNS]
    rows = database.rows(database.sql(sa.select(*columns).order_by(AUDIT_EVENT.c.seq)), {})
    database.close()
    return [dict(zip(COLUMNS, row, strict=True)) for row in rows]
