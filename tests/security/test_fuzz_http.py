"""Fuzzing over HTTP: whatever comes in, the answer is a FHIR answer, never a fault of ours.

Bodies in JSON and XML, paths, queries and headers, each broken in some place (tests/security/hostile.py), on both
databases, since what one stores the other may refuse. A short form runs always, the long one by `make soak`.
"""

import faulthandler
import json
import resource
import shutil
from collections.abc import Callable, Iterator
from io import BytesIO
from typing import Any

import pytest
from flask import Flask
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from sqlalchemy import make_url
from werkzeug.test import EnvironBuilder, run_wsgi_app

from fhir_server.app import create_application
from fhir_server.settings import Settings
from tests.security import hostile

SHORT = settings(max_examples=60, suppress_health_check=list(HealthCheck))
LONG = settings(max_examples=5_000, suppress_health_check=list(HealthCheck))
HANGS_AFTER_SECONDS = 60
MOST_GROWTH_KB = 300_000
EXPECTED = frozenset({200, 201, 204, 304, 400, 401, 403, 404, 405, 406, 409, 410, 412, 413, 415, 422, 501})

Send = Callable[..., int]


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> str:
    """A migrated database for the whole module."""
    if request.param == "sqlite":
        copy = tmp_path_factory.mktemp("fuzz") / "fuzz.db"
        return f"sqlite:///{shutil.copy(request.getfixturevalue('migrated_sqlite'), copy)}"
    server = make_url(request.getfixturevalue("postgresql_url"))
    name = request.getfixturevalue("create_on_postgresql")(request.getfixturevalue("migrated_postgresql"))
    return server.set(database=name).render_as_string(hide_password=False)


@pytest.fixture(scope="module", params=["open", "token"])
def send(request: pytest.FixtureRequest, url: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Send]:
    """Sends one request to the application and checks what any answer must be."""
    chosen = Settings(
        database=url,
        access=request.param,
        journal_folder=str(tmp_path_factory.mktemp("journals")),
        max_body_bytes=1_000_000,
        database_timeout_ms=5_000,
    )
    app = create_application(chosen)
    for (method, path, kind), body in zip(hostile.PLACES, hostile.RESOURCES, strict=True):
        _sent(app, method, path, body=json.dumps(body).encode(), headers={"Content-Type": kind})
    yield lambda *arguments, **keywords: _sent(app, *arguments, **keywords)
    core = app.extensions["fhir_server"]
    core.database.close()
    core.journal.close()


def _sent(
    app: Flask, method: str, path: str, query: bytes = b"", body: bytes = b"", headers: dict[str, str] | None = None
) -> int:
    environ = EnvironBuilder(method=method, base_url="http://127.0.0.1:8080").get_environ()
    environ["PATH_INFO"] = f"/fhir/{path}".encode("utf-8", "surrogatepass").decode("latin-1")
    environ["QUERY_STRING"] = query.decode("latin-1")
    environ["wsgi.input"] = BytesIO(body)
    environ["CONTENT_LENGTH"] = str(len(body))
    for name, value in (headers or {}).items():
        key = name.upper().replace("-", "_")
        environ[key if key.startswith("CONTENT_TYPE") else f"HTTP_{key}"] = value
    # A hang ends the run with a traceback of every thread, instead of holding it up.
    faulthandler.dump_traceback_later(HANGS_AFTER_SECONDS, exit=True)
    try:
        answer, status, sent = run_wsgi_app(app, environ, buffered=True)
    finally:
        faulthandler.cancel_dump_traceback_later()
    code = int(status.split()[0])
    content = b"".join(answer)
    assert code in EXPECTED, (code, content[:500])
    for name, value in sent.items():
        assert "\n" not in value, name
        assert "\r" not in value, name
    if code >= 400 and method != "HEAD" and "json" in sent.get("Content-Type", ""):
        outcome = json.loads(content)
        assert outcome["resourceType"] == "OperationOutcome"
        assert outcome["issue"]
    return code


def _bounded(check: Callable[[], None]) -> None:
    """Run a long check; the process must not have grown for good."""
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    check()
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < MOST_GROWTH_KB


