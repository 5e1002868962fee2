"""The Gravity reference servers as peers: what HAPI's generic client sends for them.

The EHR server posts its Task to us as recipient and polls it; the coordination platform reads us as its EHR.
"""

import pytest

from tests.builders.actors import reference
from tests.builders.referrals import bundle, performed, procedure, put, service_request, task
from tests.http.client import Answer, Client, JsonObject
from tests.scenarios.network import ANA, CLINIC, FOOD_BANK, ROLE

EHR = "https://ehr.example.org/fhir"
READING = {
    "Accept-Charset": "utf-8",
    "Accept-Encoding": "gzip",
    "User-Agent": "HAPI-FHIR/8.4.0 (FHIR Client; FHIR 4.0.1/R4; apache)",
    "Accept": "application/fhir+xml;q=1.0, application/fhir+json;q=1.0, application/xml+fhir;q=0.9, "
    "application/json+fhir;q=0.9",
}
WRITING = READING | {"Content-Type": "application/fhir+json; charset=UTF-8"}


def send(client: Client, method: str, path: str, body: JsonObject | None = None) -> Answer:
    """One request of the generic client; both formats are acceptable to it, and JSON is what it gets."""
    answer = client.send(method, path, body, headers=READING if body is None else WRITING)
    assert answer.headers["Content-Type"].startswith("application/fhir+json")
    return answer


def incoming() -> JsonObject:
    """A Task whose references the EHR made absolute, but for its owner."""
    return task(
        focus=f"{EHR}/ServiceRequest/1",
        subject=f"{EHR}/Patient/2",
        requester=f"{EHR}/PractitionerRole/3",
        owner=FOOD_BANK,
        partOf=[reference(f"{EHR}/Task/4")],
    )


@pytest.mark.parametrize("prefer", ["", "return=representation"])
def test_an_ehr_posts_a_task_and_reads_its_id_from_the_body(network: Client, prefer: str) -> None:
    headers = WRITING | ({"Prefer": prefer} if prefer else {})
    answer = network.send("POST", "Task", incoming(), headers=headers)
    assert answer.status == 201
    body = answer.json
    assert body["id"]
    assert {name: body[name] for name in ("focus", "for", "requester", "partOf", "owner")} == {
        name: incoming()[name] for name in ("focus", "for", "requester", "partOf", "owner")
    }


def test_an_ehr_polls_the_task_cancels_it_and_sees_the_cancel(network: Client) -> None:
    made = send(network, "POST", "Task", incoming()).json
    polled = send(network, "GET", f"Task/{made['id']}").json
    assert polled == made
    cancelled = send(network, "PUT", f"Task/{made['id']}", polled | {"status": "cancelled"})
    assert (cancelled.status, cancelled.json["status"]) == (200, "cancelled")


def test_an_ehr_reads_the_procedure_behind_the_first_slash(network: Client) -> None:
    made = send(network, "POST", "Task", incoming()).json
    done = send(network, "POST", "Procedure", procedure(subject=ANA, based_on=f"{EHR}/ServiceRequest/1")).json
    for status in ("accepted", "in-progress"):
        send(network, "PUT", f"Task/{made['id']}", made | {"status": status})
    send(network, "PUT", f"Task/{made['id']}", made | {"status": "completed", "output": [performed(done)]})
    pointer = send(network, "GET", f"Task/{made['id']}").json["output"][0]["valueReference"]["reference"]
    after_the_slash = pointer.partition("/")[2]
    assert send(network, "GET", f"Procedure/{after_the_slash}").json["id"] == done["id"]


def test_a_platform_pulls_what_a_task_refers_to(network: Client) -> None:
    request = service_request("request", subject=ANA, requester=ROLE, supportingInfo=[reference("Consent/consent-ana")])
    assert send(network, "POST", "", bundle("transaction", put(request))).status == 200
    for path in (
        "Organization/food-bank",
        "Patient/ana",
        "PractitionerRole/doctor-at-clinic",
        "Organization/clinic",
        "Practitioner/doctor",
        "Consent/consent-ana",
    ):
        assert send(network, "GET", path).status == 200

    found = send(network, "GET", "ServiceRequest?_id=request&_include=ServiceRequest%3Asubject").json["entry"]
    assert [(e["search"]["mode"], e["resource"]["id"]) for e in found] == [("match", "request"), ("include", "ana")]
    assert found[0]["fullUrl"] == f"{network.base}/ServiceRequest/request"


def test_several_ids_at_once(network: Client) -> None:
    ids = [send(network, "POST", "Task", incoming()).json["id"] for _ in range(3)]
    found = send(network, "GET", f"Task?_id={'%2C'.join([*ids, 'unknown'])}")
    assert sorted(found.found("Task")) == sorted(ids)


def test_absolute_and_relative_references_to_ourselves_are_one(network: Client) -> None:
    own = f"{network.base}/Organization/clinic"
    send(network, "POST", "Task", incoming() | {"requester": {"reference": own}})
    send(network, "POST", "Task", incoming() | {"requester": reference(CLINIC)})
    send(network, "POST", "Task", incoming())
    for value in (own, "Organization/clinic", "clinic"):
        assert len(send(network, "GET", f"Task?requester={value}").found("Task")) == 2
    assert len(send(network, "GET", f"Task?requester={EHR}/PractitionerRole/3").found("Task")) == 1


def test_each_read_can_be_asked_with_head(network: Client) -> None:
    read = network.send("GET", "Patient/ana", headers=READING)
    head = network.send("HEAD", "Patient/ana", headers=READING)
    assert (head.status, head.text) == (200, "")
    for name in ("ETag", "Last-Modified", "Content-Type"):
        assert head.headers[name] == read.headers[name]
    assert network.send("HEAD", "Patient/nobody", headers=READING).status == 404
