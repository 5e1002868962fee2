"""`fhir-server import`: what arrives in the database, and what is said about what does not."""

import gc
import gzip
import json
from collections.abc import Sequence
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from fhir_server.cli.main import main
from fhir_server.settings import Settings
from tests.builders.actors import JsonObject, organization, patient, reference
from tests.builders.referrals import bundle, post, put, service_request
from tests.http.client import Client


@pytest.fixture
def settings(database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    """A database, and its journals beside the test's files."""
    monkeypatch.setenv("FHIR_SERVER_JOURNAL_FOLDER", str(tmp_path / "journals"))
    return Settings(database=database_url, access="open", journal_folder=str(tmp_path / "journals"))


@pytest.fixture
def ndjson(tmp_path: Path) -> Path:
    """Where a test puts its lines."""
    return tmp_path / "people.ndjson"


def run(settings: Settings, *arguments: str | Path) -> Result:
    """Run the command as a user would type it."""
    given = ["import", *map(str, arguments), "--database", settings.database]
    return CliRunner().invoke(main, given, catch_exceptions=False)


def write(path: Path, resources: Sequence[JsonObject | str]) -> None:
    """One line each."""
    path.write_text("".join(f"{r if isinstance(r, str) else json.dumps(r)}\n" for r in resources))


def read(settings: Settings, *paths: str) -> list[JsonObject]:
    """What the server answers for some paths."""
    client = Client(settings)
    answers = [client.get(path) for path in paths]
    client.close()
    assert [a.status for a in answers] == [200] * len(paths)
    return [a.json for a in answers]


def test_resources_keep_their_ids_and_are_found(settings: Settings, ndjson: Path) -> None:
    write(ndjson, [patient(f"p{n}", family=f"Testperson{n}") for n in range(25)])
    done = run(settings, ndjson, "--unit", "10")
    assert done.exit_code == 0, done.output
    assert "25 resources stored" in done.stdout
    (found,) = read(settings, "Patient?family=testperson7")
    assert [e["resource"]["id"] for e in found["entry"]] == ["p7"]
    assert found["entry"][0]["resource"]["meta"]["versionId"] == "1"


def test_loading_again_makes_next_versions(settings: Settings, ndjson: Path) -> None:
    write(ndjson, [patient("p1"), organization("o1"), patient("p1", given="Bela")])
    assert run(settings, ndjson).exit_code == 0
    assert run(settings, ndjson).exit_code == 0
    (person, company) = read(settings, "Patient/p1", "Organization/o1")
    assert (person["meta"]["versionId"], company["meta"]["versionId"]) == ("4", "2")
    assert person["name"][0]["given"] == ["Bela"]


def test_a_bad_line_is_named_with_its_place_and_stops_nobody(settings: Settings, ndjson: Path) -> None:
    bad = patient("p2", gender="unheard-of", birthDate="1980-02-30")
    write(ndjson, [patient("p1"), bad, "{not json", "[]", '{"resourceType":"Nothing","id":"x"}', "", patient("p3")])
    done = run(settings, ndjson)
    assert done.exit_code == 1
    assert "2 resources stored" in done.stdout
    assert f"{ndjson}:2: Patient.gender: " in done.stderr
    assert f"{ndjson}:2: Patient.birthDate: " in done.stderr
    assert {line.split(":")[1] for line in done.stderr.splitlines() if line.startswith(str(ndjson))} == {
        "2",
        "3",
        "4",
        "5",
    }
    assert "unheard-of" not in done.output
    read(settings, "Patient/p1", "Patient/p3")


def test_strict_stores_nothing_of_a_unit_with_a_problem(settings: Settings, ndjson: Path) -> None:
    write(
        ndjson, [patient("p1"), patient("p2"), patient("p3"), patient("p4", gender="x"), patient("p5"), patient("p6")]
    )
    done = run(settings, ndjson, "--strict", "--unit", "2")
    assert done.exit_code == 1
    assert "2 resources stored" in done.stdout
    (found,) = read(settings, "Patient")
    assert {e["resource"]["id"] for e in found["entry"]} == {"p1", "p2"}


def test_a_bundle_is_loaded_with_its_references(settings: Settings, tmp_path: Path) -> None:
    who = "urn:uuid:0c3151bd-1cbf-4d64-b04d-cd9187a4c6e0"
    request = service_request(subject=who, requester="Organization/o1")
    loaded = bundle("transaction", post(patient(), who), put(organization("o1")), post(request))
    path = tmp_path / "bundle.json"
    path.write_text(json.dumps(loaded, indent=2))
    done = run(settings, path)
    assert done.exit_code == 0, done.output
    people, requests = read(settings, "Patient", "ServiceRequest")
    made = people["entry"][0]["resource"]
    assert requests["entry"][0]["resource"]["subject"] == reference(made)


def test_a_collection_in_a_packed_file(settings: Settings, tmp_path: Path) -> None:
    path = tmp_path / "collections.ndjson.gz"
    lines = [json.dumps(bundle("collection", {"resource": patient(f"p{n}")})) for n in range(3)]
    path.write_bytes(gzip.compress("\n".join(lines).encode()))
    assert run(settings, path).exit_code == 0
    read(settings, "Patient/p0", "Patient/p1", "Patient/p2")


def test_a_conditional_entry_meets_what_is_there(settings: Settings, tmp_path: Path) -> None:
    path = tmp_path / "clinics.ndjson"
    identifier = [{"system": "http://example.org/ids", "value": "7"}]
    one = post(organization(identifier=identifier), ifNoneExist="identifier=http://example.org/ids|7")
    write(path, [bundle("batch", one), bundle("batch", one)])
    assert run(settings, path, "--unit", "1").exit_code == 0
    (found,) = read(settings, "Organization")
    assert len(found["entry"]) == 1


def test_bundles_that_do_more_than_store_are_refused(settings: Settings, ndjson: Path) -> None:
    gone = {"request": {"method": "DELETE", "url": "Patient/p1"}}
    both = bundle("transaction", put(patient("p1")), {"resource": patient("p2", gender="x"), **gone})
    write(
        ndjson,
        [
            bundle("transaction", gone),
            bundle("searchset"),
            both,
            bundle("collection", {"resource": patient("p9", gender="x")}),
        ],
    )
    done = run(settings, ndjson)
    assert done.exit_code == 1
    assert "0 resources stored" in done.stdout
    assert f"{ndjson}:1: Bundle.entry[0]: " in done.stderr
    assert f"{ndjson}:2: Bundle.type: " in done.stderr
    assert f"{ndjson}:3: Bundle.entry[1].request: " in done.stderr
    assert f"{ndjson}:4: Bundle.entry[0].resource.gender: " in done.stderr


def test_several_processes_load_what_one_would(settings: Settings, ndjson: Path) -> None:
    write(ndjson, [patient(f"p{n}") for n in range(60)] + [patient("bad", gender="x")])
    done = run(settings, ndjson, "--jobs", "2", "--unit", "10")
    assert done.exit_code == 1
    assert "60 resources stored" in done.stdout
    assert f"{ndjson}:61: Patient.gender: " in done.stderr
    (found,) = read(settings, "Patient?_count=100&_total=accurate")
    assert found["total"] == 60


def test_the_collector_is_left_as_it_was_found(settings: Settings, ndjson: Path) -> None:
    write(ndjson, [patient("p")])
    before = gc.get_threshold(), gc.get_freeze_count()
    assert run(settings, ndjson).exit_code == 0
    assert (gc.get_threshold(), gc.get_freeze_count()) == before
