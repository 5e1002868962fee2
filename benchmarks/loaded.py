"""Loaded populations: imported once by `fhir-server import`, then kept in a folder and found again.

What is kept under a name was made by these resources, this schema and these index rows: the name ends with a hash of
what a sample of the population turns into, so that a change of either makes a new one. The one rule: a run leaves a
kept database as it found it, without the tokens and audit records that measuring made.
"""

import contextlib
import hashlib
import json
import re
import shutil
import sqlite3
import tempfile
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from itertools import islice
from pathlib import Path
from typing import Any, Protocol

import psycopg
from sqlalchemy import make_url

from benchmarks import index_bytes, population, serving
from benchmarks.databases import Sqlite, pids_of, version_of
from benchmarks.population import Population

_OPTIONS = {
    "shared_buffers": "1GB",
    "max_connections": "100",
    "max_wal_size": "8GB",
    "checkpoint_timeout": "30min",
    "maintenance_work_mem": "256MB",
}
_PRINTED = re.compile(r"(\d+) resources stored in ([\d.]+) s")
_SAMPLED = 40
_TRACES = ("audit_event", "access_token")


@dataclass(frozen=True, slots=True)
class Loading:
    """What loading was like: `jobs` as it was asked for, bytes of index rows by table with its indexes."""

    resources: int
    seconds: float
    jobs: str
    ndjson_bytes: int
    index_bytes: dict[str, int]


@dataclass(frozen=True, slots=True)
class Loaded:
    """A loaded database, ready to be measured; `key` is what its keeper knows it by."""

    key: str
    url: str
    version: str
    pids: list[int]
    loading: Loading


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

    def __init__(self, server: str) -> None:
        self._server = server.replace("postgresql+psycopg:", "postgresql:")

    def url(self, key: str) -> str:
        """See `Keeper.url`."""
        return make_url(self._server).set(database=f"fhir_loaded_{key}").render_as_string(hide_password=False)

    def create(self, key: str) -> None:
        """See `Keeper.create`."""
        self.remove(key)
        self._run(self._server, f'CREATE DATABASE "fhir_loaded_{key}" TEMPLATE template0')

    def remove(self, key: str) -> None:
        """See `Keeper.remove`."""
        self._run(self._server, f'DROP DATABASE IF EXISTS "fhir_loaded_{key}" WITH (FORCE)')

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


@contextlib.contextmanager
def opened(at: Keeper, people: Population, folder: Path, jobs: int | None) -> Iterator[Loaded]:
    """The population in a database, loaded now unless it is kept."""
    key = f"{people.tasks}_{fingerprint(people)}"
    note = folder / f"{at.name}-{key}.json"
    if not note.exists():
        _forget_others(folder, at, people)
        note.write_text(json.dumps(asdict(_load(at, key, people, folder, jobs)), indent=1) + "\n")
    at.forget_traces(key)
    try:
        yield Loaded(key, at.url(key), at.version(), at.pids(), Loading(**json.loads(note.read_text())))
    finally:
        at.forget_traces(key)


def fingerprint(people: Population) -> str:
    """A hash of the schema's version, and of what a sample of the population turns into."""
    from fhir_server.definitions import load
    from fhir_server.search.extract import Extractor
    from fhir_server.store import schema

    extractor = Extractor(load(), base="")
    seen = hashlib.sha256("\n".join(schema.versions()).encode())
    referrals = (r for number in range(_SAMPLED) for r in people.referral(number * 7919 % people.tasks))
    for resource in (*islice(people.resources(), _SAMPLED), people.patient(0), *referrals):
        rows: Any = extractor.index_rows(resource)
        seen.update(repr((resource, rows, extractor.work_row(resource, rows))).encode())
    return seen.hexdigest()[:12]


def _load(at: Keeper, key: str, people: Population, folder: Path, jobs: int | None) -> Loading:
    at.create(key)
    serving.command("db", "upgrade", database=at.url(key))
    with tempfile.TemporaryDirectory(prefix="ndjson-", dir=folder) as written:
        print(f"writing {people.tasks:,} Tasks and their people", flush=True)
        files = population.write(people, Path(written))
        size = sum(file.stat().st_size for file in files)
        print(f"loading {size / 1e6:,.0f} MB into {at.name} by fhir-server import", flush=True)
        options = ["--jobs", str(jobs)] if jobs else []
        told = serving.command("import", *options, *map(str, files), database=at.url(key))
    found = _PRINTED.search(told)
    assert found, told
    print(told, flush=True)
    started = time.perf_counter()
    at.tidy(key)
    print(f"statistics gathered in {time.perf_counter() - started:.0f} s", flush=True)
    return Loading(int(found[1]), float(found[2]), str(jobs or "default"), size, at.index_bytes(key))


def _forget_others(folder: Path, at: Keeper, people: Population) -> None:
    """Older populations of this size: what they were made by is gone."""
    for note in folder.glob(f"{at.name}-{people.tasks}_*.json"):
        key = note.stem.partition("-")[2]
        note.unlink()
        at.remove(key)
