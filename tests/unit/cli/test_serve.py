"""`fhir-server serve` as a process: what it refuses, what it starts, how it ends; on both databases."""

import os
import signal
import sys
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families
from sqlalchemy import func, select

from fhir_server.audit.tables import AUDIT_EVENT
from fhir_server.store.database import open_database
from tests.serving import has_ended, serving, started, wait_until

on_linux = pytest.mark.skipif(sys.platform != "linux", reason="processes are looked up in /proc")
PATIENT = {"resourceType": "Patient", "active": True}


def ended(folder: Path, database_url: str, *options: str) -> tuple[int, str]:
    with started(folder, database_url, *options) as served:
        return served.process.wait(60), served.log.read_text()


def test_a_new_sqlite_database_is_made_ready(tmp_path: Path) -> None:
    with serving(tmp_path, f"sqlite:///{tmp_path / 'new.db'}", "--access", "open") as served:
        status, headers, _ = served.request("POST", "/fhir/Patient", body=PATIENT)
        assert status == 201
        assert headers["location"].startswith(f"http://127.0.0.1:{served.port}/fhir/Patient/")
    assert (tmp_path / "new.db").stat().st_mode & 0o077 == 0


def test_a_server_whose_database_file_is_gone_is_not_ready(tmp_path: Path) -> None:
    with serving(tmp_path, f"sqlite:///{tmp_path / 'new.db'}") as served:
        (tmp_path / "new.db").rename(tmp_path / "moved.db")
        assert served.request("GET", "/health/ready")[0] == 503
        (tmp_path / "moved.db").rename(tmp_path / "new.db")
        assert served.request("GET", "/health/ready")[0] == 200


def test_without_a_token_nobody_reads(database_url: str, tmp_path: Path) -> None:
    with serving(tmp_path, database_url) as served:
        assert served.request("GET", "/fhir/metadata")[0] == 200
        assert served.request("GET", "/fhir/Patient")[0] == 401
        assert not [line for line in served.lines() if line["event"] == "open_access"]


def test_open_access_is_announced(tmp_path: Path) -> None:
    with serving(tmp_path, f"sqlite:///{tmp_path / 'new.db'}", "--access", "open") as served:
        assert [line["level"] for line in served.lines() if line["event"] == "open_access"] == ["warning"]


def test_open_access_is_refused_elsewhere_than_on_loopback(tmp_path: Path) -> None:
    status, log = ended(tmp_path, f"sqlite:///{tmp_path / 'new.db'}", "--access", "open", "--bind", "0.0.0.0:0")
    assert status == 1
    assert "loopback" in log
    assert not (tmp_path / "new.db").exists()


@pytest.mark.parametrize("engine", ["postgresql"], indirect=True)
def test_an_empty_postgresql_stops_it_with_the_command_to_run(empty_database_url: str, tmp_path: Path) -> None:
    status, log = ended(tmp_path, empty_database_url)
    assert status == 1
    assert "fhir-server db upgrade --database" in log


def test_an_address_in_use_is_one_line(tmp_path: Path) -> None:
    with serving(tmp_path, f"sqlite:///{tmp_path / 'new.db'}") as first:
        (tmp_path / "second").mkdir()
        bind = f"127.0.0.1:{first.port}"
        status, log = ended(tmp_path / "second", f"sqlite:///{tmp_path / 'new.db'}", "--bind", bind)
        assert status == 1
        assert f"cannot listen on {bind}" in log
        assert "Traceback" not in log


def test_requests_are_audited_in_the_database_and_counted(database_url: str, tmp_path: Path) -> None:
    with serving(tmp_path, database_url, "--access", "open") as served:
        for _ in range(4):
            assert served.request("GET", "/fhir/Patient/nobody")[0] == 404
        database = open_database(database_url)
        count = database.sql(select(func.count()).select_from(AUDIT_EVENT).where(AUDIT_EVENT.c.interaction == "read"))
        wait_until(lambda: database.rows(count, {}) == [(4,)], "the worker did not move the journal")
        database.close()
        text = served.request("GET", "/metrics")[2].decode()
        samples = {
            (sample.name, sample.labels.get("interaction"), sample.labels.get("status")): sample.value
            for family in text_string_to_metric_families(text)
            for sample in family.samples
        }
        assert samples["fhir_requests_total", "read", "4xx"] == 4


@on_linux
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT], ids=lambda number: number.name)
def test_a_signal_ends_all_of_it(tmp_path: Path, number: signal.Signals) -> None:
    with serving(tmp_path, f"sqlite:///{tmp_path / 'new.db'}", "--workers", "2") as served:
        wait_until(lambda: len(served.children()) == 3, "two workers and a background worker were not started")
        children = served.children()
        served.process.send_signal(number)
        assert served.process.wait(60) == 0
        assert [pid for pid in children if not has_ended(pid)] == []


@on_linux
def test_no_worker_starts_none(tmp_path: Path) -> None:
    with serving(tmp_path, f"sqlite:///{tmp_path / 'new.db'}", "--workers", "1", "--no-worker") as served:
        assert len(served.children()) == 1


@on_linux
def test_a_killed_server_takes_its_children_with_it(tmp_path: Path) -> None:
    with serving(tmp_path, f"sqlite:///{tmp_path / 'new.db'}") as served:
        children = served.children()
        served.process.kill()
        served.process.wait(60)
        wait_until(lambda: all(map(has_ended, children)), "children outlived the server")


@on_linux
def test_killed_children_are_replaced(tmp_path: Path) -> None:
    with serving(tmp_path, f"sqlite:///{tmp_path / 'new.db'}", "--workers", "1") as served:
        before = served.children()
        for pid in before:
            os.kill(pid, signal.SIGKILL)
        wait_until(
            lambda: len([pid for pid in served.children() if pid not in before and not has_ended(pid)]) == 2,
            "a killed child was not replaced",
        )
        wait_until(lambda: served.request("GET", "/health/live")[0] == 200, "no answer from the new worker")


@pytest.mark.parametrize("name", ["profiles", "journals", "new.db"])
def test_what_cannot_be_used_is_told_without_a_traceback(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    (tmp_path / name).write_text("no folder, and no database either: " + "x" * 1000)
    if name == "profiles":
        monkeypatch.setenv("FHIR_SERVER_PROFILES_FOLDER", str(tmp_path / name))
    status, log = ended(tmp_path, f"sqlite:///{tmp_path / 'new.db'}")
    assert status == 1
    assert "Error: " in log
    assert "Traceback" not in log
