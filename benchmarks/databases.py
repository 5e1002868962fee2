"""The databases of a run: one for the server and a copy of it, taken while nothing runs, for the floor."""

import contextlib
import shutil
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Protocol

import psycopg
from sqlalchemy import make_url

from benchmarks import meter


class Databases(Protocol):
    """Where to measure; `copy` returns the URL of a copy of the server's database."""

    name: str
    url: str

    def copy(self) -> str:
        """Copy the database while nobody is connected."""
        ...

    def version(self) -> str:
        """Which database it is, with its settings that matter."""
        ...

    def pids(self) -> list[int]:
        """Processes of the database itself, to measure with all below them."""
        ...


class Sqlite:
    """Files in a folder."""

    name = "sqlite"

    def __init__(self, folder: Path) -> None:
        self._file = folder / "server.db"
        self.url = f"sqlite:///{self._file}"

    def copy(self) -> str:
        """See `Databases.copy`."""
        for suffix in ("", "-wal"):
            with contextlib.suppress(FileNotFoundError):
                shutil.copy(f"{self._file}{suffix}", f"{self._file.with_name('floor.db')}{suffix}")
        return f"sqlite:///{self._file.with_name('floor.db')}"

    def version(self) -> str:
        """See `Databases.version`."""
        return f"SQLite {sqlite3.sqlite_version}, WAL, synchronous=FULL"

    def pids(self) -> list[int]:
        """None: SQLite runs in the server's processes."""
        return []


class Postgresql:
    """Two databases on one server, dropped at the end."""

    name = "postgresql"

    def __init__(self, server: str) -> None:
        self._server = server
        self.url = self._named("fhir_benchmark")
        self._fresh("fhir_benchmark", "template0")

    def copy(self) -> str:
        """See `Databases.copy`."""
        self._fresh("fhir_benchmark_floor", "fhir_benchmark")
        return self._named("fhir_benchmark_floor")

    def version(self) -> str:
        """See `Databases.version`."""
        return version_of(self._server)

    def pids(self) -> list[int]:
        """See `Databases.pids`."""
        return pids_of(self._server)

    def drop(self) -> None:
        """Remove what was made."""
        for name in ("fhir_benchmark_floor", "fhir_benchmark"):
            self._execute(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")

    def _fresh(self, name: str, template: str) -> None:
        self._execute(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")
        self._execute(f"CREATE DATABASE {name} TEMPLATE {template} STRATEGY FILE_COPY")

    def _execute(self, statement: str) -> None:
        with psycopg.connect(self._server, autocommit=True) as connection:
            connection.execute(statement)

    def _named(self, name: str) -> str:
        return make_url(self._server).set(database=name).render_as_string(hide_password=False)


def version_of(server: str) -> str:
    """Which PostgreSQL this is, with its settings that matter."""
    names = ("server_version", "fsync", "synchronous_commit", "shared_buffers")
    with psycopg.connect(server) as connection:
        version, *shown = [(connection.execute(f"SHOW {name}").fetchone() or ("",))[0] for name in names]
    return f"PostgreSQL {version}, " + ", ".join(f"{n}={v}" for n, v in zip(names[1:], shown, strict=True))


def pids_of(server: str) -> list[int]:
    """The first process of a PostgreSQL, when it is on this machine."""
    with psycopg.connect(server) as connection:
        backend = (connection.execute("SELECT pg_backend_pid()").fetchone() or (0,))[0]
        process = meter.processes().get(backend)
    return [process.parent] if process is not None and process.command == "postgres" else []


@contextlib.contextmanager
def postgresql(given: str) -> Iterator[Postgresql]:
    """PostgreSQL at the URL given, or one started for the run, with fsync on."""
    with contextlib.ExitStack() as stack:
        if not given:
            from tests.postgresql import DURABLE, running

            given = stack.enter_context(running(DURABLE))
        databases = Postgresql(given.replace("postgresql+psycopg:", "postgresql:"))
        stack.callback(databases.drop)
        yield databases
