"""What all tests share: the two databases, fresh for each test, and where the official packages are.

`database_url` runs a test twice, on SQLite and on PostgreSQL, each time on a migrated database of its own;
`empty_database_url` likewise, before any migration. PostgreSQL is the one of DATABASE_URL, else one of our own
(tests/postgresql.py), started once for all processes of the run when the first test asks for it.
"""

import fcntl
import itertools
import logging
import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Literal

import hypothesis
import psycopg
import pytest
from sqlalchemy import make_url

from tests import postgresql

Engine = Literal["sqlite", "postgresql"]
Create = Callable[[str], str]

ROOT = Path(__file__).parent.parent
ENGINES: tuple[Engine, ...] = ("sqlite", "postgresql")

# Settings of whoever runs the tests are not ours.
for name in [name for name in os.environ if name.startswith("FHIR_SERVER_")]:
    del os.environ[name]

hypothesis.settings.register_profile(
    "tests", deadline=None, database=None, print_blob=True, derandomize=os.environ.get("CI") == "true"
)
hypothesis.settings.load_profile("tests")


@pytest.fixture(autouse=True)
def logging_as_found() -> Iterator[None]:
    """What a test does to the logging of its process is undone: the next one may read what is logged."""
    root = logging.getLogger()
    level = root.level
    yield
    root.setLevel(level)
    for handler in [h for h in root.handlers if type(h).__module__.startswith("fhir_server")]:
        root.removeHandler(handler)
    for name in [n for n in logging.root.manager.loggerDict if n.startswith("fhir_server")]:
        logging.getLogger(name).disabled = False


@pytest.fixture(scope="session")
def shared_folder() -> Path:
    """Official packages and examples, which are not part of this project."""
    folder = Path(os.environ.get("FHIR_SHARED") or ROOT.parent / "shared")
    if not folder.is_dir():
        pytest.skip("official packages are not here: set FHIR_SHARED to their folder")
    return folder


@pytest.fixture(scope="session")
def postgresql_url(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A PostgreSQL server on which databases can be created."""
    given = os.environ.get("DATABASE_URL", "")
    if given:
        return given
    folder, owner = tmp_path_factory.getbasetemp(), os.getpid()
    if "PYTEST_XDIST_WORKER" in os.environ:
        folder, owner = folder.parent, os.getppid()
    note = folder / "postgresql.url"
    with (folder / "postgresql.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not note.exists():
            note.write_text(postgresql.start(owner).url)
    return note.read_text()


@pytest.fixture(scope="session")
def create_on_postgresql(postgresql_url: str) -> Iterator[Create]:
    """A function that creates a database as a copy of another, and names it; all go when the run ends."""
    numbers = itertools.count()
    names: list[str] = []

    def create(template: str) -> str:
        name = f"fhir_test_{os.getpid()}_{next(numbers)}"
        _execute(postgresql_url, f'CREATE DATABASE "{name}" TEMPLATE "{template}" STRATEGY FILE_COPY')
        names.append(name)
        return name

    yield create
    for name in names:
        _execute(postgresql_url, f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')


@pytest.fixture(scope="session")
def migrated_sqlite(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A migrated SQLite file, to copy."""
    from fhir_server.store import schema

    path = tmp_path_factory.mktemp("template") / "template.db"
    schema.upgrade(f"sqlite:///{path}")
    return path


@pytest.fixture(scope="session")
def migrated_postgresql(postgresql_url: str, create_on_postgresql: Create) -> str:
    """The name of a migrated database, to copy."""
    from fhir_server.store import schema

    name = create_on_postgresql("template0")
    schema.upgrade(_named(postgresql_url, name))
    return name


@pytest.fixture(params=ENGINES)
def engine(request: pytest.FixtureRequest) -> Engine:
    """The database a test runs on."""
    chosen: Engine = request.param
    return chosen


@pytest.fixture
def empty_database_url(engine: Engine, request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """An empty database, on each engine."""
    if engine == "sqlite":
        yield f"sqlite:///{tmp_path / 'empty.db'}"
        return
    server = request.getfixturevalue("postgresql_url")
    name = request.getfixturevalue("create_on_postgresql")("template0")
    yield _named(server, name)
    _execute(server, f'DROP DATABASE "{name}" WITH (FORCE)')


@pytest.fixture
def database_url(engine: Engine, request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """A migrated database without rows, on each engine."""
    if engine == "sqlite":
        path = shutil.copy(request.getfixturevalue("migrated_sqlite"), tmp_path / "test.db")
        yield f"sqlite:///{path}"
        return
    server = request.getfixturevalue("postgresql_url")
    name = request.getfixturevalue("create_on_postgresql")(request.getfixturevalue("migrated_postgresql"))
    yield _named(server, name)
    _execute(server, f'DROP DATABASE "{name}" WITH (FORCE)')


def _named(server: str, name: str) -> str:
    """The URL of another database on the server."""
    return make_url(server).set(database=name).render_as_string(hide_password=False)


def _execute(server: str, statement: str) -> None:
    with psycopg.connect(server.replace("postgresql+psycopg:", "postgresql:"), autocommit=True) as connection:
        connection.execute(statement)
