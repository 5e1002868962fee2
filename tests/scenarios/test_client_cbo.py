"""The Gravity CBO client (a light recipient), its requests as it sends them.

https://github.com/Gravity-SDOHCC/gravity-sdoh-cbo-client
"""

import copy

import pytest

from tests.builders.actors import healthcare_service
from tests.builders.codes import CAPACITY_STATUS, REFERRAL_TASK
from tests.builders.referrals import bundle, performed, procedure, put, service_request, task
from tests.http.client import Client, JsonObject
from tests.scenarios.network import ANA, FOOD_BANK, ROLE, SHELTER
from tests.scenarios.ruby_fhir_client import RubyClient


@pytest.fixture
def cbo(network: Client) -> RubyClient:
    """The client, connected to an EHR that has sent two referrals to the food bank and one to the shelter."""
    sent = []
    for number, owner in enumerate((FOOD_BANK, FOOD_BANK, SHELTER), start=1):
        request = service_request(
            f"request-{number}", subject=ANA, requester=ROLE, supportingInfo=[{"reference": "Consent/consent-ana"}]
        )
        sent += [put(request), put(task(f"task-{number}", focus=request, subject=ANA, requester=ROLE, owner=owner))]
    assert network.post("", bundle("transaction", *sent)).status == 200
    return RubyClient(network)


def requests(cbo: RubyClient, organization_id: str = "food-bank") -> list[JsonObject]:
    """The screen of requests."""
    found = cbo.search("Task", _profile=REFERRAL_TASK, _sort="-_lastUpdated", owner=f"Organization/{organization_id}")
    return found.resources


def set_status(cbo: RubyClient, task_id: str, status: str, reason: str = "") -> JsonObject:
    """The status form: the Task as read some time ago, sent back changed, its meta stale."""
    read = cbo.read("Task", task_id).resource
    cbo.read(*read["focus"]["reference"].split("/"))
    changed = copy.deepcopy(read) | {"status": status} | ({"statusReason": {"text": reason}} if reason else {})
    return cbo.update(changed, task_id)


def test_choosing_an_organization(cbo: RubyClient) -> None:
    cbo.capability_statement()
    assert {o["id"] for o in cbo.read("Organization", None).resources} >= {"food-bank", "shelter", "clinic"}


def test_requests_of_one_organization_come_newest_first(cbo: RubyClient) -> None:
    assert {t["id"] for t in requests(cbo)} == {"task-1", "task-2"}
    set_status(cbo, "task-1", "accepted")
    assert [t["id"] for t in requests(cbo)] == ["task-1", "task-2"]
    assert [t["id"] for t in requests(cbo, "shelter")] == ["task-3"]


def test_each_row_reads_what_the_task_points_to(cbo: RubyClient) -> None:
    row = requests(cbo)[0]
    request = cbo.read(*row["focus"]["reference"].split("/")).resource
    assert request["code"]["coding"][0]["display"]
    for pointer in (row["requester"], row["for"], request["supportingInfo"][0]):
        type_name, resource_id = pointer["reference"].split("/")
        assert cbo.read(type_name, resource_id).resource["resourceType"] == type_name


@pytest.mark.parametrize(
    "statuses",
    [
        ("accepted", "in-progress", "completed"),
        ("accepted", "completed"),
        ("rejected",),
        ("accepted", "cancelled"),
        ("accepted", "in-progress", "cancelled"),
    ],
)
def test_the_statuses_that_the_client_sets(cbo: RubyClient, statuses: tuple[str, ...]) -> None:
    for status in statuses:
        reason = f"{status} for a reason" if status in {"rejected", "cancelled"} else ""
        changed = set_status(cbo, "task-1", status, reason)
        assert changed["status"] == status
    assert changed["meta"]["versionId"] == str(len(statuses) + 1)


def test_a_received_task_is_started(cbo: RubyClient, network: Client) -> None:
    received = cbo.read("Task", "task-1").resource | {"status": "received"}
    cbo.update(received, "task-1")
    assert set_status(cbo, "task-1", "in-progress")["status"] == "in-progress"


def test_completing_records_a_procedure_first(cbo: RubyClient) -> None:
    set_status(cbo, "task-1", "accepted")
    read = cbo.read("Task", "task-1").resource
    done = cbo.create(procedure(subject=ANA, based_on=read["focus"]["reference"]))
    completed = cbo.update(read | {"status": "completed", "output": [performed(done)]}, "task-1")
    pointer = completed["output"][0]["valueReference"]["reference"]
    assert pointer == f"Procedure/{done['id']}"
    assert cbo.read(*pointer.split("/")).resource["status"] == "completed"


def test_at_capacity_rejects_with_a_text_only(cbo: RubyClient) -> None:
    rejected = set_status(cbo, "task-2", "rejected", "Rejected - at capacity")
    assert rejected["statusReason"] == {"text": "Rejected - at capacity"}


def test_the_capacity_switch_updates_a_service(cbo: RubyClient) -> None:
    service = cbo.search("HealthcareService", organization="food-bank").resources[0]
    for status in ("no-capacity", "waitlist", "additional-assessment-required", "capacity"):
        changed = copy.deepcopy(service)
        changed["extension"][0]["extension"][0]["valueCodeableConcept"]["coding"][0]["code"] = status
        answer = cbo.update(changed, service["id"])
        assert answer["extension"][0]["url"] == CAPACITY_STATUS
        assert answer["extension"] == changed["extension"]


def test_the_capacity_switch_makes_a_service_where_there_is_none(cbo: RubyClient) -> None:
    assert cbo.search("HealthcareService", organization="shelter").resources == []
    made = cbo.create(healthcare_service(by=SHELTER, capacity="no-capacity"))
    assert [s["id"] for s in cbo.search("HealthcareService", organization="shelter").resources] == [made["id"]]


def test_two_windows_without_if_match_both_succeed(cbo: RubyClient) -> None:
    read = cbo.read("Task", "task-1").resource
    first = cbo.update(read | {"status": "accepted"}, "task-1")
    second = cbo.update(read | {"status": "rejected", "statusReason": {"text": "Closed"}}, "task-1")
    assert (first["meta"]["versionId"], second["meta"]["versionId"]) == ("2", "3")
