"""The floor: what a bare Flask route reaches that runs the same SQL by hand and returns as many bytes.

The same WSGI server with the same workers and threads, the same tables and rows, the audit record kept the same way
(a line in a journal for a read, a row of the transaction for a write), an outbox row. Nothing is checked, parsed or
found out: what is written is a copy of a row that the server wrote, with a new id. Only benchmarks run this.
"""

import argparse
import os
import threading
import time
import uuid
from collections.abc import Callable
from functools import partial
from pathlib import Path

from flask import Flask, Response, request

from benchmarks.floor_copies import Copies, Store
from benchmarks.serving import BLOCKING_THREADS, WORKERS

_HEADERS = {
    "Content-Type": "application/fhir+json; charset=utf-8",
    "Cache-Control": "private, no-cache",
    "Vary": "Accept, Accept-Encoding, Authorization, Prefer",
    "X-Content-Type-Options": "nosniff",
    "ETag": 'W/"1"',
    "Last-Modified": "Mon, 02 Mar 2026 10:06:00 GMT",
}
_LINE = (
    '{{"recorded":{},"interaction":"read","status":200,"request_id":"{}","principal":"floor","organization":"bench",'
    '"type_name":"Task","resource_id":"{}","version_id":1}}\n'
)


class Journal:
    """Lines of one process in one file, synced every 200 milliseconds."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(exist_ok=True)
        self._file = os.open(folder / f"{os.getpid()}.ndjson", os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
        threading.Thread(target=self._sync, daemon=True).start()

    def write(self, line: str) -> None:
        """Write one line."""
        os.write(self._file, line.encode())

    def _sync(self) -> None:
        while True:
            time.sleep(0.2)
            os.fdatasync(self._file)


def application(open_store: Callable[[], Store], journals: Path) -> Flask:
    """The routes; each thread gets a store of its own."""
    app = Flask("floor", static_folder=None)
    here = threading.local()
    journal = Journal(journals)

    def store() -> Store:
        if not hasattr(here, "store"):
            here.store = open_store()
        found: Store = here.store
        return found

    @app.get("/fhir/Task/<resource_id>")
    def read(resource_id: str) -> Response:
        body = store().read(resource_id)
        journal.write(_LINE.format(time.time_ns() // 1000, uuid.uuid4().hex, resource_id))
        return Response(body, headers=_HEADERS)

    @app.post("/fhir/Task")
    def create() -> Response:
        request.get_data()
        return Response(store().create(1)[0], status=201, headers=_HEADERS)

    @app.put("/fhir/Task/<resource_id>")
    def update(resource_id: str) -> Response:
        request.get_data()
        return Response(store().update(resource_id), headers=_HEADERS)

    @app.post("/fhir")
    def transaction() -> Response:
        request.get_data()
        entries = ",".join(f'{{"response":{{"status":"201"}},"resource":{body}}}' for body in store().create(9))
        return Response(f'{{"resourceType":"Bundle","entry":[{entries}]}}', headers=_HEADERS)

    return app


def main() -> None:
    """Serve until SIGTERM, as `fhir-server serve` does."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--bind", required=True)
    parser.add_argument("--database", required=True)
    parser.add_argument("--journals", type=Path, required=True)
    asked = parser.parse_args()
    open_store = _opener(asked.database)
    serve("benchmarks.floor:application", asked.bind, partial(application, open_store, asked.journals))


def serve(name: str, bind: str, load: Callable[[], Flask]) -> None:
    """An application on the WSGI server of `fhir-server serve`, with as many workers and threads."""
    from granian.constants import HTTPModes, Interfaces
    from granian.log import LogLevels
    from granian.server import Server

    host, _, port = bind.rpartition(":")
    server = Server(
        target=name,
        address=host,
        port=int(port),
        interface=Interfaces.WSGI,
        workers=WORKERS,
        blocking_threads=BLOCKING_THREADS,
        http=HTTPModes.http1,
        websockets=False,
        log_level=LogLevels.warning,
    )
    server.serve(target_loader=load, wrap_loader=False)


def _opener(url: str) -> Callable[[], Store]:
    if url.startswith("sqlite:///"):
        from benchmarks.floor_sqlite import SqliteFloor

        file = url.removeprefix("sqlite:///")
        return partial(SqliteFloor, file, Copies(SqliteFloor.reader(file)))
    from benchmarks.floor_postgresql import PostgresqlFloor

    return partial(PostgresqlFloor, url, Copies(PostgresqlFloor.reader(url)))


if __name__ == "__main__":
    main()
