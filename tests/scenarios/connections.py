"""Connections to a running server of which one knows the worker process at the other end (Linux)."""

import http.client
import json
from contextlib import suppress
from pathlib import Path
from typing import Any

from tests.serving import Served

JsonObject = dict[str, Any]
TRIES = 200


class Connection:
    """One kept connection; `worker` is the process that answers on it."""

    def __init__(self, served: Served) -> None:
        self._connection = http.client.HTTPConnection("127.0.0.1", served.port, timeout=60)
        self.send("GET", "/metadata?_elements=status")
        assert self._connection.sock is not None
        self.worker = _holder(served, self._connection.sock.getsockname()[1])

    def send(self, method: str, path: str, body: JsonObject | None = None) -> tuple[int, Any]:
        """One request below /fhir: its status and its body, parsed."""
        text = None if body is None else json.dumps(body)
        self._connection.request(method, f"/fhir{path}", text, {"Content-Type": "application/fhir+json"})
        answer = self._connection.getresponse()
        raw = answer.read()
        return answer.status, json.loads(raw) if raw else None

    def close(self) -> None:
        """Hang up."""
        self._connection.close()


def one_to_each_worker(served: Served, workers: int) -> list[Connection]:
    """A connection to each of so many worker processes."""
    found: dict[int, Connection] = {}
    for _ in range(TRIES):
        connection = Connection(served)
        if connection.worker in found:
            connection.close()
        found.setdefault(connection.worker, connection)
        if len(found) == workers:
            return list(found.values())
    raise AssertionError(f"after {TRIES} connections only {len(found)} workers have answered")


def _holder(served: Served, client_port: int) -> int:
    """The process of the server that holds the other end of a connection of ours."""
    ends = (f"0100007F:{served.port:04X}", f"0100007F:{client_port:04X}")
    lines = [line.split() for line in Path("/proc/net/tcp").read_text(encoding="ascii").splitlines()]
    (inode,) = [fields[9] for fields in lines if (fields[1], fields[2]) == ends]
    for pid in served.children():
        for file in Path(f"/proc/{pid}/fd").iterdir():
            with suppress(FileNotFoundError):
                if str(file.readlink()) == f"socket:[{inode}]":
                    return pid
    raise AssertionError("no process of the server holds the connection")
