"""A server whose index does not fit its definitions: it says so, is ready all the same, and guesses nothing."""

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from fhir_server.app import create_application
from fhir_server.cli.main import main
from fhir_server.search.readiness import adopt
from fhir_server.settings import Settings
from fhir_server.store.database import open_database
from fhir_server.telemetry import configure_logging
from tests.contracts.reindex_world import CHANGED, NOW, older, patient, task
from tests.http.client import Client


@pytest.fixture
def settings(database_url: str, tmp_path: Path) -> Settings:
    """A database that a server with other definitions has used last."""
    chosen = Settings(
        database=database_url, access="open", journal_folder=str(tmp_path / "journals"), reference_integrity=True
    )
    client = Client(replace(chosen, reference_integrity=False))
    for resource in (patient(1), patient(2), task(1)):
        assert client.put(f"{resource['resourceType']}/{resource['id']}", resource).status == 201
    client.close()
    database = open_database(database_url)
    adopt(database, older(), base=chosen.fhir_base, tenant=1, now=lambda: NOW, timeout_ms=30_000)
    database.close()
    return chosen


@pytest.fixture
def client(settings: Settings) -> Iterator[Client]:
    made = Client(settings, now=Later())
    yield made
    made.close()


class Later:
    """A clock that moves on by two seconds whenever it is asked."""

    def __init__(self) -> None:
        self.now = NOW

    def __call__(self) -> int:
        """Two seconds later."""
        self.now += 2_000_000
        return self.now


def reindex(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FHIR_SERVER_JOURNAL_FOLDER", settings.journal_folder)
    main(["reindex", "--database", settings.database], standalone_mode=False)


def test_a_delete_waits_until_it_can_see_who_refers(
    settings: Settings, client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    for resource_id in ("p1", "p2"):
        refused = client.delete(f"Patient/{resource_id}")
        assert refused.status == 503
        assert refused.json["issue"][0]["code"] == "transient"
        assert "Task cannot be searched by subject" in refused.json["issue"][0]["diagnostics"]
        assert int(refused.headers["Retry-After"]) > 0
    reindex(settings, monkeypatch)
    assert client.delete("Patient/p1").status == 409
    assert client.delete("Patient/p2").status == 204


def test_other_requests_are_answered_meanwhile(client: Client) -> None:
    assert client.get("Patient/p1").status == 200
    assert client.get("Patient?gender=female").status == 200
    assert client.put("Patient/p2", patient(2, "Elm")).status == 200


def test_a_server_warns_once_when_it_starts_and_is_ready(
    client: Client, settings: Settings, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    configure_logging("info")
    assert _warnings(settings, capfd) == [(["Patient", "Task"], len(CHANGED) + 2)]
    reindex(settings, monkeypatch)
    assert _warnings(settings, capfd) == []


def _warnings(settings: Settings, capfd: pytest.CaptureFixture[str]) -> list[tuple[list[str], int]]:
    capfd.readouterr()
    application = create_application(settings)
    with application.test_client() as http:
        assert http.get("/health/ready").status_code == 200
    application.extensions["fhir_server"].journal.close()
    application.extensions["fhir_server"].database.close()
    lines = [json.loads(line) for line in capfd.readouterr().err.splitlines()]
    found = [line for line in lines if line["event"] == "index_stale"]
    assert all("`fhir-server reindex`" in line["message"] and line["level"] == "warning" for line in found)
    return [(line["types"], line["parameters"]) for line in found]
