"""The store on PostgreSQL. May import `store` and the driver, whose cursors it passes by; entry: `PostgresqlDatabase`."""

from fhir_server.store.postgresql.database import PostgresqlDatabase

__all__ = ["PostgresqlDatabase"]
