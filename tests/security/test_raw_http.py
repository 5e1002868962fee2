"""Requests that no client library would send, as bytes to a real server: it answers or hangs up, and goes on.

https://www.rfc-editor.org/rfc/rfc9112#section-11  What the server in front of the application lets through must not
be stored when it was cut off, nor be taken for two requests.
"""

import contextlib
import json
import socket
from collections.abc import Iterator

import pytest

from tests.serving import Served, serving

BODY = json.dumps({"resourceType": "Patient", "id": "p1"}).encode()
CHUNKED = b"Transfer-Encoding: chunked\r\n"
JSON = b"Content-Type: application/fhir+json\r\n"


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    folder = tmp_path_factory.mktemp("raw")
    with serving(folder, f"sqlite:///{folder / 'raw.db'}", "--access", "open", "--workers", "1") as running:
        yield running


def sent(served: Served, raw: bytes, *, then_close: bool = False) -> bytes:
    """Everything that comes back until the server hangs up; our side of the connection is closed after the bytes."""
    with socket.create_connection(("127.0.0.1", served.port), timeout=60) as connection:
        answer = b""
        with contextlib.suppress(ConnectionError):
            connection.sendall(raw)
            if then_close:
                connection.shutdown(socket.SHUT_WR)
            while piece := connection.recv(65_536):
                answer += piece
    return answer


def status(answer: bytes) -> int:
    """The status of the first answer, 0 without one."""
    return int(answer.split(b" ", 2)[1]) if answer.startswith(b"HTTP/") else 0


def request(line: bytes, *headers: bytes, body: bytes = b"") -> bytes:
    return line + b" HTTP/1.1\r\nHost: x\r\nConnection: close\r\n" + b"".join(headers) + b"\r\n" + body


@pytest.mark.parametrize(
    ("raw", "statuses"),
    [
        (request(b"PUT /fhir/Patient/p1", JSON, b"Content-Length: 500\r\n", body=BODY), {400, 0}),
        (request(b"PUT /fhir/Binary/p1", b"Content-Type: image/png\r\nContent-Length: 500\r\n", body=BODY), {400, 0}),
        (request(b"PUT /fhir/Binary/p1", b"Content-Type: image/png\r\n", CHUNKED, body=b"500\r\n" + BODY), {400, 0}),
        (request(b"PUT /fhir/Patient/p1", JSON, CHUNKED, body=b"27\r\n" + BODY[:20]), {400, 0}),
        (request(b"PUT /fhir/Patient/p1", JSON, CHUNKED, body=b"zz\r\n" + BODY), {400}),
        (request(b"PUT /fhir/Patient/p1", JSON, b"Content-Length: 39\r\nContent-Length: 5\r\n", body=BODY), {400}),
        (request(b"PUT /fhir/Patient/p1", JSON, b"Content-Length: -1\r\n", body=BODY), {400}),
        (request(b"PUT /fhir/Patient/p1", JSON, b"Content-Length: 99999999999999999999\r\n", body=BODY), {400, 413}),
        (request(b"PUT /fhir/Patient/p1", JSON, b"Content-Length: 20000000\r\n", body=BODY), {413}),
        (request(b"GET /fhir/Patient/p1", b"X-Long: " + b"x" * 1_000_000 + b"\r\n"), {431, 0}),
        (request(b"GET /fhir/Patient/p1", b"X: y\r\n" * 500), {431, 0}),
        (request(b"GET /fhir/Patient/p1", b"X-Request-Id: abcdefgh\r\n folded: 1\r\n"), {400}),
        (request(b"GET /fhir/Patient/" + b"x" * 100_000), {414, 0}),
        (request(b"GET /fhir/Patient?family=\xff\xfe"), {400}),
        (request(b"GET /fhir/Patient/p1", b"Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"), {404, 400}),
        (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", {0, 400}),
        (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", {0, 400}),
        (b"GET\r\n\r\n", {0, 400}),
    ],
)  # fmt: skip
def test_what_is_broken_is_refused_and_nothing_is_stored(served: Served, raw: bytes, statuses: set[int]) -> None:
    assert status(sent(served, raw, then_close=0 in statuses)) in statuses
    for path in ("Patient/p1", "Binary/p1"):
        assert served.request("GET", f"/fhir/{path}")[0] == 404


def test_what_follows_a_refusal_on_the_same_connection_is_a_request_of_its_own(served: Served) -> None:
    refused = b"POST /fhir/Patient/p1 HTTP/1.1\r\nHost: x\r\nContent-Length: 39\r\n\r\n" + BODY
    answers = sent(served, refused + request(b"GET /health/live"))
    assert answers.count(b"HTTP/1.1 ") == 2
    assert status(answers) == 405
    assert answers.endswith(b"live\n")


def test_a_body_in_chunks_is_read_whole(served: Served) -> None:
    chunks = b"".join(b"1\r\n" + bytes([byte]) + b"\r\n" for byte in BODY) + b"0\r\n\r\n"
    answer = sent(served, request(b"POST /fhir/Patient", JSON, CHUNKED, body=chunks))
    assert status(answer) == 201
