"""One Degree INTERLINK's contract for recipients: poll by status and time, follow next, PATCH the status.

https://docs.fhir.1degree.org  (its tenant in the path and its OAuth belong to later chapters)
"""

import pytest

from tests.builders.referrals import bundle, put, service_request, task
from tests.http.client import Client, JsonObject
from tests.scenarios.network import ANA, FOOD_BANK, ROLE


@pytest.fixture
def inbox(network: Client) -> Client:
    """A server where five Tasks wait for the food bank."""
    request = service_request("request", subject=ANA, requester=ROLE)
    waiting = [task(f"task-{n}", focus=request, subject=ANA, requester=ROLE, owner=FOOD_BANK) for n in range(5)]
    assert network.post("", bundle("transaction", put(request), *map(put, waiting))).status == 200
    return network


def status_patch(status: str) -> JsonObject:
    """A FHIRPath Patch that replaces Task.status."""
    parts = [
        {"name": "type", "valueCode": "replace"},
        {"name": "path", "valueString": "Task.status"},
        {"name": "value", "valueCode": status},
    ]
    return {"resourceType": "Parameters", "parameter": [{"name": "operation", "part": parts}]}


def next_link(page: JsonObject) -> str | None:
    """The link to the next page."""
    return next((link["url"] for link in page["link"] if link["relation"] == "next"), None)


def test_polling_follows_next_until_there_is_none(inbox: Client) -> None:
    seen: list[str] = []
    url: str | None = "Task?status=requested&_lastUpdated=gt2020-01-01T00:00:00Z&_count=2"
    while url:
        answer = inbox.get(url)
        assert answer.status == 200
        seen += answer.found("Task")
        url = next_link(answer.json)
    assert sorted(seen) == [f"task-{n}" for n in range(5)]


def test_polling_from_the_latest_seen_time_finds_only_what_changed(inbox: Client) -> None:
    first = inbox.get("Task?status=requested")
    latest = max(t["meta"]["lastUpdated"] for t in first.resources)
    assert inbox.get(f"Task?status=requested&_lastUpdated=gt{latest}").found("Task") == []
    inbox.patch("Task/task-3", status_patch("accepted"))
    assert inbox.get(f"Task?_lastUpdated=gt{latest}").found("Task") == ["task-3"]


@pytest.mark.parametrize(
    "status", ["accepted", "rejected", "in-progress", "on-hold", "completed", "cancelled", "failed"]
)
def test_a_patch_changes_the_status_and_nothing_else(inbox: Client, status: str) -> None:
    before = inbox.get("Task/task-1").json
    answer = inbox.patch("Task/task-1", status_patch(status))
    assert answer.status == 200
    after = answer.json
    assert after["status"] == status
    assert after["meta"]["versionId"] == "2"
    assert answer.etag == 'W/"2"'
    assert {k: v for k, v in after.items() if k not in {"meta", "status"}} == {
        k: v for k, v in before.items() if k not in {"meta", "status"}
    }


def test_a_status_that_nobody_knows_is_refused_with_an_outcome(inbox: Client) -> None:
    answer = inbox.patch("Task/task-1", status_patch("done-and-dusted"))
    assert answer.status in {400, 422}
    outcome = answer.json
    assert outcome["resourceType"] == "OperationOutcome"
    assert outcome["issue"][0]["expression"] == ["Task.status"]
    assert inbox.get("Task/task-1").json["status"] == "requested"
