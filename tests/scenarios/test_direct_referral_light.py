"""Direct Referral Light of the Gravity guide, its clinic and its food bank each with a token of their own.

The recipient has no server: it polls, answers and delivers on the referral source's. One test tells the whole story;
the others tell what may go wrong on the way.
"""

from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner

from fhir_server.cli.main import main
from fhir_server.settings import Settings
from tests.builders.actors import reference
from tests.builders.referrals import bundle, consent, performed, procedure, put, service_request, task
from tests.http.client import Answer, Client, JsonObject
from tests.scenarios.network import ANA, CLINIC, FOOD_BANK, NETWORK, ROLE, SHELTER

POLL = "Task?owner=Organization/food-bank&status=requested"


def token(settings: Settings, organization: str, scope: str = "write") -> dict[str, str]:
    """A header with a new operator token, made at the command line."""
    arguments = ["tokens", "create", "--organization", organization, "--scope", scope, "--database", settings.database]
    made = CliRunner().invoke(main, arguments, catch_exceptions=False)
    assert made.exit_code == 0, made.output
    return {"Authorization": f"Bearer {made.stdout.strip()}"}


@pytest.fixture
def settings(database_url: str, tmp_path: Path) -> Settings:
    """A server that asks who comes in."""
    return Settings(database=database_url, access="token", journal_folder=str(tmp_path / "journals"))


@pytest.fixture
def clinic(settings: Settings) -> Iterator[Client]:
    """The referral source; it has told the server about its network."""
    made = Client(settings, token(settings, "clinic"))
    answer = made.post("", bundle("transaction", *(put(resource) for resource in NETWORK)))
    assert answer.status == 200, answer.text
    yield made
    made.close()


@pytest.fixture
def food_bank(settings: Settings, clinic: Client) -> Iterator[Client]:
    """The recipient: an application of its own, and its own token."""
    made = Client(settings, token(settings, "food-bank"))
    yield made
    made.close()


def refer(clinic: Client, owner: JsonObject = FOOD_BANK) -> JsonObject:
    """The clinic records consent and request, and sends the Task."""
    agreed = clinic.post("Consent", consent(subject=ANA, organization=CLINIC))
    request = clinic.post(
        "ServiceRequest", service_request(subject=ANA, requester=ROLE, supportingInfo=[reference(agreed.json)])
    )
    sent = clinic.post("Task", task(focus=request.json, subject=ANA, requester=ROLE, owner=owner))
    assert [agreed.status, request.status, sent.status] == [201, 201, 201]
    return sent.json


def move(client: Client, read: Answer, status: str, **changes: object) -> Answer:
    """Send the Task as it was read, with another status and the ETag of what was read."""
    body = read.json | {"status": status} | changes
    return client.put(f"Task/{body['id']}", body, If_Match=read.etag)


def test_a_referral_is_sent_accepted_delivered_and_closed(clinic: Client, food_bank: Client) -> None:
    before = clinic.get("Organization/clinic").json["meta"]["lastUpdated"]
    sent = refer(clinic)

    polled = food_bank.get(f"{POLL}&_lastUpdated=gt{before}&_include=Task:focus")
    assert polled.found("Task") == [sent["id"]]
    request = food_bank.get(f"{sent['focus']['reference']}")
    assert polled.found("ServiceRequest") == [request.json["id"]]
    for pointer in (request.json["subject"], request.json["requester"], request.json["supportingInfo"][0]):
        assert food_bank.get(pointer["reference"]).status == 200

    accepted = move(food_bank, food_bank.get(f"Task/{sent['id']}"), "accepted")
    started = move(food_bank, accepted, "in-progress")
    done = food_bank.post("Procedure", procedure(subject=ANA, based_on=sent["focus"]["reference"]))
    completed = move(food_bank, started, "completed", output=[performed(done.json)])
    assert [a.status for a in (accepted, started, done, completed)] == [200, 200, 201, 200]
    assert completed.etag == 'W/"4"'

    seen = clinic.get(
        f"Task?requester={ROLE['resourceType']}/{ROLE['id']}&_lastUpdated=gt{sent['meta']['lastUpdated']}"
    )
    assert [(t["id"], t["status"]) for t in seen.resources] == [(sent["id"], "completed")]
    outcome = clinic.get(seen.resources[0]["output"][0]["valueReference"]["reference"])
    assert outcome.json["basedOn"] == [sent["focus"]]
    closed = clinic.put(
        sent["focus"]["reference"],
        request.json | {"status": "completed"},
        If_Match=clinic.get(sent["focus"]["reference"]).etag,
    )
    assert (closed.status, closed.json["status"]) == (200, "completed")
    trail = clinic.get(f"Task/{sent['id']}/_history").resources
    assert [t["status"] for t in trail] == ["completed", "in-progress", "accepted", "requested"]


