"""Where the audit records of reads and refusals go: the journal, or, where no folder lasts, straight into the database.

A write's record is a row of its own transaction and passes through neither.
"""

from typing import Protocol

from fhir_server.audit import events
from fhir_server.audit.journal import Journal, prepare_folder
from fhir_server.audit.record import AuditRecord
from fhir_server.settings import Settings
from fhir_server.store.database import Database, UnitOfWork
from fhir_server.store.unit_of_work import run_unit_of_work


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

    def __init__(self, database: Database, *, timeout_ms: int) -> None:
        self._database = database
        self._timeout_ms = timeout_ms

    def append(self, record: AuditRecord) -> None:
        """Commit the record; raises Unavailable when the database does not take it in time."""

        def write(unit: UnitOfWork) -> None:
            events.insert(unit, record)

        run_unit_of_work(
            self._database,
            write,
            tenant=record.tenant,
            now=lambda: record.recorded,
            timeout_ms=self._timeout_ms,
        )

    def close(self) -> None:
        """The database is its owner's to close."""


def open_sink(settings: Settings, database: Database) -> AuditSink:
    """The sink that the settings ask for; makes the folder of the journals."""
    if settings.audit_sink == "database":
        return DatabaseJournal(database, timeout_ms=settings.database_timeout_ms)
    prepare_folder(settings.journals)
    return Journal(
        settings.journals,
        sync=settings.journal_sync,
        interval_ms=settings.journal_sync_ms,
        max_bytes=settings.journal_max_bytes,
    )
