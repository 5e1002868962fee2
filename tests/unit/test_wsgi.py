"""The application for other WSGI servers, run by gunicorn as its users start it."""

import contextlib
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from fhir_server.store import schema
from tests.serving import PATIENCE_SECONDS, Served, free_port, is_ready, wait_until


@contextlib.contextmanager
def gunicorn(folder: Path, **settings: str) -> Iterator[Served]:
    port, log = free_port(), folder / "server.log"
    chosen = {"DATABASE": f"sqlite:///{folder / 'new.db'}", **settings}
    environment = {**os.environ, **{f"FHIR_SERVER_{name}": value for name, value in chosen.items()}}
    command = [sys.executable, "-m", "gunicorn", "--no-control-socket", "--preload", "--bind", f"127.0.0.1:{port}"]
    with log.open("wb") as output:
        process = subprocess.Popen([*command, "fhir_server.wsgi"], stdout=output, stderr=output, env=environment)
    with process:
        try:
            yield Served(process, port, log)
        finally:
            process.terminate()
            process.wait(PATIENCE_SECONDS)


def test_it_answers_and_logs_lines_of_json(tmp_path: Path) -> None:
    schema.upgrade(f"sqlite:///{tmp_path / 'new.db'}")
    with gunicorn(tmp_path) as served:
        wait_until(lambda: is_ready(served), f"not ready: {served.log}")
        assert served.request("GET", "/fhir/Patient")[0] == 401
        wait_until(lambda: [line["status"] for line in served.lines()] == [401], "the request was not logged")


@pytest.mark.parametrize(
    ("settings", "reason"), [({"ACCESS": "open"}, "setting access"), ({}, "setting database: it is empty")]
)
def test_it_does_not_start_unsafe_or_without_its_schema(tmp_path: Path, settings: dict[str, str], reason: str) -> None:
    with gunicorn(tmp_path, **settings) as served:
        assert served.process.wait(PATIENCE_SECONDS) != 0
    assert reason in served.log.read_text(encoding="utf-8")
