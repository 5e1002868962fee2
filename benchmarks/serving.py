"""Start and stop what is measured: the server as a user would start it, and the floor on the same WSGI server."""

import contextlib
import http.client
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from benchmarks import meter

WORKERS = 2
BLOCKING_THREADS = 2
_START_SECONDS = 60
_STOP_SECONDS = 30
_COMMAND = (sys.executable, "-m", "fhir_server")


@dataclass(frozen=True, slots=True)
class Running:
    """A server that answers: "127.0.0.1:8080", the process that was started, and how long the first answer took."""

    address: str
    pid: int
    first_answer_seconds: float

    @property
    def root(self) -> str:
        """The URL of its root."""
        return f"http://{self.address}"

    def workers(self) -> list[int]:
        """The processes that answer requests: the heaviest children of the started process, as many as there are."""
        below = [p for p in meter.tree(self.pid) if p.pid != self.pid and " worker" not in meter.command_line(p.pid)]
        return sorted((p.pid for p in below), key=meter.memory_bytes, reverse=True)[:WORKERS]


def command(*arguments: str, database: str) -> str:
    """Run a fhir-server command to its end and return what it printed."""
    done = subprocess.run(
        [*_COMMAND, *arguments, "--database", database],
        capture_output=True,
        text=True,
        check=False,
        env=_environment({}),
    )
    if done.returncode:
        raise RuntimeError(f"fhir-server {' '.join(arguments)} failed:\n{done.stderr}")
    return done.stdout.strip()


@contextlib.contextmanager
def server(database: str, token: str, log: Path, settings: Mapping[str, str]) -> Iterator[Running]:
    """`fhir-server serve` on a free port of the loopback address."""
    address = _free_address()
    arguments = ["serve", "--bind", address, "--database", database, "--access", "token", "--workers", str(WORKERS)]
    with _running([*_COMMAND, *arguments], address, token, log, settings) as running:
        yield running


@contextlib.contextmanager
def floor(database: str, journals: Path, log: Path, module: str = "benchmarks.floor") -> Iterator[Running]:
    """The floor on a free port of the loopback address."""
    address = _free_address()
    arguments = ["--bind", address, "--database", database, "--journals", str(journals)]
    with _running([sys.executable, "-m", module, *arguments], address, "", log, {}) as running:
        yield running


@contextlib.contextmanager
def _running(command: list[str], address: str, token: str, log: Path, settings: Mapping[str, str]) -> Iterator[Running]:
    with log.open("ab") as output:
        started = time.perf_counter()
        process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=output, stderr=output, env=_environment(settings),
            start_new_session=True,
        )  # fmt: skip
        try:
            _wait_for_answer(process, address, token, log)
            yield Running(address, process.pid, time.perf_counter() - started)
        finally:
            _stop(process)


def _wait_for_answer(process: "subprocess.Popen[bytes]", address: str, token: str, log: Path) -> None:
    """Ask for the first Task until there is an answer, be it that there is no such Task yet."""
    until = time.monotonic() + _START_SECONDS
    while not _answers(address, token):
        if process.poll() is not None or time.monotonic() > until:
            text = log.read_text(errors="replace")[-2000:]
            raise RuntimeError(f"{' '.join(process.args)} does not answer:\n{text}")  # type: ignore[arg-type]
        time.sleep(0.005)


def _answers(address: str, token: str) -> bool:
    connection = http.client.HTTPConnection(address, timeout=_START_SECONDS)
    try:
        connection.request("GET", "/fhir/Task/task-0", headers={"Authorization": f"Bearer {token}"})
        return connection.getresponse().status in {http.HTTPStatus.OK, http.HTTPStatus.NOT_FOUND}
    except OSError:
        return False
    finally:
        connection.close()


def _stop(process: "subprocess.Popen[bytes]") -> None:
    """End the process, and its whole group when it does not leave in time."""
    process.send_signal(signal.SIGTERM)
    try:
        process.wait(_STOP_SECONDS)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def _environment(settings: Mapping[str, str]) -> dict[str, str]:
    """The environment without settings of the user's own, which would be measured instead of the ones named."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("FHIR_SERVER_")}
    return kept | dict(settings)


def _free_address() -> str:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return f"127.0.0.1:{probe.getsockname()[1]}"
