"""The load generator of benchmarks/ counts what it sent: figures rest on it where the machine has no wrk."""

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from benchmarks import generator, workload


class Handler(BaseHTTPRequestHandler):
    """Answers creates, refuses transactions, finds nothing to say about updates."""

    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        body = b"x" * 100_000
        self.send_response(201 if self.path == "/fhir/Task" else 422)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_PUT(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        self.send_response(204)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.fixture
def target() -> Iterator[workload.Target]:
    """A server on the loopback address."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    yield workload.Target(f"127.0.0.1:{server.server_port}", "token")
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.mark.parametrize(("clients", "count"), [(1, 7), (4, 50), (8, 8)])
def test_a_count_is_kept_and_failures_are_counted(target: workload.Target, clients: int, count: int) -> None:
    host, _, port = target.address.partition(":")
    requests = [*workload.creates(target)[:2], *workload.updates(target)[:2], *workload.transactions(target)[:1]]
    found = generator.run((host, int(port)), requests, clients=clients, seconds=60, count=count)
    assert found["requests"] == count
    assert found["failed"] == {"422": count // 5}
    assert 0 < found["p50_ms"] <= found["p99_ms"]


def test_requests_survive_their_file(target: workload.Target, tmp_path: Path) -> None:
    requests = workload.mixed(target)
    file = workload.write(requests, tmp_path / "requests")
    assert file.read_bytes().split(generator.SEPARATOR) == requests
