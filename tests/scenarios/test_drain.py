"""SIGTERM: what was begun is finished, nothing new is taken, and whoever never finishes is not waited for."""

import json
import signal
import socket
from pathlib import Path

import pytest

from fhir_server.settings import Settings
from tests.http.records import records
from tests.serving import Served, serving, wait_until

BODY = json.dumps({"resourceType": "Patient", "id": "p1"}).encode()


def begun(served: Served) -> socket.socket:
    """A connection on which half of a request has arrived at a worker."""
    connection = socket.create_connection(("127.0.0.1", served.port), timeout=60)
    head = f"Host: x\r\nContent-Type: application/fhir+json\r\nContent-Length: {len(BODY)}\r\nExpect: 100-continue"
    connection.sendall(f"PUT /fhir/Patient/p1 HTTP/1.1\r\n{head}\r\n\r\n".encode())
    assert connection.recv(100).startswith(b"HTTP/1.1 100")  # somebody reads the body
    connection.sendall(BODY[:9])
    return connection


def takes_no_more(served: Served) -> bool:
    """Whether a new connection is refused, or left without an answer."""
    try:
        with socket.create_connection(("127.0.0.1", served.port), timeout=0.5) as new:
            new.sendall(b"GET /health/live HTTP/1.1\r\nHost: x\r\n\r\n")
            return not new.recv(100)
    except OSError:
        return True


@pytest.mark.parametrize("workers", ["1", "2"])
def test_a_request_that_was_begun_is_answered(database_url: str, tmp_path: Path, workers: str) -> None:
    with serving(tmp_path, database_url, "--access", "open", "--workers", workers) as served, begun(served) as waiting:
        served.process.send_signal(signal.SIGTERM)
        wait_until(lambda: takes_no_more(served), "new connections are still taken")
        assert served.process.poll() is None
        waiting.sendall(BODY[9:])
        assert waiting.recv(100).startswith(b"HTTP/1.1 201")
        assert served.process.wait(60) == 0
    settings = Settings(database=database_url, journal_folder=str(tmp_path / "journals"))
    assert [(r["interaction"], r["status"]) for r in records(settings)] == [("update", 201)]


def test_who_never_finishes_is_not_waited_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FHIR_SERVER_DRAIN_SECONDS", "1")
    with serving(tmp_path, f"sqlite:///{tmp_path / 'new.db'}", "--access", "open") as served, begun(served):
        served.process.send_signal(signal.SIGTERM)
        served.process.wait(60)
    settings = Settings(database=f"sqlite:///{tmp_path / 'new.db'}", journal_folder=str(tmp_path / "journals"))
    assert records(settings) == []
