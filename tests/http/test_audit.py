"""One audit record for each request and each bundle entry, whatever becomes of it."""

import shutil
import uuid
from typing import Any

import pytest
import sqlalchemy as sa

from fhir_server.audit.collect import collect
from fhir_server.audit.tables import AUDIT_EVENT
from fhir_server.settings import Settings
from fhir_server.store.database import open_database
from tests.http.client import Client


def records(settings: Settings) -> list[dict[str, Any]]:
    database = open_database(settings.database)
    collect(database, settings.journals, now=lambda: 1)
    columns = [
        c
        for c in AUDIT_EVENT.c
        if c.name
        in {"request_id", "entry", "interaction", "status", "type_name", "resource_id", "version_id", "reason"}
    ]
    rows = database.rows(database.sql(sa.select(*columns).order_by(AUDIT_EVENT.c.seq)), {})
    database.close()
    return [dict(zip([c.name for c in columns], row, strict=True)) for row in rows]


def patient(resource_id: str) -> dict[str, Any]:
    return {"resourceType": "Patient", "id": resource_id}


def test_each_request_leaves_one_record(client: Client, settings: Settings) -> None:
    asked: list[tuple[str, str, Any, int]] = [
        ("GET", "metadata", None, 200), ("PUT", "Patient/p1", patient("p1"), 201), ("GET", "Patient/p1", None, 200),
        ("GET", "Patient/nobody", None, 404), ("POST", "Patient", "[", 400), ("GET", "Patient?shoe=1", None, 400),
        ("GET", "Patient", None, 200), ("GET", "Patient/p1/_history", None, 200), ("TRACE", "Patient/p1", None, 405),
        ("DELETE", "Patient/p1", None, 204), ("DELETE", "Patient/p1", None, 204), ("GET", "Patient/p1", None, 410),
        ("GET", "Nothing/1", None, 404), ("PATCH", "Patient/p1", {"resourceType": "Parameters"}, 410),
    ]  # fmt: skip
    expected = {}
    for method, path, body, status in asked:
        request_id = str(uuid.uuid4())
        answer = client.send(method, path, body, headers={"X-Request-Id": request_id})
        assert answer.status == status, (method, path, answer.text)
        assert answer.headers["X-Request-Id"] == request_id
        expected[request_id] = status
    for path in ("/health/live", "/health/ready", "/metrics"):
        client.get(path)
    found = records(settings)
    assert len(found) == len(asked)
    assert {r["request_id"]: r["status"] for r in found} == expected


def test_each_entry_of_a_batch_and_a_transaction_leaves_one_and_the_bundle_one(
    client: Client, settings: Settings
) -> None:
    entries = [
        {"request": {"method": "PUT", "url": "Patient/p1"}, "resource": patient("p1")},
        {"request": {"method": "GET", "url": "Patient/p1"}},
    ]
    for kind in ("batch", "transaction"):
        request_id = str(uuid.uuid4())
        body = {"resourceType": "Bundle", "type": kind, "entry": entries}
        assert client.post("", body, X_Request_Id=request_id).status == 200
        found = [r for r in records(settings) if r["request_id"] == request_id]
        assert sorted((-1 if r["entry"] is None else r["entry"], r["interaction"]) for r in found) == [
            (-1, kind), (0, "update"), (1, "read"),
        ]  # fmt: skip


def test_a_rolled_back_transaction_is_one_refusal(client: Client, settings: Settings) -> None:
    entries = [
        {"request": {"method": "PUT", "url": "Patient/p1"}, "resource": patient("p1")},
        {"request": {"method": "GET", "url": "Patient/nobody"}},
    ]
    request_id = str(uuid.uuid4())
    answer = client.post(
        "", {"resourceType": "Bundle", "type": "transaction", "entry": entries}, X_Request_Id=request_id
    )
    assert answer.status == 404
    found = [r for r in records(settings) if r["request_id"] == request_id]
    assert [(r["status"], r["entry"], r["reason"]) for r in found] == [(404, None, "not-found")]


def test_an_audit_that_cannot_be_written_is_503_and_nothing_is_told(client: Client, settings: Settings) -> None:
    client.put("Patient/p1", patient("p1"))
    client.close()
    shutil.rmtree(settings.journals)
    answer = client.get("Patient/p1")
    assert answer.status == 503
    assert answer.headers["Retry-After"]
    assert "Patient" not in answer.json.get("resourceType", "")
    assert client.get("/health/ready").status == 503


@pytest.mark.parametrize("sink", ["journal", "database"])
def test_both_sinks_record_reads(database_url: str, tmp_path: Any, sink: str) -> None:
    settings = Settings(
        database=database_url, access="open", journal_folder=str(tmp_path / "journals"), audit_sink=sink
    )
    client = Client(settings)
    assert client.get("Patient/nobody").status == 404
    client.close()
    (tmp_path / "journals").mkdir(exist_ok=True)
    assert [r["status"] for r in records(settings)] == [404]
