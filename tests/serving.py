"""`fhir-server serve` as its users start it: a process on a free port, for tests that need the real thing."""

import contextlib
import http.client
import json
import os
import select
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

PATIENCE_SECONDS = 60.0
PAUSE_SECONDS = 0.02


@dataclass(frozen=True, slots=True)
class Served:
    """A running server and where it writes."""

    process: "subprocess.Popen[bytes]"
    port: int
    log: Path

    def request(
        self, method: str, path: str, *, body: Any = None, headers: Mapping[str, str] | None = None
    ) -> tuple[int, Mapping[str, str], bytes]:
        """One request over a connection of its own: status, headers with lower-case names, body."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=PATIENCE_SECONDS)
        sent = {"Content-Type": "application/fhir+json"} if body is not None else {}
        try:
            text = json.dumps(body) if body is not None else None
            connection.request(method, path, text, {**sent, **(headers or {})})
            answer = connection.getresponse()
            return answer.status, {k.lower(): v for k, v in answer.getheaders()}, answer.read()
        finally:
            connection.close()

    def lines(self) -> list[dict[str, Any]]:
        """What the server has logged so far."""
        return [json.loads(line) for line in self.log.read_text(encoding="utf-8").splitlines() if line.startswith("{")]

    def children(self) -> list[int]:
        """The processes that the server has started (Linux)."""
        told = Path(f"/proc/{self.process.pid}/task").glob("*/children")
        return [int(pid) for path in told for pid in path.read_text(encoding="ascii").split()]


@contextlib.contextmanager
def serving(folder: Path, database_url: str, *options: str) -> Iterator[Served]:
    """A ready server for the length of a with block; its journals and log are in `folder`."""
    with started(folder, database_url, *options) as served:
        wait_until(lambda: is_ready(served), f"not ready: {served.log}")
        yield served


@contextlib.contextmanager
def started(folder: Path, database_url: str, *options: str) -> Iterator[Served]:
    """The same before it is ready, also when it never will be."""
    port, log = free_port(), folder / "server.log"
    environment = {**os.environ, "FHIR_SERVER_JOURNAL_FOLDER": str(folder / "journals")}
    command = [sys.executable, "-m", "fhir_server", "serve", "--bind", f"127.0.0.1:{port}", "--database", database_url]
    with log.open("wb") as output:
        process = subprocess.Popen([*command, *options], stdout=output, stderr=output, env=environment)
    with process:
        try:
            yield Served(process, port, log)
        finally:
            process.send_signal(signal.SIGTERM)
            try:
                process.wait(PATIENCE_SECONDS)
            except subprocess.TimeoutExpired:
                process.kill()


def is_ready(served: Served) -> bool:
    """Whether it answers that it is; raises when the process has ended."""
    if served.process.poll() is not None:
        raise AssertionError(f"the server ended:\n{served.log.read_text(encoding='utf-8')}")
    try:
        return served.request("GET", "/health/ready")[0] == 200
    except (OSError, http.client.HTTPException):
        return False


def wait_until(happened: Callable[[], bool], otherwise: str) -> None:
    """Look again and again until it has happened; fail when patience ends."""
    until = time.monotonic() + PATIENCE_SECONDS
    while not happened():
        assert time.monotonic() < until, otherwise
        select.select([], [], [], PAUSE_SECONDS)


def has_ended(pid: int) -> bool:
    """Whether a process is gone, or only waits to be forgotten by its parent."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text(encoding="ascii", errors="replace").rpartition(")")[2].split()[0]
    except FileNotFoundError:
        return True
    return state == "Z"


def free_port() -> int:
    """A port that was free a moment ago."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
