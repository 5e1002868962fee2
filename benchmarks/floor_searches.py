"""The floor of searches: a bare Flask route that runs SQL by hand and joins the stored bodies to a page.

The same WSGI server, workers and threads as the server, on the same database. It keeps its audit record as the server
does, a line in a journal that names what was disclosed. Its page has as many bytes: its one link is `pad` long.
"""

import argparse
import sqlite3
import threading
import time
import uuid
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Protocol

from flask import Flask, Response, request

from benchmarks.floor import Journal, serve
from benchmarks.floor_sqlite import connected
from benchmarks.floor_statements import NUMBERS, Statement, numbered, statements

PAGE = 20
_HEADERS = {
    "Content-Type": "application/fhir+json; charset=utf-8",
    "Cache-Control": "private, no-cache",
    "Vary": "Accept, Accept-Encoding, Authorization, Prefer",
    "X-Content-Type-Options": "nosniff",
}
_LINE = (
    '{{"recorded":{},"interaction":"search-type","status":200,"request_id":"{}","principal":"floor",'
    '"organization":"bench","type_name":"{}","query":"{}","resources":[{}]}}\n'
)
_ENTRY = b'{"fullUrl":"http://127.0.0.1:10000/fhir/%b/%b","resource":%b,"search":{"mode":"%b"}}'
_PAGE = (
    b'{"resourceType":"Bundle","meta":{"lastUpdated":"2026-03-02T10:06:00.000000Z"},"type":"searchset",%b'
    b'"link":[{"relation":"self","url":"%b"}],"entry":[%b]}'
)

Row = Sequence[bytes]
Values = Mapping[str, str]


class Store(Protocol):
    """Runs the statements on one connection."""

    def rows(self, name: str, values: Values) -> list[Row]:
        """The rows of a statement, every column as bytes."""
        ...


class SqliteStore:
    """A `Store` on SQLite."""

    def __init__(self, file: str, known: Mapping[str, Statement]) -> None:
        self._connection = connected(file)
        self._connection.execute("PRAGMA query_only = ON")
        self._connection.text_factory = bytes
        self._known = known

    def rows(self, name: str, values: Values) -> list[Row]:
        """See `Store.rows`."""
        given = {name: int(text) if name in NUMBERS else text for name, text in values.items()}
        found: sqlite3.Cursor = self._connection.execute(self._known[name].text, given)
        return found.fetchall()


class PostgresqlStore:
    """A `Store` on PostgreSQL."""

    def __init__(self, url: str, known: Mapping[str, Statement]) -> None:
        from fhir_server.store.postgresql.link import READER_SETTINGS, PostgresqlLink

        self._link = PostgresqlLink(url, timeout_ms=10_000, settings=READER_SETTINGS)
        self._known = {name: numbered(statement.text) for name, statement in known.items()}

    def rows(self, name: str, values: Values) -> list[Row]:
        """See `Store.rows`."""
        text, names = self._known[name]
        found = self._link.run(text, [(values[n].encode(), 0) for n in names])
        return [[found.get_value(row, c) or b"" for c in range(found.nfields)] for row in range(found.ntuples)]


def page(statement: Statement, rows: Sequence[Row], pad: int) -> tuple[bytes, list[str]]:
    """The bundle, and what it discloses."""
    shown = rows[:PAGE]
    found = [(statement.type_name, row[:3], b"match") for row in shown]
    for at, type_name in enumerate(statement.included, start=1):
        distinct = {row[3 * at]: row[3 * at : 3 * at + 3] for row in shown}
        found += [(type_name, row, b"include") for row in distinct.values()]
    entries = b",".join(_ENTRY % (name.encode(), row[0], row[2], mode) for name, row, mode in found)
    total = b'"total":%b,' % shown[0][3] if statement.has_total else b""
    disclosed = [f'"{name}/{row[0].decode()}/_history/{row[1].decode()}"' for name, row, _ in found]
    return _PAGE % (total, b"x" * pad, entries), disclosed


def application(
    open_store: Callable[[], Store], known: Mapping[str, Statement], write_line: Callable[[str], None]
) -> Flask:
    """The one route; each thread gets a store of its own."""
    app = Flask("floor", static_folder=None)
    here = threading.local()

    @app.get("/floor/<name>")
    def search(name: str) -> Response:
        if not hasattr(here, "store"):
            here.store = open_store()
        values = request.args.to_dict()
        pad = int(values.pop("pad", "0"))
        body, disclosed = page(known[name], here.store.rows(name, values), pad)
        query = request.query_string.decode()
        write_line(_line(known[name].type_name, query, disclosed))
        return Response(body, headers=_HEADERS)

    return app


def opener(url: str, known: Mapping[str, Statement]) -> Callable[[], Store]:
    """Opens a store on the database of a URL."""
    if url.startswith("sqlite:///"):
        return partial(SqliteStore, url.removeprefix("sqlite:///"), known)
    return partial(PostgresqlStore, url, known)


def main() -> None:
    """Serve until SIGTERM."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--bind", required=True)
    parser.add_argument("--database", required=True)
    parser.add_argument("--journals", type=Path, required=True)
    asked = parser.parse_args()
    known = statements()
    serve("benchmarks.floor_searches:application", asked.bind, partial(_loaded, asked.database, known, asked.journals))


def _loaded(url: str, known: Mapping[str, Statement], journals: Path) -> Flask:
    """The application of a worker process: its journal is its own."""
    return application(opener(url, known), known, Journal(journals).write)


def _line(type_name: str, query: str, disclosed: Iterable[str]) -> str:
    return _LINE.format(time.time_ns() // 1000, uuid.uuid4().hex, type_name, query, ",".join(disclosed))


if __name__ == "__main__":
    main()
