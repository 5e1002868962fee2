"""Where loaded databases are kept between runs: SQLite files in a folder, databases of a PostgreSQL that stays.

A key is the name of a database at its keeper. `benchmarks.loaded` decides what is in it, and whether it is still good.
"""

import contextlib
import shutil
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Protocol

import psycopg
from sqlalchemy import make_url

from benchmarks import index_bytes
from benchmarks.databases import Sqlite, pids_of, version_of

_OPTIONS = {
    "shared_buffers": "1GB",
    "max_connections": "100",
    "max_wal_size": "8GB",
    "checkpoint_timeout": "30min",
    "maintenance_work_mem": "256MB",
}
_TRACES = ("audit_event", "access_token")


class Keeper(Protocol):
    """Where the loaded databases of one engine are kept; `name` is that of the engine."""

    name: str

    def url(self, key: str) -> str:
        """Where the database of a key is, or will be."""
        ...

    def create(self, key: str) -> None:
        """An empty database, in the place of whatever was there."""
        ...

    def remove(self, key: str) -> None:
        """The database is gone, if it was there."""
        ...

    def tidy(self, key: str) -> None:
        """Gather statistics, and bring to rest what the import left to be done later."""
        ...

    def forget_traces(self, key: str) -> None:
        """Delete what measuring left behind."""
        ...

    def index_bytes(self, key: str) -> dict[str, int]:
        """The size of each table of index rows, with its indexes."""
        ...

    def version(self) -> str:
        """Which database it is, with its settings that matter."""
        ...

    def pids(self) -> list[int]:
        """Processes of the database itself."""
        ...


class SqliteKeeper:
    """Files in a folder."""

    name = "sqlite"

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def _file(self, key: str) -> Path:
        return self._folder / f"{key}.db"

    def url(self, key: str) -> str:
        """See `Keeper.url`."""
        return f"sqlite:///{self._file(key)}"

    def create(self, key: str) -> None:
        """See `Keeper.create`."""
        self.remove(key)

    def remove(self, key: str) -> None:
        """See `Keeper.remove`."""
        for suffix in ("", "-wal", "-shm"):
            Path(f"{self._file(key)}{suffix}").unlink(missing_ok=True)
        shutil.rmtree(f"{self._file(key)}-journals", ignore_errors=True)

    def tidy(self, key: str) -> None:
        """See `Keeper.tidy`."""
        self._run(key, "ANALYZE", "PRAGMA wal_checkpoint(TRUNCATE)")

    def forget_traces(self, key: str) -> None:
        """See `Keeper.forget_traces`."""
        self._run(key, *(f"DELETE FROM {table}" for table in _TRACES), "PRAGMA wal_checkpoint(TRUNCATE)")

    def index_bytes(self, key: str) -> dict[str, int]:
        """See `Keeper.index_bytes`."""
        with contextlib.closing(sqlite3.connect(self._file(key))) as connection:
            return index_bytes.of_sqlite(connection)

    def version(self) -> str:
        """See `Keeper.version`."""
        return Sqlite(self._folder).version()

    def pids(self) -> list[int]:
        """See `Keeper.pids`."""
        return []

    def _run(self, key: str, *statements: str) -> None:
        with contextlib.closing(sqlite3.connect(self._file(key), isolation_level=None, timeout=60)) as connection:
            for statement in statements:
                connection.execute(statement).fetchall()


class PostgresqlKeeper:
    """Databases on one server, which keeps them."""

    name = "postgresql"

    def __init__(self, server: str, prefix: str = "fhir_loaded") -> None:
        self._server = server.replace("postgresql+psycopg:", "postgresql:")
        self._prefix = prefix

    def url(self, key: str) -> str:
        """See `Keeper.url`."""
        return make_url(self._server).set(database=f"{self._prefix}_{key}").render_as_string(hide_password=False)

    def create(self, key: str) -> None:
        """See `Keeper.create`."""
        self.remove(key)
        self._run(self._server, f'CREATE DATABASE "{self._prefix}_{key}" TEMPLATE template0')

    def remove(self, key: str) -> None:
        """See `Keeper.remove`."""
        self._run(self._server, f'DROP DATABASE IF EXISTS "{self._prefix}_{key}" WITH (FORCE)')

    def tidy(self, key: str) -> None:
        """See `Keeper.tidy`."""
        self._run(self.url(key), "VACUUM (ANALYZE)", "CHECKPOINT")

    def forget_traces(self, key: str) -> None:
        """See `Keeper.forget_traces`."""
        self._run(self.url(key), f"TRUNCATE {', '.join(_TRACES)}")

    def index_bytes(self, key: str) -> dict[str, int]:
        """See `Keeper.index_bytes`."""
        with psycopg.connect(self.url(key)) as connection:
            return index_bytes.of_postgresql(connection)

    def version(self) -> str:
        """See `Keeper.version`."""
        return version_of(self._server)

    def pids(self) -> list[int]:
        """See `Keeper.pids`."""
        return pids_of(self._server)

    def _run(self, url: str, *statements: str) -> None:
        with psycopg.connect(url, autocommit=True) as connection:
            for statement in statements:
                connection.execute(statement.encode())


@contextlib.contextmanager
def keeper(name: str, folder: Path, given: str) -> Iterator[Keeper]:
    """Where loaded databases are kept: files, or PostgreSQL at the URL given, or one whose data are in the folder."""
    folder.mkdir(parents=True, exist_ok=True)
    if name == "sqlite":
        yield SqliteKeeper(folder)
    elif given:
        yield PostgresqlKeeper(given)
    else:
        from tests.postgresql import running

        with running(_OPTIONS, folder / "postgresql") as url:
            yield PostgresqlKeeper(url)
