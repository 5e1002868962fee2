"""The store on SQLite, embedded in the process. May import `store` and the driver; entry point: `SqliteDatabase`."""

from fhir_server.store.sqlite.database import SqliteDatabase

__all__ = ["SqliteDatabase"]
