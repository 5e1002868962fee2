"""Limits, each with its own outcome, and nothing changed: https://hl7.org/fhir/R4/http.html#Status-Codes ."""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import psycopg
import pytest
import sqlalchemy as sa

from fhir_server.access.policy import Decision, OperatorPolicy
from fhir_server.access.principal import Principal
from fhir_server.settings import Settings
from fhir_server.store.visibility import Predicate
from tests.http.client import Client
from tests.http.records import records

PATIENT = {"resourceType": "Patient", "id": "p1"}
ENDLESS = "(WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n WHERE x > 0) SELECT count(*) FROM n) > 0"


class Slow(OperatorPolicy):
    """Decides by a condition that no database comes to the end of."""

    def decide(self, principal: Principal, interaction: str, type_name: str | None) -> Decision:
        decision = super().decide(principal, interaction, type_name)
        return replace(decision, visible=Predicate("endless", lambda _: sa.literal_column(ENDLESS, sa.Boolean)))


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("GET", "Patient/p1", None), ("GET", "Patient/_history", None),
        ("PUT", "Patient/p1", PATIENT), ("DELETE", "Patient/p1", None),
        ("POST", "", {"resourceType": "Bundle", "type": "transaction", "entry": [
            {"request": {"method": "PUT", "url": "Patient/p1"}, "resource": PATIENT}]}),
    ],
)  # fmt: skip
def test_what_takes_too_long_in_the_database_is_503(settings: Settings, method: str, path: str, body: Any) -> None:
    client = Client(replace(settings, database_timeout_ms=200))
    client.put("Patient/p1", PATIENT)
    client.close()
    slow = Client(replace(settings, database_timeout_ms=200), policy=Slow())
    answer = slow.send(method, path, body)
    assert (answer.status, answer.json["issue"][0]["code"]) == (503, "transient"), answer.text
    assert int(answer.headers["Retry-After"]) > 0
    slow.close()
    assert [r["status"] for r in records(settings)] in ([201, 503], [503, 201])


@pytest.mark.parametrize(
    ("query", "named"),
    [
        ("Patient", "no parameter at all"),
        (
            "Patient?family=secret&_has:ServiceRequest:patient:status=draft",
            "family, _has:ServiceRequest:patient:status",
        ),
        ("Patient?_total=accurate&_sort=family&birthdate=2000", "birthdate"),
        ("Patient/secret/ServiceRequest", "no parameter at all"),
        ("?_type=Patient", "no parameter at all"),
    ],
)
def test_a_search_that_takes_too_long_is_told_what_to_narrow(settings: Settings, query: str, named: str) -> None:
    client = Client(settings)
    client.put("Patient/secret", PATIENT | {"id": "secret", "name": [{"family": "secret"}], "birthDate": "2000"})
    order = {"resourceType": "ServiceRequest", "status": "draft", "intent": "order"}
    client.put("ServiceRequest/s1", order | {"id": "s1", "subject": {"reference": "Patient/secret"}})
    client.close()
    slow = Client(replace(settings, database_timeout_ms=200), policy=Slow())
    answer = slow.get(query)
    slow.close()
    issue = answer.json["issue"][0]
    assert (answer.status, issue["code"]) == (400, "too-costly"), answer.text
    assert f"search by {named} takes too long" in issue["diagnostics"]
    assert "secret" not in issue["diagnostics"]
    assert ("leave out _total" in issue["diagnostics"]) == ("_total" in query)
    assert ("leave out _sort" in issue["diagnostics"]) == ("_sort" in query)
    assert sorted(r["status"] for r in records(settings)) == [201, 201, 400]


@contextmanager
def write_order_held(url: str) -> Iterator[None]:
    """Somebody else is writing, and does not come to an end."""
    if url.startswith("sqlite:///"):
        connection = sqlite3.connect(url.removeprefix("sqlite:///"), isolation_level=None)
        connection.execute("BEGIN IMMEDIATE")
        yield
        connection.close()
    else:
        with psycopg.connect(url) as held:
            held.execute("SELECT pg_advisory_xact_lock(7306217)")
            yield


def test_a_database_that_stays_busy_is_503_and_nothing_is_changed(settings: Settings) -> None:
    client = Client(replace(settings, database_timeout_ms=200))
    with write_order_held(settings.database):
        for answer in (
            client.put("Patient/p1", PATIENT),
            client.post("Patient", PATIENT, If_None_Exist="_id=p1"),
            client.post("", {"resourceType": "Bundle", "type": "transaction", "entry": [
                {"request": {"method": "PUT", "url": "Patient/p1"}, "resource": PATIENT}]}),
        ):  # fmt: skip
            assert (answer.status, answer.json["issue"][0]["code"]) == (503, "transient"), answer.text
            assert int(answer.headers["Retry-After"]) > 0
        assert client.get("Patient/p1").status == 404
    assert client.put("Patient/p1", PATIENT).status == 201
    client.close()


def test_a_batch_answers_for_each_entry_that_found_the_database_busy(settings: Settings) -> None:
    client = Client(replace(settings, database_timeout_ms=200))
    entries = [
        {"request": {"method": "PUT", "url": "Patient/p1"}, "resource": PATIENT},
        {"request": {"method": "GET", "url": "metadata"}},
    ]
    with write_order_held(settings.database):
        answer = client.post("", {"resourceType": "Bundle", "type": "batch", "entry": entries})
    assert [e["response"]["status"][:3] for e in answer.json["entry"]] == ["503", "200"]
    client.close()


@pytest.mark.parametrize("kind", ["batch", "transaction"])
def test_a_bundle_may_have_as_many_entries_as_the_setting_says(settings: Settings, kind: str) -> None:
    client = Client(replace(settings, max_entries=3))
    entry = {"request": {"method": "GET", "url": "metadata"}}
    for count, status in ((3, 200), (4, 400)):
        answer = client.post("", {"resourceType": "Bundle", "type": kind, "entry": [entry] * count})
        assert answer.status == status
    assert answer.json["issue"][0] | {"diagnostics": ""} == {
        "severity": "error", "code": "too-costly", "diagnostics": "", "expression": ["Bundle.entry"],
    }  # fmt: skip
    client.close()
