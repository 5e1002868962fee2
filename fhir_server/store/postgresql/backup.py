"""Backup and restore of PostgreSQL: every table by COPY, read in one snapshot, written in one transaction.

https://www.postgresql.org/docs/current/sql-copy.html  Needs no tools of the server, and knows no table by name: what
the catalog lists is copied. Sequences are read after the tables, so that they are never behind them.
"""

import gzip
import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import IO, Any, cast

import psycopg
from psycopg.sql import SQL, Composed, Identifier

from fhir_server.errors import Unavailable
from fhir_server.store import schema

_BLOCK = 1_000_000
_TABLES = """
SELECT c.relname, array_agg(a.attname ORDER BY a.attnum)
FROM pg_class AS c JOIN pg_attribute AS a ON a.attrelid = c.oid
WHERE c.relnamespace = current_schema()::regnamespace AND c.relkind = 'r' AND c.relname <> 'alembic_version'
AND a.attnum > 0 AND NOT a.attisdropped
GROUP BY c.relname ORDER BY c.relname
"""
_SEQUENCES = "SELECT sequencename, last_value FROM pg_sequences WHERE schemaname = current_schema() ORDER BY 1"


def save(url: str, folder: Path) -> dict[str, Any]:
    """Copy the tables into the folder; returns what `fill` needs to know."""
    try:
        with psycopg.connect(schema.driver_url(url)) as connection:
            connection.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
            connection.read_only = True
            connection.execute("SET statement_timeout = 0")
            version = connection.execute("SELECT version_num FROM alembic_version").fetchone()
            tables: dict[str, list[str]] = dict(connection.execute(_TABLES).fetchall())
            for table, columns in tables.items():
                with connection.cursor().copy(_copying(table, columns, "TO STDOUT")) as rows:
                    _write(folder / _name(table), rows)
            sequences: dict[str, int | None] = dict(connection.execute(_SEQUENCES).fetchall())
    except psycopg.OperationalError as error:
        raise Unavailable("the database could not be copied") from error
    assert version is not None
    return {"version": version[0], "tables": tables, "sequences": sequences}


def fill(url: str, folder: Path, content: dict[str, Any]) -> None:
    """Build the schema as it was, fill it, and upgrade it, all in one transaction."""
    with schema.migration(url) as migrating:
        schema.migrate(migrating, to=content["version"])
        connection = cast("psycopg.Connection", migrating.connection.driver_connection)
        cursor = connection.cursor()
        for table, columns in content["tables"].items():
            cursor.execute(SQL("TRUNCATE {}").format(Identifier(table)))
            with cursor.copy(_copying(table, columns, "FROM STDIN")) as rows, gzip.open(folder / _name(table)) as file:
                for block in _blocks(cast("IO[bytes]", file)):
                    rows.write(block)
        for sequence, last in content["sequences"].items():
            if last is not None:
                cursor.execute("SELECT setval(%s, %s)", (Identifier(sequence).as_string(connection), last))
        schema.migrate(migrating)
    with psycopg.connect(schema.driver_url(url), autocommit=True) as connection:
        connection.execute("ANALYZE")


def _name(table: str) -> str:
    return f"{table}.copy.gz"


def _copying(table: str, columns: Iterable[str], direction: str) -> Composed:
    names = SQL(", ").join(Identifier(name) for name in columns)
    return SQL("COPY {} ({}) ").format(Identifier(table), names) + SQL(direction)


def _write(path: Path, blocks: Iterable[bytes | bytearray | memoryview]) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        with gzip.GzipFile(fileobj=file, mode="wb", compresslevel=1, filename="", mtime=0) as packed:
            for block in blocks:
                packed.write(block)
        file.flush()
        os.fsync(descriptor)


def _blocks(file: IO[bytes]) -> Iterator[bytes]:
    while block := file.read(_BLOCK):
        yield block