def test_a_reason_for_rejection_stays_in_history_and_a_new_task_asks_another(clinic: Client, food_bank: Client) -> None:
    sent = refer(clinic)
    rejected = move(food_bank, food_bank.get(f"Task/{sent['id']}"), "rejected", statusReason={"text": "At capacity"})
    assert rejected.status == 200
    again = task(focus=sent["focus"]["reference"], subject=ANA, requester=ROLE, owner=SHELTER)
    assert clinic.post("Task", again).status == 201
    assert food_bank.get(POLL).found("Task") == []
    versions = clinic.get(f"Task/{sent['id']}/_history").resources
    assert [v.get("statusReason") for v in versions] == [{"text": "At capacity"}, None]


def test_who_read_before_another_wrote_must_read_again(clinic: Client, food_bank: Client) -> None:
    sent = refer(clinic)
    read = clinic.get(f"Task/{sent['id']}")
    accepted = move(food_bank, read, "accepted")
    late = move(clinic, read, "cancelled")
    assert late.status == 412
    assert late.json["issue"][0]["code"] == "conflict"
    assert clinic.get(f"Task/{sent['id']}").text == accepted.text
    assert move(clinic, accepted, "cancelled").json["status"] == "cancelled"


def test_an_output_may_come_after_completion(clinic: Client, food_bank: Client) -> None:
    sent = refer(clinic)
    completed = move(food_bank, food_bank.get(f"Task/{sent['id']}"), "completed")
    done = food_bank.post("Procedure", procedure(subject=ANA, based_on=sent["focus"]["reference"]))
    assert move(food_bank, completed, "completed", output=[performed(done.json)]).status == 200


def test_an_open_task_waits_for_whoever_claims_it(clinic: Client, food_bank: Client) -> None:
    request = clinic.post("ServiceRequest", service_request(subject=ANA, requester=ROLE)).json
    unowned = clinic.post("Task", task(focus=request, subject=ANA, requester=ROLE, owner=None)).json
    refer(clinic)
    assert food_bank.get("Task?owner:missing=true&status=requested").found("Task") == [unowned["id"]]
    read = food_bank.get(f"Task/{unowned['id']}")
    claimed = move(food_bank, read, "accepted", owner=reference(FOOD_BANK))
    assert claimed.status == 200
    assert move(food_bank, read, "accepted", owner=reference(SHELTER)).status == 412


def test_a_draft_is_not_among_what_is_requested(clinic: Client, food_bank: Client) -> None:
    request = clinic.post("ServiceRequest", service_request(subject=ANA, requester=ROLE)).json
    clinic.post("Task", task(focus=request, subject=ANA, requester=ROLE, owner=FOOD_BANK, status="draft"))
    assert food_bank.get(POLL).found("Task") == []
    assert food_bank.get("Task?owner=Organization/food-bank&status:not=draft").found("Task") == []


def test_a_task_unchanged_since_it_was_read_is_not_sent_again(clinic: Client, food_bank: Client) -> None:
    sent = refer(clinic)
    read = food_bank.get(f"Task/{sent['id']}")
    again = food_bank.get(f"Task/{sent['id']}", If_Modified_Since=read.headers["Last-Modified"])
    assert (again.status, again.text) == (304, "")


@pytest.mark.parametrize("headers", [{}, {"Authorization": "Bearer nonsense"}, {"Authorization": "Basic YTpi"}])
def test_without_a_good_token_nothing_is_reached(settings: Settings, clinic: Client, headers: dict[str, str]) -> None:
    sent = refer(clinic)
    stranger = Client(settings)
    for answer in (
        stranger.send("GET", f"Task/{sent['id']}", headers=headers),
        stranger.send("GET", POLL, headers=headers),
        stranger.send("PUT", f"Task/{sent['id']}", sent, headers=headers),
    ):
        assert answer.status == 401
        assert answer.headers["WWW-Authenticate"].startswith("Bearer")
        assert answer.json["resourceType"] == "OperationOutcome"
    assert stranger.get("metadata").status == 200
    stranger.close()


def test_a_read_token_reads_and_changes_nothing(settings: Settings, clinic: Client) -> None:
    sent = refer(clinic)
    auditor = Client(settings, token(settings, "clinic", "read"))
    assert auditor.get(f"Task/{sent['id']}").status == 200
    assert auditor.put(f"Task/{sent['id']}", sent | {"status": "cancelled"}).status == 403
    assert auditor.post("", bundle("transaction", put(sent | {"status": "cancelled"}))).status == 403
    assert auditor.get(f"Task/{sent['id']}").json == sent
    auditor.close()
