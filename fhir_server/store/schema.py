"""The schema: which version a database is at, and bringing it to the one of this code.

One process at a time migrates; the others wait and find it done. A failed migration leaves the database as it was.
"""

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import Any, Literal

from sqlalchemy import Connection, NullPool, create_engine, event, text
from sqlalchemy.exc import OperationalError

from fhir_server import migrations
from fhir_server.errors import Unavailable
from fhir_server.store.statements import Rows

State = Literal["empty", "current", "behind", "ahead"]

_VERSIONS = Path(migrations.__file__).parent / "versions"
_LOCK = 7_306_218
_ASK = "SELECT version_num FROM alembic_version"


def versions() -> list[str]:
    """The versions that this code knows, oldest first."""
    return sorted(p.name.split("_")[0] for p in _VERSIONS.glob("[0-9]*.py"))


def state(url: str) -> State:
    """Where the database stands; "ahead" when newer code has been at it. Raises Unavailable."""
    found = version(url)
    known = versions()
    if found is None:
        return "empty"
    if found not in known:
        return "ahead"
    return "current" if found == known[-1] else "behind"


def is_current(rows: Rows) -> bool:
    """Whether the open database is at the newest version of this code; raises Unavailable when it does not answer."""
    sql = rows.cached_sql("schema version", lambda: text(_ASK))
    return [row[0] for row in rows.rows(sql, {})] == versions()[-1:]


def version(url: str) -> str | None:
    """The version written in the database, None in an empty one; raises Unavailable."""
    return _sqlite_version(url.removeprefix("sqlite:///")) if url.startswith("sqlite:") else _postgresql_version(url)


def _sqlite_version(file: str) -> str | None:
    if not Path(file).exists():
        return None
    try:
        with closing(sqlite3.connect(file)) as connection:
            row = connection.execute(_ASK).fetchone()
    except sqlite3.DatabaseError as error:
        if "no such table" in str(error):
            return None
        raise Unavailable("the database file cannot be opened") from error
    return None if row is None else str(row[0])


def _postgresql_version(url: str) -> str | None:
    import psycopg

    try:
        with psycopg.connect(driver_url(url)) as connection:
            row = connection.execute(_ASK).fetchone()
    except psycopg.errors.UndefinedTable:
        return None
    except psycopg.OperationalError as error:
        raise Unavailable("the database cannot be reached") from error
    except psycopg.ProgrammingError as error:
        raise Unavailable("the database's URL cannot be understood; expected postgresql://USER@HOST/NAME") from error
    return None if row is None else str(row[0])


def driver_url(url: str) -> str:
    """The URL as PostgreSQL's own library takes it."""
    return url.replace("postgresql+psycopg:", "postgresql:", 1)


def upgrade(url: str) -> None:
    """Bring a database, empty or behind, to the version of this code."""
    with migration(url) as connection:
        migrate(connection)


@contextmanager
def migration(url: str) -> Iterator[Connection]:
    """The one transaction in which a database is migrated; commits at the end, or leaves everything as it was."""
    is_sqlite = url.startswith("sqlite:")
    address = url if is_sqlite else driver_url(url).replace("postgresql:", "postgresql+psycopg:", 1)
    engine = create_engine(address, poolclass=NullPool)
    if is_sqlite:
        with suppress(OSError):  # what is wrong with the file is told below
            Path(url.removeprefix("sqlite:///")).touch(mode=0o600)  # only its owner may read it
        event.listen(engine, "connect", _prepare_sqlite)
        event.listen(engine, "begin", lambda connection: connection.exec_driver_sql("BEGIN IMMEDIATE"))
    try:
        with engine.begin() as connection:
            if not is_sqlite:
                connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({_LOCK})")
            yield connection
    except OperationalError as error:
        raise Unavailable("the database cannot be reached, or is busy") from error
    finally:
        engine.dispose()


def migrate(connection: Connection, *, to: str = "head") -> None:
    """Run the migrations that are missing up to a version, inside `migration`."""
    # Imported here: Alembic would cost every start a fifth of a second.
    from alembic import command
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(_VERSIONS.parent))
    config.set_main_option("path_separator", "os")
    config.attributes["connection"] = connection
    command.upgrade(config, to)


def _prepare_sqlite(connection: Any, _: object) -> None:
    connection.isolation_level = None
    connection.execute("PRAGMA busy_timeout = 60000")
    connection.execute("PRAGMA journal_mode = WAL")
