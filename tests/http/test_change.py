"""create, update and delete: https://hl7.org/fhir/R4/http.html#create ."""

from typing import Any

import pytest

from tests.http.client import Client

PATIENT: dict[str, Any] = {"resourceType": "Patient", "active": True}


def test_create_chooses_the_id_and_ignores_the_clients(client: Client) -> None:
    sent = PATIENT | {
        "id": "mine",
        "meta": {"versionId": "41", "lastUpdated": "1999-01-01T00:00:00Z", "profile": ["http://x"]},
    }
    answer = client.post("Patient", sent)
    assert answer.status == 201
    stored = answer.json
    assert stored["id"] != "mine"
    assert stored["meta"]["versionId"] == "1"
    assert not stored["meta"]["lastUpdated"].startswith("1999")
    assert stored["meta"]["profile"] == ["http://x"]
    assert answer.headers["Location"] == f"{client.base}/Patient/{stored['id']}/_history/1"
    assert answer.etag == 'W/"1"'
    assert client.get(f"Patient/{stored['id']}").text == answer.text


def test_update_makes_a_version_each_time_also_of_the_same(client: Client) -> None:
    body = PATIENT | {"id": "p1"}
    assert client.put("Patient/p1", body).status == 201
    for version in (2, 3):
        answer = client.put("Patient/p1", body)
        assert (answer.status, answer.etag) == (200, f'W/"{version}"')


def test_if_match_guards_against_lost_updates(client: Client) -> None:
    body = PATIENT | {"id": "p1"}
    client.put("Patient/p1", body)
    assert client.put("Patient/p1", body, If_Match='W/"1"').status == 200
    stale = client.put("Patient/p1", body, If_Match='W/"1"')
    assert stale.status == 412
    assert stale.json["issue"][0]["severity"] == "error"
    assert client.put("Patient/p2", body | {"id": "p2"}, If_Match='W/"1"').status == 412
    assert client.put("Patient/p1", body, If_Match="nonsense").status == 400
    assert client.put("Patient/p1", body, If_Match='W/"²"').status == 412
    assert client.delete("Patient/p1", If_Match='W/"1"').status == 412
    assert client.delete("Patient/p1", If_Match='W/"2"').status == 204


def test_delete_is_idempotent_and_put_revives_with_the_next_version(client: Client) -> None:
    body = PATIENT | {"id": "p1"}
    assert client.delete("Patient/p1").status == 204
    client.put("Patient/p1", body)
    assert client.delete("Patient/p1").etag == 'W/"2"'
    assert client.delete("Patient/p1").status == 204
    revived = client.put("Patient/p1", body)
    assert (revived.status, revived.etag) == (201, 'W/"3"')
    assert client.get("Patient/p1").status == 200


@pytest.mark.parametrize(
    ("path", "body", "status"),
    [
        ("Patient/p1", {"resourceType": "Patient", "id": "p2"}, 400),
        ("Patient/p1", {"resourceType": "Patient"}, 400),
        ("Patient/p1", {"resourceType": "Task", "id": "p1"}, 400),
        ("Patient/a_b", {"resourceType": "Patient", "id": "a_b"}, 400),
        ("Patient/p1", [], 400),
        ("Patient/p1", "[", 400),
        ("Patient/p1", '{"resourceType":"Patient","id":"p1","active":true,"active":false}', 400),
        ("Patient/p1", {"resourceType": "Patient", "id": "p1", "shoe": 1}, 400),
        ("Patient/p1", {"resourceType": "Patient", "id": "p1", "birthDate": "1970-02-31"}, 400),
        ("Patient/p1", {"resourceType": "Patient", "id": "p1", "gender": "x"}, 400),
        ("AuditEvent/p1", {"resourceType": "AuditEvent", "id": "p1"}, 404),
        ("Subscription/p1", {"resourceType": "Subscription", "id": "p1"}, 404),
    ],
)
def test_what_does_not_fit_is_refused_and_changes_nothing(client: Client, path: str, body: Any, status: int) -> None:
    answer = client.put(path, body)
    assert answer.status == status, answer.text
    assert answer.json["issue"][0]["severity"] == "error"
    assert client.get("Patient/p1").status == 404


def test_all_problems_are_told_with_their_places_and_without_content(client: Client) -> None:
    answer = client.post("Patient", PATIENT | {"birthDate": "SECRET-1", "gender": "SECRET-2", "name": [{"family": 7}]})
    assert answer.status == 400
    places = {issue["expression"][0] for issue in answer.json["issue"]}
    assert {"Patient.birthDate", "Patient.gender", "Patient.name[0].family"} <= places
    assert "SECRET" not in answer.text


def test_more_problems_than_the_limit_are_counted(client: Client) -> None:
    answer = client.post("Patient", PATIENT | {"name": [{"family": 7}] * 250})
    assert answer.status == 400
    issues = answer.json["issue"]
    assert len(issues) == 101
    assert "150" in issues[-1]["diagnostics"]


def test_prefer_decides_what_comes_back(client: Client) -> None:
    minimal = client.post("Patient", PATIENT, Prefer="return=minimal")
    assert (minimal.status, minimal.text) == (201, "")
    assert minimal.headers["Location"].startswith(f"{client.base}/Patient/")
    outcome = client.post("Patient", PATIENT, Prefer="return=OperationOutcome")
    assert outcome.json["resourceType"] == "OperationOutcome"
    assert client.post("Patient", PATIENT, Prefer="return=representation").json["resourceType"] == "Patient"


def test_an_incomplete_reference_is_stored_as_sent(client: Client) -> None:
    request = {
        "resourceType": "ServiceRequest", "status": "active", "intent": "order",
        "subject": {"reference": "Patient/p1"}, "supportingInfo": [{"reference": "Consent/"}],
    }  # fmt: skip
    answer = client.post("ServiceRequest", request)
    assert answer.status == 201, answer.text
    assert answer.json["supportingInfo"] == [{"reference": "Consent/"}]


def test_verbs_that_are_not_offered_are_405_with_allow(client: Client) -> None:
    for method, path in (("DELETE", "metadata"), ("POST", "Patient/p1"), ("PUT", ""), ("TRACE", "Patient/p1")):
        answer = client.send(method, path)
        assert answer.status == 405, (method, path)
        assert answer.headers["Allow"]


def test_numbers_come_back_as_they_were_written(client: Client) -> None:
    text = (
        '{"resourceType":"Observation","id":"o1","status":"final","code":{"text":"x"},'
        '"valueQuantity":{"value":1.10,"unit":"kg"}}'
    )
    assert client.put("Observation/o1", text).status == 201
    assert '"value":1.10,' in client.get("Observation/o1").text
