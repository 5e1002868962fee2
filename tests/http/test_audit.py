"""One audit record for each request and each bundle entry, whatever becomes of it."""

import shutil
import uuid
from typing import Any

import pytest
import sqlalchemy as sa

from fhir_server.settings import Settings
from fhir_server.store.database import open_database
from fhir_server.store.tables import OUTBOX
from tests.http.client import Client
from tests.http.records import records


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


def test_a_record_says_what_was_asked_for_and_what_was_shown(client: Client, settings: Settings) -> None:
    identifier = {"identifier": [{"system": "urn:x", "value": "1"}]}
    client.post("Patient", patient("x") | identifier, If_None_Exist="identifier=urn:x|1")
    found = client.post("Patient", patient("x") | identifier, If_None_Exist="identifier=urn:x|1").json["id"]
    client.put("Patient?identifier=urn:x|1", patient(found) | identifier)
    client.get("Patient?identifier=urn:x|1")
    client.send("POST", "Patient/_search", b"_id=" + found.encode(), content_type="application/x-www-form-urlencoded")
    client.get(f"Patient/{found}/_history?_count=1")
    client.get(f"Patient/{found}", If_None_Match="*")
    client.delete("Patient?identifier=urn:x|2")
    criteria = "#If-None-Exist=identifier=urn:x|1"
    shown = f'["Patient/{found}/_history/2"]'
    assert [
        (r["interaction"], r["status"], r["resource_id"], r["version_id"], r["query"], r["resources"])
        for r in sorted(records(settings), key=lambda r: r["interaction"])
    ] == [
        ("create", 201, found, 1, criteria, ""),
        ("create", 200, found, 1, criteria, ""),
        ("delete", 204, "", None, "identifier=urn:x|2", ""),
        ("history-instance", 200, found, None, "_count=1", shown),
        ("read", 304, found, 2, "", ""),
        ("search-type", 200, "", None, "identifier=urn:x|1", shown),
        ("search-type", 200, "", None, f"_id={found}", shown),
        ("update", 200, found, 2, "identifier=urn:x|1", ""),
    ]  # fmt: skip


@pytest.mark.parametrize("kind", ["batch", "transaction"])
def test_entries_are_recorded_as_if_they_were_sent_alone(client: Client, settings: Settings, kind: str) -> None:
    client.put("Patient/p1", patient("p1") | {"identifier": [{"system": "urn:x", "value": "1"}]})
    before = len(records(settings))
    entries = [
        {
            "request": {"method": "POST", "url": "Patient", "ifNoneExist": "identifier=urn:x|1"},
            "resource": patient("x"),
        },
        {"request": {"method": "PUT", "url": "Patient?identifier=urn:x|1"}, "resource": patient("p1")},
        {"request": {"method": "DELETE", "url": "Patient?identifier=urn:x|2"}},
        {"request": {"method": "GET", "url": "Patient?_id=p1"}},
        {"request": {"method": "HEAD", "url": "Patient/p1"}},
    ]
    if kind == "transaction":
        del entries[1]  # it would change what the create matched
    answer = client.post("?_format=json", {"resourceType": "Bundle", "type": kind, "entry": entries})
    assert answer.status == 200, answer.text
    told = sorted(
        (-1 if r["entry"] is None else r["entry"], r["interaction"], r["status"], r["resource_id"], r["query"])
        for r in records(settings)[before:]
    )  # fmt: skip
    expected = [
        ("create", 200, "p1", "#If-None-Exist=identifier=urn:x|1"), ("update", 200, "p1", "identifier=urn:x|1"),
        ("delete", 204, "", "identifier=urn:x|2"), ("search-type", 200, "", "_id=p1"), ("read", 200, "p1", ""),
    ]  # fmt: skip
    if kind == "transaction":
        del expected[1]
    assert told == [(-1, kind, 200, "", "_format=json"), *((n, *one) for n, one in enumerate(expected))]


@pytest.mark.parametrize(
    ("last", "status"),
    [
        ({"request": {"method": "PUT", "url": "Patient/p2"}, "resource": patient("p2") | {"shoe": 1}}, 400),
        ({"request": {"method": "PUT", "url": "Patient/p2", "ifMatch": 'W/"1"'}, "resource": patient("p2")}, 412),
        ({"request": {"method": "PUT", "url": "Patient/p1"}, "resource": patient("p1")}, 400),
        ({"request": {"method": "GET", "url": "Patient?shoe=1"}}, 400),
        ({"request": {"method": "GET", "url": "elsewhere/1/2/3"}}, 404),
        ({"request": {"method": "POST", "url": "Task"}, "resource": {"resourceType": "Task", "status": "draft",
          "intent": "order", "for": {"reference": "Patient?identifier=urn:x|none"}}}, 412),
        ({"fullUrl": 7}, 400),
    ],
)  # fmt: skip
def test_every_refusal_of_a_transaction_is_one_record(
    client: Client, settings: Settings, last: dict[str, Any], status: int
) -> None:
    entries = [{"request": {"method": "PUT", "url": "Patient/p1"}, "resource": patient("p1")}, last]
    assert client.post("", {"resourceType": "Bundle", "type": "transaction", "entry": entries}).status == status
    assert [(r["interaction"], r["status"], r["entry"]) for r in records(settings)] == [("transaction", status, None)]


def test_a_change_is_not_made_where_no_refusal_could_be_recorded(client: Client, settings: Settings) -> None:
    client.close()
    shutil.rmtree(settings.journals)
    assert client.put("Patient/p1", patient("p1")).status == 201  # its record is a row of its own transaction
    assert client.put("Patient/p1", patient("p1"), If_Match='W/"9"').status == 503
    answer = client.post("Patient", "[")
    assert (answer.status, answer.headers["Retry-After"]) == (503, "2")
    settings.journals.mkdir()
    assert [(r["interaction"], r["status"]) for r in records(settings)] == [("update", 201)]


def test_each_committed_change_leaves_one_row_in_the_outbox_and_no_other_does(
    client: Client, settings: Settings
) -> None:
    client.put("Patient/p1", patient("p1"))
    client.put("Patient/p1", patient("p1"), If_Match='W/"9"')
    client.delete("Patient/nobody")
    client.get("Patient/p1")
    one = {"request": {"method": "PUT", "url": "Patient/p1"}, "resource": patient("p1")}
    two = {"request": {"method": "PUT", "url": "Patient/p2"}, "resource": patient("p2")}
    lost = {"request": {"method": "GET", "url": "Patient/nobody"}}
    for entries in ([one, two], [one, two, lost]):
        client.post("", {"resourceType": "Bundle", "type": "transaction", "entry": entries})
    client.delete("Patient/p1")
    database = open_database(settings.database)
    columns = (OUTBOX.c.resource_id, OUTBOX.c.version_id, OUTBOX.c.method)
    rows = database.rows(database.sql(sa.select(*columns).order_by(OUTBOX.c.seq)), {})
    database.close()
    assert rows == [("p1", 1, "PUT"), ("p1", 2, "PUT"), ("p2", 1, "PUT"), ("p1", 3, "DELETE")]
