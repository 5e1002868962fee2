"""Conditional create, update, patch and delete: https://hl7.org/fhir/R4/http.html#ccreate ."""

from typing import Any

from tests.http.client import Client


def patient(number: int, **more: Any) -> dict[str, Any]:
    return {"resourceType": "Patient", "identifier": [{"system": "urn:x", "value": str(number)}], **more}


def test_conditional_create_makes_one(client: Client) -> None:
    first = client.post("Patient", patient(1), If_None_Exist="identifier=urn:x|1")
    again = client.post("Patient", patient(1), If_None_Exist="identifier=urn:x|1")
    assert (first.status, again.status) == (201, 200)
    assert again.json["id"] == first.json["id"]
    assert again.etag == 'W/"1"'
    client.post("Patient", patient(1))
    assert client.post("Patient", patient(1), If_None_Exist="identifier=urn:x|1").status == 412


def test_criteria_that_select_nothing_in_particular_are_refused(client: Client) -> None:
    assert client.post("Patient", patient(1), If_None_Exist="identifier=").status == 412
    assert client.delete("Patient").status == 412
    assert client.delete("Patient?shoe=1").status == 400


def test_conditional_update_by_number_of_matches(client: Client) -> None:
    created = client.put("Patient?identifier=urn:x|1", patient(1))
    assert created.status == 201
    found = created.json["id"]
    updated = client.put("Patient?identifier=urn:x|1", patient(1, active=True))
    assert (updated.status, updated.json["id"], updated.etag) == (200, found, 'W/"2"')
    assert client.put("Patient?identifier=urn:x|1", patient(1, id="other")).status == 400
    assert client.put("Patient?identifier=urn:x|9", patient(9, id=found)).status == 409
    assert client.put("Patient?identifier=urn:x|8", patient(8, id="eight")).json["id"] == "eight"
    client.post("Patient", patient(1))
    assert client.put("Patient?identifier=urn:x|1", patient(1)).status == 412


def test_conditional_delete_by_number_of_matches(client: Client) -> None:
    assert client.delete("Patient?identifier=urn:x|1").status == 204
    made = client.post("Patient", patient(1)).json["id"]
    assert client.delete("Patient?identifier=urn:x|1").status == 204
    assert client.get(f"Patient/{made}").status == 410
    client.post("Patient", patient(2))
    client.post("Patient", patient(2))
    assert client.delete("Patient?identifier=urn:x|2").status == 412


def test_conditional_patch(client: Client) -> None:
    operations = [{"op": "add", "path": "/active", "value": True}]
    kind = "application/json-patch+json"
    assert client.patch("Patient?identifier=urn:x|1", operations, content_type=kind).status == 404
    client.post("Patient", patient(1))
    answer = client.patch("Patient?identifier=urn:x|1", operations, content_type=kind)
    assert (answer.status, answer.json["active"]) == (200, True)
