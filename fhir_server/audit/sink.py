"""Where the audit records of reads and refusals go: the journal, or, where no folder lasts, straight into the database.

A write's record is a row of its own transaction and passes through neither.
"""

from typing import Protocol

from fhir_server.audit.journal import Journal, prepare_folder
from fhir_server.audit.record import AuditRecord
from fhir_server.audit.tables import AUDIT_EVENT
from fhir_server.settings import Settings
from fhir_server.store.database import Database


class AuditSink(Protocol):
    """What the edge writes a request's record to, before it answers."""

    def append(self, record: AuditRecord) -> None:
        """Write the record down; raises Unavailable when it could not be."""
        ...

    def close(self) -> None:
        """Nothing more will come from this process."""
        ...


class DatabaseJournal:
    """Each record is a unit of work of its own: three times dearer than a journal line, and needs no folder."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def append(self, record: AuditRecord) -> None:
        """Commit the record; raises Unavailable when the database does not take it in time."""
        with self._database.unit_of_work(tenant=record.tenant, now=record.recorded) as unit:
            unit.insert(AUDIT_EVENT, record.row())

    def close(self) -> None:
        """The database is its owner's to close."""


def open_sink(settings: Settings, database: Database) -> AuditSink:
    """The sink that the settings ask for; makes the folder of the journals."""
    if settings.audit_sink == "database":
        return DatabaseJournal(database)
    prepare_folder(settings.journals)
    return Journal(
        settings.journals,
        sync=settings.journal_sync,
        interval_ms=settings.journal_sync_ms,
        max_bytes=settings.journal_max_bytes,
    )
