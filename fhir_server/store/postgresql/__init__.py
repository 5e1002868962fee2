"""The store on PostgreSQL. May import `store` and the driver, below its cursors; entry point: `PostgresqlDatabase`."""

from fhir_server.store.postgresql.database import PostgresqlDatabase

__all__ = ["PostgresqlDatabase"]
