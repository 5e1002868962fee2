"""A load generator: N keep-alive connections in one process, requests prepared beforehand, no parsing but of lengths.

For machines without wrk, and for runs of an exact number of requests. A process of its own, so that its time is not the
server's; about 25 microseconds a request. Prints one JSON line.

    python -m benchmarks.generator HOST PORT FILE --clients N (--seconds S | --count N)
"""

import argparse
import json
import selectors
import socket
import time
from pathlib import Path
from typing import Any

SEPARATOR = b"\n%%%%\n"
_HEAD_END = b"\r\n\r\n"
_ANSWER_SECONDS = 30


class Connection:
    """One keep-alive connection with at most one request under way."""

    __slots__ = ("_buffer", "_expected", "sent", "sock")

    def __init__(self, address: tuple[str, int]) -> None:
        self.sock = socket.create_connection(address, timeout=_ANSWER_SECONDS)
        self.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.sent = 0.0
        self._buffer = b""
        self._expected = 0

    def send(self, request: bytes) -> None:
        """Send a request; answers are small enough that a blocking send never waits for the reader."""
        self._buffer, self._expected = b"", 0
        self.sent = time.perf_counter()
        self.sock.sendall(request)

    def receive(self) -> int:
        """Read what is there; the status once the answer is complete, else 0."""
        received = self.sock.recv(262_144)
        if not received:
            raise ConnectionError("the server closed the connection")
        self._buffer += received
        if not self._expected:
            end = self._buffer.find(_HEAD_END)
            if end < 0:
                return 0
            self._expected = end + len(_HEAD_END) + _content_length(self._buffer[:end])
        return int(self._buffer[9:12]) if len(self._buffer) >= self._expected else 0


def _content_length(head: bytes) -> int:
    for line in head.split(b"\r\n")[1:]:
        name, _, value = line.partition(b":")
        if name.lower() == b"content-length":
            return int(value)
    if head[9:12] in (b"204", b"304"):
        return 0
    raise ValueError("an answer without Content-Length")


def run(address: tuple[str, int], requests: list[bytes], *, clients: int, seconds: float, count: int) -> dict[str, Any]:
    """Send requests in turn, round and round, until the time or the count is up."""
    selector = selectors.DefaultSelector()
    connections = [Connection(address) for _ in range(min(clients, count))]
    for connection in connections:
        selector.register(connection.sock, selectors.EVENT_READ, connection)
    times: list[float] = []
    failed: dict[str, int] = {}
    started = time.perf_counter()
    sent = 0
    for connection in connections:
        connection.send(requests[sent % len(requests)])
        sent += 1
    waiting = len(connections)
    while waiting:
        for key, _ in selector.select(_ANSWER_SECONDS):
            connection = key.data
            status = connection.receive()
            if not status:
                continue
            now = time.perf_counter()
            times.append(now - connection.sent)
            if status >= 400:
                failed[str(status)] = failed.get(str(status), 0) + 1
            if sent < count and now - started < seconds:
                connection.send(requests[sent % len(requests)])
                sent += 1
            else:
                waiting -= 1
    took = time.perf_counter() - started
    for connection in connections:
        connection.sock.close()
    times.sort()
    return {
        "requests": len(times),
        "seconds": took,
        "p50_ms": times[len(times) // 2] * 1000,
        "p99_ms": times[min(len(times) - 1, len(times) * 99 // 100)] * 1000,
        "failed": failed,
    }


def main() -> None:
    """Read the requests and run them."""
    parser = argparse.ArgumentParser()
    parser.add_argument("host")
    parser.add_argument("port", type=int)
    parser.add_argument("file", type=Path)
    parser.add_argument("--clients", type=int, required=True)
    parser.add_argument("--seconds", type=float, default=600)
    parser.add_argument("--count", type=int, default=10_000_000)
    asked = parser.parse_args()
    requests = asked.file.read_bytes().split(SEPARATOR)
    result = run((asked.host, asked.port), requests, clients=asked.clients, seconds=asked.seconds, count=asked.count)
    print(json.dumps(result))


if __name__ == "__main__":
    main()
