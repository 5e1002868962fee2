"""The server as a child process: started on a loopback address, waited for, ended by its own id."""

import contextlib
import http.client
import io
import signal
import socket
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import click

from fhir_server.cli.main import main

_START_SECONDS = 60.0
_STOP_SECONDS = 30.0
_PAUSE_SECONDS = 0.02


class NotStarted(Exception):
    """The server ended or stayed silent; the message has the last lines that it wrote."""


@dataclass(frozen=True, slots=True)
class Server:
    """A running server: `log` is where its output goes."""

    child: "subprocess.Popen[bytes]"
    root_url: str
    log: Path

    def stop(self) -> None:
        """SIGTERM, so that it drains; SIGKILL when it does not leave."""
        if self.child.poll() is None:
            self.child.send_signal(signal.SIGTERM)
        try:
            self.child.wait(_STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self.child.kill()
            self.child.wait()


def run_command(*arguments: str) -> str:
    """The output of a `fhir-server` command, its arguments given as a user would type them; raises NotStarted."""
    output = io.StringIO()
    try:
        with contextlib.redirect_stdout(output), contextlib.redirect_stderr(io.StringIO()):
            main(list(arguments), standalone_mode=False)
    except click.ClickException as error:
        raise NotStarted(f"fhir-server {arguments[0]} did not work: {error.format_message()}") from error
    return output.getvalue()


def start(bind: str, database: str, log: Path) -> Server:
    """Start `fhir-server serve` and wait until it is ready; raises NotStarted."""
    root_url = f"http://{bind}"
    options = ("--bind", bind, "--base-url", root_url, "--database", database, "--access", "token")
    command = [sys.executable, "-m", "fhir_server", "serve", *options]
    with log.open("wb") as output:
        child = subprocess.Popen(command, stdout=output, stderr=subprocess.STDOUT)  # noqa: S603 (our own program)
    server = Server(child, root_url, log)
    try:
        _wait_until_ready(server)
    except BaseException:
        server.stop()
        raise
    return server


def _wait_until_ready(server: Server) -> None:
    deadline = time.monotonic() + _START_SECONDS
    while not _is_ready(server.root_url):
        if server.child.poll() is not None or time.monotonic() > deadline:
            raise NotStarted(f"the server did not start:\n{_last_lines(server.log)}")
        time.sleep(_PAUSE_SECONDS)


def free_address(wanted: str) -> str:
    """The wanted HOST:PORT, or the same host with a port of the system's choice when it is taken (or 0)."""
    host, _, port = wanted.rpartition(":")
    with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host.strip("[]"), int(port)))
        except OSError:
            probe.bind((host.strip("[]"), 0))
        return f"{host}:{probe.getsockname()[1]}"


def _is_ready(root_url: str) -> bool:
    connection = http.client.HTTPConnection(urlsplit(root_url).netloc, timeout=5)
    try:
        connection.request("GET", "/health/ready")
        return connection.getresponse().status == 200
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


def _last_lines(log: Path, count: int = 20) -> str:
    return "\n".join(log.read_text(encoding="utf-8", errors="replace").splitlines()[-count:])
