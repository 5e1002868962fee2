"""`fhir-server serve` with all its processes in one group, to be killed at once."""

import contextlib
import http.client
import json
import os
import random
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
PATIENCE_SECONDS = 60.0
STOP_SECONDS = 60.0


@dataclass(frozen=True, slots=True)
class Group:
    """The processes of a running server, and where it listens."""

    leader: "subprocess.Popen[bytes]"
    address: str
    log: Path

    def kill(self) -> None:
        """SIGKILL to every process at once."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.leader.pid, signal.SIGKILL)
        self.leader.wait()

    def kill_one(self) -> None:
        """SIGKILL to one process that the leader has started, whichever."""
        children = Path(f"/proc/{self.leader.pid}/task/{self.leader.pid}/children")
        os.kill(int(random.choice(children.read_text().split())), signal.SIGKILL)

    def stop(self) -> None:
        """SIGTERM to the leader, which has the others finish."""
        self.leader.terminate()
        self.leader.wait(STOP_SECONDS)


def start(database_url: str, journals: Path, log: Path, settings: Mapping[str, str]) -> Group:
    """Start the server with open access and wait until it answers."""
    address = _free_address()
    command = [sys.executable, "-m", "fhir_server", "serve", "--bind", address, "--database", database_url]
    chosen = {"ACCESS": "open", "JOURNAL_FOLDER": str(journals), **settings}
    environment = os.environ | {f"FHIR_SERVER_{name}": value for name, value in chosen.items()}
    with log.open("ab") as output:
        leader = subprocess.Popen(
            command, cwd=ROOT, env=environment, stdout=output, stderr=output, start_new_session=True
        )
    group = Group(leader, address, log)
    try:
        _wait_until_ready(group)
    except BaseException:
        group.kill()
        raise
    return group


def get(address: str, path: str) -> Any:
    """The JSON of a path that must be there."""
    connection = http.client.HTTPConnection(address, timeout=PATIENCE_SECONDS)
    try:
        connection.request("GET", path)
        response = connection.getresponse()
        assert response.status == 200, (path, response.status)
        return json.loads(response.read())
    finally:
        connection.close()


def _free_address() -> str:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return f"127.0.0.1:{probe.getsockname()[1]}"


def _wait_until_ready(group: Group) -> None:
    until = time.monotonic() + PATIENCE_SECONDS
    while (answer := _readiness(group.address)) != "200":
        if group.leader.poll() is not None or time.monotonic() > until:
            raise RuntimeError(f"the server did not start: {answer}\n{group.log.read_text()[-2000:]}")
        time.sleep(0.05)


def _readiness(address: str) -> str:
    connection = http.client.HTTPConnection(address, timeout=5)
    try:
        connection.request("GET", "/health/ready")
        response = connection.getresponse()
        return "200" if response.status == 200 else f"{response.status} {response.read().decode()}"
    except (OSError, http.client.HTTPException) as error:
        return repr(error)
    finally:
        connection.close()
