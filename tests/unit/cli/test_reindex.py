"""`fhir-server reindex`: what it tells, what it leaves behind, and what it takes."""

import json
import shutil
from dataclasses import replace
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from sqlalchemy import select

from fhir_server.audit.tables import AUDIT_EVENT
from fhir_server.cli.main import main
from fhir_server.cli.reindex import Progress
from fhir_server.definitions.load import shipped
from fhir_server.settings import Settings
from fhir_server.store.database import open_database
from tests.builders.actors import organization, patient
from tests.http.client import Client


@pytest.fixture(scope="module")
def other_profiles(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Definitions in which a family name is another thing."""
    folder = tmp_path_factory.mktemp("other") / "profiles"
    shutil.copytree(shipped("profiles"), folder)
    path = folder / "r4" / "search-parameters.json"
    content = json.loads(path.read_text("utf-8"))
    (family,) = [p for p in content["parameters"] if (p["type"], p["code"]) == ("Patient", "family")]
    family["expression"] = "Patient.name.given"
    path.write_text(json.dumps(content), "utf-8")
    return folder


@pytest.fixture
def settings(database_url: str, other_profiles: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    """A database that was filled under those definitions."""
    journals = tmp_path / "journals"
    monkeypatch.setenv("FHIR_SERVER_JOURNAL_FOLDER", str(journals))
    lines = [*(patient(f"p{n}", family=f"Testperson{n}") for n in range(5)), organization("o1")]
    path = tmp_path / "people.ndjson"
    path.write_text("".join(f"{json.dumps(line)}\n" for line in lines))
    loaded = CliRunner(env={"FHIR_SERVER_PROFILES_FOLDER": str(other_profiles)}).invoke(
        main, ["import", str(path), "--database", database_url], catch_exceptions=False
    )
    assert loaded.exit_code == 0, loaded.output
    return Settings(database=database_url, access="open", journal_folder=str(journals))


def run(settings: Settings, *arguments: str, profiles: Path | None = None) -> Result:
    environment = {"FHIR_SERVER_PROFILES_FOLDER": str(profiles)} if profiles else {}
    return CliRunner(env=environment).invoke(main, ["reindex", "--database", settings.database, *arguments])


def records(settings: Settings) -> list[tuple[object, ...]]:
    database = open_database(settings.database)
    columns = (AUDIT_EVENT.c.principal, AUDIT_EVENT.c.status, AUDIT_EVENT.c.query)
    asked = select(*columns).where(AUDIT_EVENT.c.interaction == "reindex").order_by(AUDIT_EVENT.c.seq)
    found = database.rows(database.sql(asked), {})
    database.close()
    return found


def test_check_tells_and_changes_nothing(settings: Settings, other_profiles: Path) -> None:
    told = run(settings, "--check")
    assert (told.exit_code, told.output) == (1, "Patient is stale: family\n")
    assert run(settings, "--check", "--type", "Organization").exit_code == 0
    ready = run(settings, "--check", profiles=other_profiles)
    assert (ready.exit_code, ready.output) == (0, "All search parameters are ready.\n")
    assert records(settings) == []


def test_what_is_stale_is_made_anew_once(settings: Settings) -> None:
    done = run(settings, "--batch", "2")
    assert done.exit_code == 0, done.output
    assert done.stdout.startswith("Patient is stale: family\n5 resources indexed anew in ")
    assert done.stdout.endswith("Ready: Patient.\n")
    assert records(settings) == [("operator", 202, "type=Patient"), ("operator", 200, "type=Patient")]
    assert run(settings, "--check").exit_code == 0
    assert run(settings).stdout == "All search parameters are ready.\n"
    assert len(records(settings)) == 2
    client = Client(settings)
    assert client.get("Patient?family=testperson3").found("Patient") == ["p3"]
    assert client.get("Patient/p3").json["meta"]["versionId"] == "1"
    client.close()
    assert "No problems found." in CliRunner().invoke(main, ["db", "check", "--database", settings.database]).output


def test_only_the_types_asked_for_are_taken(settings: Settings) -> None:
    assert run(settings, "--type", "Organization").stdout == "All search parameters are ready.\n"
    assert run(settings, "--check").exit_code == 1
    assert run(settings, "--type", "Patient", "--type", "Organization").exit_code == 0
    assert run(settings, "--check").exit_code == 0


def test_types_that_are_ready_are_taken_when_asked_for(settings: Settings) -> None:
    done = run(settings, "--all", "--type", "Organization")
    assert done.exit_code == 0
    assert "1 resources indexed anew" in done.stdout
    done = run(settings, "--all")
    assert "6 resources indexed anew" in done.stdout
    assert run(settings, "--check").exit_code == 0


def test_references_to_the_server_are_read_against_its_base(settings: Settings) -> None:
    client = Client(settings)
    subject = {"reference": "https://new.example.org/fhir/Patient/p1"}
    refers = {"resourceType": "Task", "status": "draft", "intent": "order", "for": subject}
    assert client.post("Task", refers).status == 201
    assert client.get("Task?subject=Patient/p1").found("Task") == []
    client.close()
    assert run(settings, "--all", "--base-url", "https://new.example.org").exit_code == 0
    moved = Client(replace(settings, base_url="https://new.example.org"))
    assert len(moved.get("Task?subject=Patient/p1").found("Task")) == 1
    moved.close()


def test_a_type_that_is_not_switched_on_is_refused(settings: Settings) -> None:
    told = run(settings, "--type", "Account")
    assert told.exit_code == 2
    assert "Account is not a type that is switched on" in told.output


def test_progress_says_how_far_it_is() -> None:
    progress = Progress(8)
    assert progress.line() == "0 of 8 resources (0 %), 0 a second, time left unknown"
    progress.add("Patient", 6)
    assert progress.line().startswith("6 of 8 resources (75 %), ")
    progress.add("Patient", 6)
    assert progress.line().startswith("12 of 12 resources (100 %), ")
    assert Progress(0).line().startswith("0 of 0 resources (100 %)")
