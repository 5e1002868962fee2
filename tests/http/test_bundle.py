"""batch and transaction: https://hl7.org/fhir/R4/http.html#transaction ."""

from typing import Any

import pytest

from tests.http.client import Client

ONE = "urn:uuid:11111111-1111-4111-8111-111111111111"
TWO = "urn:uuid:22222222-2222-4222-8222-222222222222"


def entry(method: str, url: str, resource: Any = None, full_url: str = "", **request: str) -> dict[str, Any]:
    made: dict[str, Any] = {"request": {"method": method, "url": url} | request}
    if resource is not None:
        made["resource"] = resource
    return ({"fullUrl": full_url} if full_url else {}) | made


def bundle(kind: str, *entries: dict[str, Any]) -> dict[str, Any]:
    return {"resourceType": "Bundle", "type": kind, "entry": list(entries)}


def patient(**more: Any) -> dict[str, Any]:
    return {"resourceType": "Patient"} | more


def task(reference: str, **more: Any) -> dict[str, Any]:
    return {"resourceType": "Task", "status": "requested", "intent": "order", "for": {"reference": reference}} | more


def statuses(answer: Any) -> list[str]:
    return [e["response"]["status"][:3] for e in answer.json["entry"]]


def test_a_transaction_links_its_entries_and_answers_in_their_order(client: Client) -> None:
    narrative = f'<div xmlns="http://www.w3.org/1999/xhtml"><a href="{ONE}">who</a></div>'
    answer = client.post("", bundle(
        "transaction",
        entry("POST", "Task", task(ONE, text={"status": "generated", "div": narrative}), TWO),
        entry("GET", "Patient/p9"),
        entry("POST", "Patient", patient(active=True), ONE),
        entry("PUT", "Patient/p9", patient(id="p9"), f"{client.base}/Patient/p9"),
    ))  # fmt: skip
    assert answer.status == 200, answer.text
    assert answer.json["type"] == "transaction-response"
    assert statuses(answer) == ["201", "200", "201", "201"]
    made, read, person, _ = answer.json["entry"]
    target = f"Patient/{person['resource']['id']}"
    assert made["resource"]["for"]["reference"] == target
    assert f'href="{target}"' in made["resource"]["text"]["div"]
    assert read["resource"]["id"] == "p9"
    assert made["response"]["location"] == f"{client.base}/Task/{made['resource']['id']}/_history/1"
    assert client.get(f"Task/{made['resource']['id']}").json["for"]["reference"] == target


def test_a_versioned_reference_to_an_entry_keeps_its_version(client: Client) -> None:
    answer = client.post("", bundle(
        "transaction",
        entry("POST", "Patient", patient(), f"{client.base}/Patient/old"),
        entry("POST", "Task", task("Patient/old/_history/1"), TWO),
    ))  # fmt: skip
    person, made = answer.json["entry"]
    assert made["resource"]["for"]["reference"] == f"Patient/{person['resource']['id']}/_history/1"


def test_one_bad_entry_rolls_everything_back(client: Client) -> None:
    answer = client.post("", bundle(
        "transaction",
        entry("PUT", "Patient/p1", patient(id="p1")),
        entry("POST", "Task", {"resourceType": "Task", "status": "nonsense", "intent": "order"}, TWO),
    ))  # fmt: skip
    assert answer.status == 400
    assert answer.json["issue"][0]["expression"][0] == "Bundle.entry[1].resource.status"
    assert client.get("Patient/p1").status == 404
    late = client.post("", bundle(
        "transaction", entry("PUT", "Patient/p1", patient(id="p1")), entry("GET", "Patient/nobody"),
    ))  # fmt: skip
    assert late.status == 404
    assert client.get("Patient/p1").status == 404


def test_a_stale_if_match_rolls_back(client: Client) -> None:
    client.put("Patient/p1", patient(id="p1"))
    answer = client.post("", bundle(
        "transaction",
        entry("PUT", "Patient/p2", patient(id="p2")),
        entry("PUT", "Patient/p1", patient(id="p1"), ifMatch='W/"7"'),
    ))  # fmt: skip
    assert answer.status == 412
    assert client.get("Patient/p2").status == 404


@pytest.mark.parametrize("kind", ["PUT", "DELETE", "PATCH"])
def test_two_changes_of_one_resource_are_refused(client: Client, kind: str) -> None:
    client.put("Patient/p1", patient(id="p1"))
    parts = {"type": "add", "path": "Patient", "name": "active"}
    operation = [{"name": n, ("valueCode" if n == "type" else "valueString"): v} for n, v in parts.items()]
    operation.append({"name": "value", "valueBoolean": True})
    patch = {"resourceType": "Parameters", "parameter": [{"name": "operation", "part": operation}]}
    second = {
        "PUT": entry("PUT", "Patient/p1", patient(id="p1")),
        "DELETE": entry("DELETE", "Patient/p1"),
        "PATCH": entry("PATCH", "Patient/p1", patch),
    }[kind]
    answer = client.post("", bundle("transaction", entry("PUT", "Patient/p1", patient(id="p1")), second))
    assert answer.status == 400, answer.text
    assert client.get("Patient/p1").etag == 'W/"1"'


