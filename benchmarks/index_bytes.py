"""How much room the index rows take: the tables of index and work rows, each with its indexes."""

import sqlite3
from typing import Any

import psycopg

_SQLITE = """
SELECT m.tbl_name, SUM(s.pgsize) FROM dbstat('main', 1) s JOIN sqlite_schema m ON m.name = s.name
WHERE m.tbl_name LIKE 'index\\_%' ESCAPE '\\' OR m.tbl_name = 'work_item' GROUP BY 1 ORDER BY 1
"""
_POSTGRESQL = """
SELECT relname, pg_relation_size(oid) + pg_indexes_size(oid) FROM pg_class
WHERE relkind = 'r' AND relnamespace = current_schema()::regnamespace
AND (relname LIKE 'index\\_%' OR relname = 'work_item') ORDER BY relname
"""


def of_sqlite(connection: sqlite3.Connection) -> dict[str, int]:
    """Bytes by table; reads every page of the file."""
    return dict(connection.execute(_SQLITE).fetchall())


def of_postgresql(connection: "psycopg.Connection[Any]") -> dict[str, int]:
    """Bytes by table."""
    return {str(name): int(size) for name, size in connection.execute(_POSTGRESQL.encode()).fetchall()}
