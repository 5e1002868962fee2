"""The Gravity coordination platform client, its requests as it sends them.

https://github.com/Gravity-SDOHCC/gravity-sdoh-coordination-platform-client
"""

import copy

import pytest

from tests.builders.actors import organization, reference
from tests.builders.codes import ORGANIZATION_TYPES, REFERRAL_TASK
from tests.builders.referrals import bundle, performed, procedure, put, service_request, task
from tests.http.client import Client, JsonObject
from tests.scenarios.network import ANA, FOOD_BANK, HUB, ROLE
from tests.scenarios.ruby_fhir_client import RubyClient

EHR = "https://ehr.example.org/fhir"


@pytest.fixture
def hub(network: Client) -> RubyClient:
    """The client, connected to a platform that an EHR has sent a Task with absolute references."""
    request = service_request("request", subject=ANA, requester=ROLE, supportingInfo=[reference("Consent/consent-ana")])
    incoming = task(
        "incoming", focus=request, subject=f"{EHR}/Patient/ana", requester=f"{EHR}/PractitionerRole/r", owner=HUB
    )
    assert network.post("", bundle("transaction", put(request), put(incoming))).status == 200
    return RubyClient(network)


def all_tasks(hub: RubyClient) -> tuple[list[JsonObject], list[JsonObject]]:
    """The two tables: Tasks of EHRs, and our own that are part of one."""
    found = hub.search("Task", _profile=REFERRAL_TASK, _sort="-_lastUpdated").resources
    return [t for t in found if "partOf" not in t], [t for t in found if "partOf" in t]


def accept(hub: RubyClient, owner: JsonObject = FOOD_BANK) -> JsonObject:
    """The accept button: the EHR's Task is accepted, its request copied as ours, and a Task made for the CBO."""
    incoming = hub.read("Task", "incoming").resource
    original = hub.read("ServiceRequest", "request").resource
    hub.update(copy.deepcopy(incoming) | {"status": "accepted"}, "incoming")
    mine = _copied(original) | {"intent": "original-order", "basedOn": [reference("ServiceRequest/request")]}
    request = hub.create(mine)
    child = _copied(incoming) | {
        "partOf": [reference("Task/incoming")],
        "status": "requested",
        "requester": incoming["owner"],
        "owner": reference(owner),
        "focus": reference(request),
    }
    return hub.create(child)


def test_cbos_are_listed_by_a_code_without_a_system(hub: RubyClient) -> None:
    hub.capability_statement()
    made = hub.create(organization(name="Newest Example CBO"))
    listed = hub.search("Organization", _sort="-_lastUpdated", type="cbo").resources
    assert listed[0]["id"] == made["id"]
    assert {o["id"] for o in listed} == {made["id"], "food-bank", "shelter"}
    assert all(o["type"][0]["coding"][0]["system"] == ORGANIZATION_TYPES for o in listed)


def test_the_queue_tells_incoming_from_own(hub: RubyClient) -> None:
    child = accept(hub)
    theirs, ours = all_tasks(hub)
    assert [t["id"] for t in theirs] == ["incoming"]
    assert [t["id"] for t in ours] == [child["id"]]
    assert theirs[0]["for"]["reference"] == f"{EHR}/Patient/ana"


def test_an_accepted_task_becomes_a_copy_for_the_cbo(hub: RubyClient) -> None:
    child = accept(hub)
    assert child["meta"]["versionId"] == "1"
    assert child["requester"] == reference(HUB)
    request = hub.read(*child["focus"]["reference"].split("/")).resource
    assert request["intent"] == "original-order"
    assert request["basedOn"] == [reference("ServiceRequest/request")]
    assert hub.read("Task", "incoming").resource["status"] == "accepted"


def test_a_task_is_rejected(hub: RubyClient) -> None:
    read = hub.read("Task", "incoming").resource
    answer = hub.update(read | {"status": "rejected", "statusReason": {"text": "Not ours"}}, "incoming")
    assert answer["status"] == "rejected"


def test_completion_copies_the_output_of_the_child(hub: RubyClient) -> None:
    child = accept(hub)
    done = hub.create(procedure(subject=ANA, based_on=child["focus"]["reference"]))
    finished = hub.update(child | {"status": "completed", "output": [performed(done)]}, child["id"])
    parent = hub.read("Task", "incoming").resource
    hub.update(parent | {"status": "in-progress"}, "incoming")
    answer = hub.update(parent | {"status": "completed", "output": finished["output"]}, "incoming")
    assert answer["output"] == finished["output"]
    assert hub.read(*answer["output"][0]["valueReference"]["reference"].split("/")).resource["id"] == done["id"]


def test_a_parent_without_a_child_is_completed_with_no_output(hub: RubyClient) -> None:
    read = hub.read("Task", "incoming").resource
    hub.update(read | {"status": "accepted"}, "incoming")
    assert "output" not in hub.update(read | {"status": "completed"}, "incoming")


@pytest.mark.parametrize("reason", ["", "No longer needed"])
def test_cancelling_copies_the_reason_or_has_none(hub: RubyClient, reason: str) -> None:
    child = accept(hub)
    why = {"statusReason": {"text": reason}} if reason else {}
    assert hub.update(child | {"status": "cancelled"} | why, child["id"])["status"] == "cancelled"
    parent = hub.read("Task", "incoming").resource
    answer = hub.update(parent | {"status": "cancelled"} | why, "incoming")
    assert answer.get("statusReason") == why.get("statusReason")


def test_each_row_reads_what_the_child_points_to(hub: RubyClient) -> None:
    accept(hub)
    (row,) = all_tasks(hub)[1]
    for pointer in (row["focus"], row["owner"], row["requester"], row["partOf"][0]):
        type_name, resource_id = pointer["reference"].split("/")
        assert hub.read(type_name, resource_id).resource["id"] == resource_id


def _copied(resource: JsonObject) -> JsonObject:
    """A copy as the client makes it: no id, the old meta kept."""
    return {name: copy.deepcopy(value) for name, value in resource.items() if name != "id"}
