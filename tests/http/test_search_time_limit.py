"""A search that is too dear is a 400 that says what to narrow: https://hl7.org/fhir/R4/search.html .

The time is that of all its statements together; who asks for less afterwards, on the same connection, is answered.
"""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

import pytest
import sqlalchemy as sa

from fhir_server.access.policy import Decision, OperatorPolicy
from fhir_server.access.principal import Principal
from fhir_server.settings import Settings
from fhir_server.store.visibility import ALL_ROWS, Predicate
from tests.http.client import Client, JsonObject

LINKS = 24
CHAIN = "Task?_id=secret-0&_include:iterate=Task:part-of"
ENDLESS = "Patient?family=secret&_total=accurate&_sort=birthdate&_revinclude=Task:patient"
COUNTING = "(WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n WHERE x < {}) SELECT count(*) FROM n) > 0"


class Counting(OperatorPolicy):
    """Who reads a type waits for as many steps as stand here: each statement costs about the same."""

    def __init__(self, steps: dict[str, int]) -> None:
        self.steps = steps

    def decide(self, principal: Principal, interaction: str, type_name: str | None) -> Decision:
        steps = self.steps.get(type_name or "", 0)
        counting = COUNTING.format(steps)
        slow = Predicate(("counting", steps), lambda _: sa.literal_column(counting, sa.Boolean))
        return replace(super().decide(principal, interaction, type_name), visible=slow if steps else ALL_ROWS)


@contextmanager
def opened(settings: Settings, **steps: int) -> Iterator[Client]:
    """A client for whom the types cost so many steps."""
    client = Client(settings, policy=Counting(steps))
    try:
        yield client
    finally:
        client.close()


@pytest.fixture
def filled(settings: Settings) -> Settings:
    """The settings of a server with a person, and a chain of Tasks each a part of the next."""
    with opened(settings) as client:
        client.put("Patient/secret", {"resourceType": "Patient", "id": "secret", "name": [{"family": "secret"}]})
        entries = [_task(number) for number in range(LINKS)]
        assert client.post("", {"resourceType": "Bundle", "type": "transaction", "entry": entries}).status == 200
    return settings


def _task(number: int) -> JsonObject:
    task = {"resourceType": "Task", "id": f"secret-{number}", "status": "requested", "intent": "order"}
    if number + 1 < LINKS:
        task["partOf"] = [{"reference": f"Task/secret-{number + 1}"}]
    return {"request": {"method": "PUT", "url": f"Task/secret-{number}"}, "resource": task}


def test_statements_that_are_quick_one_by_one_may_be_too_many(filled: Settings) -> None:
    with opened(replace(filled, search_timeout_ms=60_000, database_timeout_ms=60_000), Task=50_000) as client:
        began = time.monotonic()
        assert len(client.get(CHAIN).resources) == LINKS
        whole = time.monotonic() - began
    impatient = replace(filled, search_timeout_ms=int(whole * 1000 / 3), database_timeout_ms=60_000)
    with opened(impatient, Task=50_000) as client:
        for _ in range(2):
            answer = client.get(CHAIN)
            issue = answer.json["issue"][0]
            assert (answer.status, issue["code"]) == (400, "too-costly"), answer.text
            assert "search by _id takes too long" in issue["diagnostics"]
            assert "include less" in issue["diagnostics"]
            assert "secret" not in answer.text
            assert client.get("Task?_id=secret-0&_include=Task:part-of").found("Task") == ["secret-0", "secret-1"]


@pytest.mark.parametrize("limits", [(150, 60_000), (60_000, 150)], ids=["search", "database"])
def test_the_smaller_limit_ends_a_statement(filled: Settings, limits: tuple[int, int]) -> None:
    settings = replace(filled, search_timeout_ms=limits[0], database_timeout_ms=limits[1])
    with opened(settings, Patient=2_000_000_000) as client:
        began = time.monotonic()
        for _ in range(3):
            answer = client.get(ENDLESS)
            assert (answer.status, answer.json["issue"][0]["code"]) == (400, "too-costly"), answer.text
            assert "secret" not in answer.text
            for part in ("by family takes too long", "add a parameter", "leave out _total", "_sort", "include less"):
                assert part in answer.json["issue"][0]["diagnostics"]
            assert client.get("Task?_id=secret-3").found("Task") == ["secret-3"]
        assert time.monotonic() - began < 30


def test_an_entry_of_a_batch_is_refused_alone(filled: Settings) -> None:
    entries = [{"request": {"method": "GET", "url": url}} for url in (ENDLESS, "Task?_id=secret-1", "Patient")]
    with opened(replace(filled, search_timeout_ms=150), Patient=2_000_000_000) as client:
        answer = client.post("", {"resourceType": "Bundle", "type": "batch", "entry": entries})
        assert answer.status == 200
        first, second, third = (entry["response"] for entry in answer.json["entry"])
        assert [first["status"][:3], second["status"][:3], third["status"][:3]] == ["400", "200", "400"]
        assert {r["outcome"]["issue"][0]["code"] for r in (first, third)} == {"too-costly"}
        assert answer.json["entry"][1]["resource"]["entry"][0]["resource"]["id"] == "secret-1"


def test_a_transaction_with_a_search_that_is_too_dear_changes_nothing(filled: Settings) -> None:
    new = {"request": {"method": "POST", "url": "Task"}, "resource": _task(0)["resource"]}
    entries = [new, {"request": {"method": "GET", "url": "Patient?family=secret"}}]
    settings = replace(filled, search_timeout_ms=150, database_timeout_ms=600)
    with opened(settings, Patient=2_000_000_000) as client:
        answer = client.post("", {"resourceType": "Bundle", "type": "transaction", "entry": entries})
        assert (answer.status, answer.json["issue"][0]["code"]) == (400, "too-costly"), answer.text
        assert client.get("Task?_total=accurate").json["total"] == LINKS


def test_criteria_of_conditional_interactions_are_searches_too(filled: Settings) -> None:
    settings = replace(filled, search_timeout_ms=150, database_timeout_ms=600)
    with opened(settings, Patient=2_000_000_000) as client:
        person = {"resourceType": "Patient"}
        for answer in (
            client.post("Patient", person, If_None_Exist="family=secret"),
            client.put("Patient?family=secret", person),
            client.delete("Patient?family=secret"),
        ):
            assert (answer.status, answer.json["issue"][0]["code"]) == (400, "too-costly"), answer.text
            assert "by family" in answer.json["issue"][0]["diagnostics"]
            assert "secret" not in answer.text
        assert client.post("Task", _task(0)["resource"]).status == 201
    with opened(settings) as client:
        assert client.get("Patient").found("Patient") == ["secret"]
