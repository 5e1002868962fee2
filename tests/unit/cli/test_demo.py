"""The demo's stage: what it does when an answer is not as the guide says, and how it looks without colours."""

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from click.testing import CliRunner

from fhir_server.cli.demo.child import free_address
from fhir_server.cli.demo.http import Caller
from fhir_server.cli.demo.page import Page
from fhir_server.cli.demo.stage import Differs, Stage
from fhir_server.cli.main import main

TASK = {"resourceType": "Task", "status": "requested", "meta": {"versionId": "1"}}
OUTCOME = {"resourceType": "OperationOutcome", "issue": [{"diagnostics": "not so", "expression": ["Task.status"]}]}


class Answering(BaseHTTPRequestHandler):
    """Answers GET with a Task and anything else with a refusal."""

    def do_GET(self) -> None:
        self._answer(200, TASK)

    def do_POST(self) -> None:
        self._answer(422, OUTCOME)

    def log_message(self, format: str, *arguments: object) -> None:  # noqa: A002
        """Say nothing."""

    def _answer(self, status: int, body: object) -> None:
        raw = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/fhir+json")
        self.send_header("Content-Length", str(len(raw)))
        self.end_headers()
        self.wfile.write(raw)


@pytest.fixture
def caller() -> Iterator[Caller]:
    """A caller of a server that is not ours."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), Answering)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    made = Caller("Clinic", f"http://127.0.0.1:{server.server_port}", "secret")
    yield made
    made.close()
    server.shutdown()
    server.server_close()
    thread.join()


def test_a_step_prints_who_asked_what_and_the_tasks_status(caller: Caller, capsys: pytest.CaptureFixture[str]) -> None:
    Stage(Page()).step(caller, "opens the Task", "GET Task/1", headers={"If-Match": 'W/"1"'})
    shown = capsys.readouterr().out
    assert "Clinic    opens the Task" in shown
    assert "200 OK" in shown
    assert "requested v1" in shown
    assert 'GET /fhir/Task/1  If-Match: W/"1"' in shown
    assert "\x1b" not in shown
    assert "secret" not in shown


def test_another_status_than_the_guides_ends_the_walk(caller: Caller, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(Differs, match=r"expected 201; not so at Task\.status"):
        Stage(Page()).step(caller, "sends the referral", "POST Task", TASK, expect=201)
    assert "differs: " in capsys.readouterr().out


def test_another_content_than_the_guides_ends_the_walk() -> None:
    stage = Stage(Page())
    stage.check(("all is well", True))
    with pytest.raises(Differs, match="the Task is accepted"):
        stage.check(("all is well", True), ("the Task is accepted", False))


def test_a_server_that_does_not_start_is_reported(tmp_path: object) -> None:
    unreachable = "postgresql://nobody@127.0.0.1:1/nothing"
    done = CliRunner().invoke(main, ["demo", "--once", "--bind", "127.0.0.1:0", "--database", unreachable])
    assert done.exit_code == 1
    assert "the server did not start" in done.stderr


def test_a_taken_port_is_replaced() -> None:
    with ThreadingHTTPServer(("127.0.0.1", 0), Answering) as server:
        taken = f"127.0.0.1:{server.server_port}"
        assert free_address(taken) != taken
    host, _, port = free_address("127.0.0.1:0").partition(":")
    assert host == "127.0.0.1"
    assert int(port) > 0
