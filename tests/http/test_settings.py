"""Settings that change what the RESTful API does."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from fhir_server.settings import Settings
from tests.http.client import Client

PATIENT = {"resourceType": "Patient", "id": "p1"}
TASK = {"resourceType": "Task", "status": "draft", "intent": "order", "for": {"reference": "Patient/p1"}}
Make = Callable[..., Client]


@pytest.fixture
def make(database_url: str, tmp_path: Path) -> Iterator[Make]:
    """Clients of servers with other settings."""
    base = Settings(database=database_url, access="open", journal_folder=str(tmp_path / "journals"))
    made: list[Client] = []

    def client(**changed: Any) -> Client:
        made.append(Client(replace(base, **changed)))
        return made[-1]

    yield client
    for one in made:
        one.close()


def test_without_update_as_create_the_server_chooses_ids(make: Make) -> None:
    client = make(update_as_create=False)
    assert client.put("Patient/p1", PATIENT).status == 404
    made = client.post("Patient", PATIENT).json["id"]
    assert client.put(f"Patient/{made}", PATIENT | {"id": made}).status == 200
    claimed = client.get("metadata").json["rest"][0]["resource"]
    assert {r.get("updateCreate") for r in claimed} <= {False, None}


def test_with_reference_integrity_references_must_lead_somewhere(make: Make) -> None:
    client = make(reference_integrity=True)
    refused = client.post("Task", TASK)
    assert (refused.status, refused.json["issue"][0]["code"]) == (422, "not-found")
    client.put("Patient/p1", PATIENT)
    assert client.post("Task", TASK).status == 201
    assert client.delete("Patient/p1").status == 409
    elsewhere = TASK | {"for": {"reference": "https://elsewhere.example/fhir/Patient/p1"}}
    assert client.post("Task", elsewhere).status == 201


def test_integrity_counts_what_the_same_transaction_makes(make: Make) -> None:
    client = make(reference_integrity=True)
    entries = [
        {"fullUrl": "urn:uuid:11111111-1111-4111-8111-111111111111", "resource": {"resourceType": "Patient"},
         "request": {"method": "POST", "url": "Patient"}},
        {"resource": TASK | {"for": {"reference": "urn:uuid:11111111-1111-4111-8111-111111111111"}},
         "request": {"method": "POST", "url": "Task"}},
    ]  # fmt: skip
    answer = client.post("", {"resourceType": "Bundle", "type": "transaction", "entry": entries})
    assert answer.status == 200, answer.text


def test_a_second_opinion_can_be_asked_for(make: Make) -> None:
    client = make(second_opinion=True)
    assert client.put("Patient/p1", PATIENT).status == 201
    assert client.post("Task", TASK).status == 201


def test_unknown_parameters_can_be_ignored_for_good(make: Make) -> None:
    client = make(unknown_parameters="ignore")
    client.put("Patient/p1", PATIENT)
    answer = client.get("Patient?shoe=1")
    assert answer.status == 200
    assert [e["search"]["mode"] for e in answer.json["entry"]] == ["match", "outcome"]
    assert answer.json["link"][0]["url"].endswith("/fhir/Patient")
    assert client.get("Patient?shoe=1", Prefer="handling=strict").status == 400


def test_limits_are_settings(make: Make) -> None:
    client = make(max_body_bytes=100, max_entries=1, max_depth=4, max_issues=2)
    assert client.post("Patient", {"resourceType": "Patient", "name": [{"text": "x" * 100}]}).status == 413
    assert client.post("Patient", {"resourceType": "Patient", "a": [{"b": [{}]}]}).status == 400
    assert len(client.post("Patient", {"resourceType": "Patient", "a": 1, "b": 1, "c": 1}).json["issue"]) == 3
    assert client.post("", {"resourceType": "Bundle", "type": "batch", "entry": [{}, {}]}).status == 400
