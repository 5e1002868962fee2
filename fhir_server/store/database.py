"""The database as the rest of the server knows it, and the one function that opens it.

Nothing above this floor asks which database it is; what differs is in `sqlite` and `postgresql`.
"""

from collections.abc import Mapping
from contextlib import AbstractContextManager
from typing import Any, Protocol

from fhir_server.store.statements import Dialect, Rows, Sql, is_one_of
from fhir_server.store.unit_of_work import UnitOfWork

__all__ = ["Database", "Dialect", "Rows", "Sql", "UnitOfWork", "is_one_of", "open_database"]


class Database(Rows, Protocol):
    """Connections of a process: each thread gets its own on first use, also after a fork; safe to share."""

    def snapshot(self) -> AbstractContextManager[Rows]:
        """Several statements on one state of the database; not for nesting, and it cannot write."""
        ...

    def unit_of_work(self, *, tenant: int, now: int) -> AbstractContextManager[UnitOfWork]:
        """A unit of work; `now` is the clock in epoch microseconds, a lower bound of the stamp."""
        ...

    def plan(self, sql: Sql, parameters: Mapping[str, Any]) -> list[str]:
        """How the database would run a statement with these values, line by line in its own words; nothing is run."""
        ...

    def measure(self, sql: Sql, parameters: Mapping[str, Any]) -> list[str]:
        """The same after running it, with what it took; raises like `rows`, TimeLimit included."""
        ...

    def close(self) -> None:
        """Close the connections of all threads; the database can be used again afterwards."""
        ...


def open_database(url: str, *, timeout_ms: int = 10_000, reading_timeout_ms: int | None = None) -> Database:
    """The database of a URL (sqlite:///FILE or postgresql://...); connects on first use.

    `timeout_ms` limits each statement, waiting for other writers included; `reading_timeout_ms`, where it is less,
    those outside of units of work.
    """
    limits = {"timeout_ms": timeout_ms, "reading_timeout_ms": min(timeout_ms, reading_timeout_ms or timeout_ms)}
    # Imported here: a server on SQLite should not pay for the PostgreSQL driver, nor need it.
    if url.startswith("sqlite:///"):
        from fhir_server.store.sqlite import SqliteDatabase

        return SqliteDatabase(url.removeprefix("sqlite:///"), **limits)
    from fhir_server.store.postgresql import PostgresqlDatabase

    return PostgresqlDatabase(url.replace("postgresql+psycopg://", "postgresql://", 1), **limits)
