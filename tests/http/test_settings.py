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


def bundle(*entries: tuple[str, str, Any]) -> dict[str, Any]:
    made = [
        {"request": {"method": method, "url": url}} | ({} if body is None else {"resource": body})
        for method, url, body in entries
    ]
    return {"resourceType": "Bundle", "type": "transaction", "entry": made}


def test_integrity_counts_what_the_same_transaction_deletes_and_rewrites(make: Make) -> None:
    client = make(reference_integrity=True)
    task = TASK | {"id": "t1"}
    free = {k: v for k, v in task.items() if k != "for"}
    client.put("Patient/p1", PATIENT)
    client.put("Task/t1", task)
    gone = ("DELETE", "Patient/p1", None)
    for refused, status in (
        (bundle(gone), 409),
        (bundle(gone, ("PUT", "Task/t1", task)), 422),
        (bundle(gone, ("POST", "Task", TASK), ("DELETE", "Task/t1", None)), 422),
    ):
        assert client.post("", refused).status == status
    for first in (
        (gone, ("DELETE", "Task/t1", None)),
        (("DELETE", "Task/t1", None), gone),
        (gone, ("PUT", "Task/t1", free)),
    ):
        answer = client.post("", bundle(*first))
        assert answer.status == 200, answer.text
        assert client.get("Patient/p1").status == 410
        client.put("Patient/p1", PATIENT)
        assert client.put("Task/t1", task).status in {200, 201}
    swap = bundle(("DELETE", "Patient/p1", None), ("PUT", "Patient/p2", PATIENT | {"id": "p2"}),
                  ("PUT", "Task/t1", task | {"for": {"reference": "Patient/p2"}}))  # fmt: skip
    assert client.post("", swap).status == 200


def test_integrity_on_update_patch_and_delete(make: Make) -> None:
    client = make(reference_integrity=True)
    client.put("Patient/p1", PATIENT)
    client.put("Task/t1", TASK | {"id": "t1"})
    assert client.put("Task/t1", TASK | {"id": "t1", "status": "requested"}).status == 200
    lost = [{"op": "replace", "path": "/for/reference", "value": "Patient/p2"}]
    assert client.patch("Task/t1", lost, content_type="application/json-patch+json").status == 422
    assert client.delete("Patient/p1").status == 409
    released = [{"op": "remove", "path": "/for"}]
    assert client.patch("Task/t1", released, content_type="application/json-patch+json").status == 200
    assert client.delete("Patient/p1").status == 204
    assert client.put("Task/t1", TASK | {"id": "t1"}).status == 422
    own = PATIENT | {"id": "p3", "link": [{"other": {"reference": "Patient/p3"}, "type": "refer"}]}
    assert client.put("Patient/p3", own).status == 201
    assert client.delete("Patient/p3").status == 204
    for free in (
        "Patient/p1/_history/1",
        "http://elsewhere.example/fhir/Patient/x",
        "urn:uuid:11111111-1111-4111-8111-111111111111",
        "Consent/",
    ):
        status = 422 if free.startswith("Patient") else 201
        assert client.post("Task", TASK | {"for": {"reference": free}}).status == status, free


def test_a_second_opinion_is_asked_on_single_writes_only(make: Make) -> None:
    client = make(second_opinion=True)
    # Evidence of R4, which the models of R4B do not know.
    evidence = {"resourceType": "Evidence", "id": "e", "status": "draft",
                "exposureBackground": {"reference": "EvidenceVariable/v"}}  # fmt: skip
    contested = PATIENT | {"contained": [evidence], "generalPractitioner": [{"reference": "#e"}]}
    assert client.put("Patient/p1", contested).status == 400
    for kind in ("batch", "transaction"):
        answer = client.post("", bundle(("PUT", "Patient/p1", contested)) | {"type": kind})
        assert answer.json["entry"][0]["response"]["status"][:3] in {"200", "201"}, answer.text


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