JSON = {"sent": hostile.json_requests()}
XML = {"sent": hostile.xml_requests()}
URLS = {
    "method": st.sampled_from(("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE")),
    "path": hostile.paths,
    "query": hostile.queries(),
}
SEARCHES = {"sent": hostile.searches()}
HEADERS = {
    "headers": hostile.headers,
    "method": st.sampled_from(("GET", "PUT", "POST", "DELETE", "PATCH")),
    "kind": st.one_of(
        st.sampled_from(hostile.FORMATS), st.text(st.characters(min_codepoint=32, max_codepoint=255), max_size=30)
    ),
}
BINARIES = {"body": st.binary(max_size=200), "kind": hostile.media_types}


def _check_json(send: Send, sent: tuple[str, str, str, bytes]) -> None:
    method, target, kind, body = sent
    path, _, query = target.partition("?")
    send(method, path, query.encode(), body, {"Content-Type": kind})
    send("GET", path if path.count("/") == 1 else "Task/t1", headers={"Accept": "application/fhir+xml"})


def _check_xml(send: Send, sent: tuple[str, bytes]) -> None:
    path, body = sent
    send("PUT" if path else "POST", path, body=body, headers={"Content-Type": "application/fhir+xml"})
    send("GET", path or "Task/t1")


def _check_searches(send: Send, sent: tuple[str, bytes]) -> None:
    type_name, query = sent
    send("GET", type_name, query)
    form = {"Content-Type": "application/x-www-form-urlencoded"}
    send("POST", f"{type_name}/_search", b"", query, form)


def _check_headers(send: Send, headers: dict[str, str], method: str, kind: str) -> None:
    body = json.dumps(hostile.RESOURCES[0]).encode() if method in {"PUT", "POST", "PATCH"} else b""
    send(method, "Patient" if method == "POST" else "Patient/p1", b"", body, {**headers, "Content-Type": kind})


def _check_binary(send: Send, body: bytes, kind: str) -> None:
    send("PUT", "Binary/b2", b"", body, {"Content-Type": kind})
    send("GET", "Binary/b2", headers={"Accept": "image/png"})
    wrapped = {"resourceType": "Binary", "id": "b3", "contentType": kind, "data": body.decode("latin-1")}
    send("PUT", "Binary/b3", b"", json.dumps(wrapped).encode(), {"Content-Type": "application/fhir+json"})
    send("GET", "Binary/b3", headers={"Accept": "image/png"})


@SHORT
@given(**JSON)
def test_json_bodies(send: Send, sent: tuple[str, str, str, bytes]) -> None:
    _check_json(send, sent)


@SHORT
@given(**XML)
def test_xml_bodies(send: Send, sent: tuple[str, bytes]) -> None:
    _check_xml(send, sent)


@SHORT
@given(**URLS)
def test_urls(send: Send, method: str, path: str, query: bytes) -> None:
    send(method, path, query)


@SHORT
@given(**SEARCHES)
@example(sent=("Task", b"_count=99999999999999999999"))
@example(sent=("Task", b"_lastUpdated=gt99999-01-01"))
@example(sent=("Patient", b"name=%00"))
def test_searches(send: Send, sent: tuple[str, bytes]) -> None:
    _check_searches(send, sent)


@SHORT
@given(**HEADERS)
def test_headers(send: Send, headers: dict[str, str], method: str, kind: str) -> None:
    _check_headers(send, headers, method, kind)


@SHORT
@given(**BINARIES)
@example(body=b"x", kind="text/html\nSet-Cookie: a=b")
def test_binaries(send: Send, body: bytes, kind: str) -> None:
    _check_binary(send, body, kind)


@pytest.mark.soak
@pytest.mark.parametrize(
    ("strategies", "check"),
    [
        pytest.param(JSON, _check_json, id="json"),
        pytest.param(XML, _check_xml, id="xml"),
        pytest.param(URLS, lambda send, method, path, query: send(method, path, query), id="urls"),
        pytest.param(SEARCHES, _check_searches, id="searches"),
        pytest.param(HEADERS, _check_headers, id="headers"),
        pytest.param(BINARIES, _check_binary, id="binaries"),
    ],
)
def test_long(send: Send, strategies: dict[str, Any], check: Callable[..., None]) -> None:
    @LONG
    @given(drawn=st.fixed_dictionaries(strategies))
    def run(drawn: dict[str, Any]) -> None:
        check(send, **drawn)

    _bounded(run)