def test_conditional_create_and_conditional_references(client: Client) -> None:
    identifier = [{"system": "urn:x", "value": "1"}]
    first = client.post("Patient", patient(identifier=identifier)).json["id"]
    answer = client.post("", bundle(
        "transaction",
        entry("POST", "Patient", patient(identifier=identifier), ONE, ifNoneExist="identifier=urn:x|1"),
        entry("POST", "Task", task(ONE), TWO),
        entry("POST", "Task", task("Patient?identifier=urn:x|1")),
    ))  # fmt: skip
    assert answer.status == 200, answer.text
    assert statuses(answer) == ["200", "201", "201"]
    assert [e["resource"]["for"]["reference"] for e in answer.json["entry"][1:]] == [f"Patient/{first}"] * 2
    missing = client.post("", bundle("transaction", entry("POST", "Task", task("Patient?identifier=urn:x|none"))))
    assert missing.status == 412


def test_all_verbs_in_the_standards_order(client: Client) -> None:
    for name in ("p1", "p2", "p3"):
        client.put(f"Patient/{name}", patient(id=name))
    patch = {"resourceType": "Binary", "contentType": "application/json-patch+json",
             "data": "W3sib3AiOiJhZGQiLCJwYXRoIjoiL2FjdGl2ZSIsInZhbHVlIjp0cnVlfV0="}  # fmt: skip
    answer = client.post("", bundle(
        "transaction",
        entry("GET", "Patient/p2"),
        entry("PATCH", "Patient/p2", patch),
        entry("PUT", "Patient/p3", patient(id="p3", active=False)),
        entry("POST", "Patient", patient()),
        entry("DELETE", "Patient/p1"),
        entry("GET", "Patient?_id=p1,p2"),
    ))  # fmt: skip
    assert answer.status == 200, answer.text
    assert statuses(answer) == ["200", "200", "200", "201", "204", "200"]
    assert answer.json["entry"][0]["resource"]["active"] is True
    assert [e["resource"]["id"] for e in answer.json["entry"][5]["resource"]["entry"]] == ["p2"]


def test_a_batch_answers_each_entry_by_itself(client: Client) -> None:
    answer = client.post("", bundle(
        "batch",
        entry("GET", "Patient/p1"),
        entry("PUT", "Patient/p1", patient(id="p1")),
        entry("POST", "Patient", {"resourceType": "Patient", "shoe": 1}),
        entry("GET", "Patient/nobody"),
        entry("POST", "/", bundle("batch")),
        entry("GET", "http://elsewhere.example/Patient/p1"),
        {"resource": patient()},
    ))  # fmt: skip
    assert answer.status == 200
    assert answer.json["type"] == "batch-response"
    assert statuses(answer) == ["200", "201", "400", "404", "400", "400", "400"]
    assert client.get("Patient/p1").status == 200


@pytest.mark.parametrize(
    "body",
    [
        {"resourceType": "Bundle", "type": "collection"},
        {"resourceType": "Bundle"},
        {"resourceType": "Patient"},
        [],
        {"resourceType": "Bundle", "type": "batch", "entry": {}},
        {"resourceType": "Bundle", "type": "transaction", "entry": [{"request": {"method": "SING", "url": "Patient"}}]},
        {"resourceType": "Bundle", "type": "transaction", "entry": [{"request": {"method": "POST"}}]},
        {"resourceType": "Bundle", "type": "transaction", "entry": [{"request": {"method": "POST", "url": "Patient"}}]},
        {"resourceType": "Bundle", "type": "transaction", "entry": [entry("POST", "Patient", patient(), ONE)] * 2},
        {"resourceType": "Bundle", "type": "transaction", "entry": [entry("POST", "../oauth/token", patient())]},
        {"resourceType": "Bundle", "type": "transaction", "entry": [entry("PUT", "//evil/Patient/1", patient(id="1"))]},
    ],
)
def test_malformed_bundles_are_refused(client: Client, body: Any) -> None:
    answer = client.post("", body)
    assert answer.status in {400, 404}, answer.text
    assert answer.json["resourceType"] == "OperationOutcome"


def test_an_empty_bundle_is_fine(client: Client) -> None:
    for kind in ("batch", "transaction"):
        assert client.post("", {"resourceType": "Bundle", "type": kind}).json["type"] == f"{kind}-response"


def test_too_many_entries_are_refused_whole(client: Client) -> None:
    answer = client.post("", bundle("batch", *[entry("GET", "Patient/p1")] * 2_001))
    assert answer.status == 400
