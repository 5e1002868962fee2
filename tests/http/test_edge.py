"""The edge: whatever comes in is answered in FHIR, leaves one audit record, and discloses nothing it should not.

https://hl7.org/fhir/R4/http.html and https://www.rfc-editor.org/rfc/rfc9110
"""

import gzip
import json
from io import BytesIO
from typing import Any

import pytest

from fhir_server import telemetry
from fhir_server.access.policy import Decision, OperatorPolicy
from fhir_server.access.principal import Principal
from fhir_server.settings import Settings
from tests.http.client import Client
from tests.http.records import records

PATIENT = {"resourceType": "Patient", "id": "p1"}
BODY = json.dumps(PATIENT).encode()


def body(raw: bytes, length: str | None) -> dict[str, Any]:
    """What a server hands over of a body that announced this length; None: it came in chunks."""
    return {"wsgi.input": BytesIO(raw), "CONTENT_LENGTH": length or "", "CONTENT_TYPE": "application/fhir+json"}


@pytest.mark.parametrize(
    ("method", "environ", "status"),
    [
        ("FOO", {"PATH_INFO": "/fhir/Patient/p1"}, 405),
        ("CONNECT", {"PATH_INFO": "/fhir/Patient/p1"}, 405),
        ("OPTIONS", {"PATH_INFO": "/fhir/Patient/p1"}, 405),
        ("GET", {"PATH_INFO": "/"}, 404),
        ("GET", {"PATH_INFO": ""}, 404),
        ("GET", {"PATH_INFO": "*"}, 404),
        ("POST", {"PATH_INFO": "/nothing"}, 404),
        ("GET", {"PATH_INFO": "/fhirx/Patient"}, 404),
        ("GET", {"PATH_INFO": "/FHIR/Patient/p1"}, 404),
        ("GET", {"PATH_INFO": "//fhir/Patient/p1"}, 404),
        ("GET", {"PATH_INFO": "/fhir/patient/p1"}, 404),
        ("GET", {"PATH_INFO": "/fhir/Patient/p1/../p1"}, 404),
        ("GET", {"PATH_INFO": "/fhir/Patient/" + "x" * 60_000}, 404),
        ("GET", {"PATH_INFO": "/fhir/Patient/\xc3\xa9\x00\xff"}, 404),
        ("GET", {"PATH_INFO": "/fhir/Patient/p1", "HTTP_HOST": "h" * 5_000}, 200),
        ("GET", {"PATH_INFO": "/fhir/Patient/p1", "HTTP_HOST": "evil host:port"}, 200),
        ("GET", {"PATH_INFO": "/fhir/Patient/p1", "HTTP_ACCEPT": "x" * 100_000}, 406),
        ("GET", {"PATH_INFO": "/fhir/Patient/p1", "HTTP_IF_NONE_MATCH": 'W/"\xb2"'}, 200),
        ("GET", {"PATH_INFO": "/fhir/Patient/p1/_history", "QUERY_STRING": "_count=%C2%B2"}, 400),
        ("GET", {"PATH_INFO": "/fhir/Patient", "QUERY_STRING": "a=1&" * 2_001}, 400),
        ("GET", {"PATH_INFO": "/fhir/Patient", "QUERY_STRING": "family=%FF"}, 400),
        ("GET", {"PATH_INFO": "/fhir/Patient", "QUERY_STRING": "family=\xff"}, 400),
    ],
)
def test_strange_requests_are_answered_and_audited_once(
    client: Client, settings: Settings, method: str, environ: dict[str, Any], status: int
) -> None:
    client.put("Patient/p1", PATIENT)
    before = len(records(settings))
    answer = client.send(method, "", environ=environ)
    assert answer.status == status, answer.text
    assert answer.json["resourceType"] == ("Patient" if status == 200 else "OperationOutcome")
    assert answer.headers["Content-Type"] == "application/fhir+json;charset=utf-8"
    assert [r["status"] for r in records(settings)[before:]] == [status]


@pytest.mark.parametrize("path", ["/fhir/Patient/p1/", "/fhir//Patient/p1", "/fhir/Patient///p1"])
def test_slashes_too_many_change_nothing(client: Client, path: str) -> None:
    client.put("Patient/p1", PATIENT)
    assert client.send("GET", "", environ={"PATH_INFO": path}).json["id"] == "p1"
    assert client.send("GET", "", environ={"PATH_INFO": "/fhir//metadata/"}).status == 200


@pytest.mark.parametrize("name", [".", ".."])
def test_ids_that_a_url_cannot_end_in_are_refused(client: Client, name: str) -> None:
    answer = client.send("PUT", "", json.dumps(PATIENT | {"id": name}), environ={"PATH_INFO": f"/fhir/Patient/{name}"})
    assert answer.status == 400
    assert client.put("Patient?_id=x", PATIENT | {"id": name}).status == 400
    assert client.put("Patient/a..b", PATIENT | {"id": "a..b"}).status == 201


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [
        ("PUT", "metadata", "GET, HEAD"),
        ("GET", "Patient/_search", "POST"),
        ("HEAD", "Patient/_search", "POST"),
        ("PUT", "", "GET, HEAD, POST"),
        ("GET", "_search", "POST"),
        ("PUT", "_search", "POST"),
        ("POST", "Patient/p1/Task", "GET, HEAD"),
        ("DELETE", "Patient/p1/*", "GET, HEAD"),
        ("GET", "Patient/p1/Task/_search", "POST"),
        ("POST", "Patient/p1", "DELETE, GET, HEAD, PATCH, PUT"),
        ("FOO", "Patient", "DELETE, GET, HEAD, PATCH, POST, PUT"),
        ("DELETE", "Patient/p1/_history", "GET, HEAD"),
        ("DELETE", "Patient/p1/_history/1", "GET, HEAD"),
        ("POST", "_history", "GET, HEAD"),
    ],
)
def test_allow_lists_what_works_there(client: Client, method: str, path: str, allowed: str) -> None:
    answer = client.send(method, path)
    assert (answer.status, answer.headers["Allow"]) == (405, allowed)


def test_health_and_metrics_leave_no_record_whatever_is_asked(client: Client, settings: Settings) -> None:
    for method, path, status in (
        ("GET", "/health/live", 200), ("HEAD", "/health/live", 200), ("POST", "/health/live", 405),
        ("GET", "/health/nothing", 404), ("DELETE", "/metrics", 405), ("GET", "/metrics", 200),
    ):  # fmt: skip
        assert client.send(method, path).status == status, (method, path)
    assert records(settings) == []


def test_a_body_shorter_than_announced_is_not_stored(client: Client) -> None:
    for kind, path in (("application/fhir+json", "Patient/p1"), ("image/png", "Binary/p1")):
        cut = body(BODY, "500") | {"CONTENT_TYPE": kind}
        answer = client.send("PUT", path, environ=cut)
        assert (answer.status, answer.json["issue"][0]["code"]) == (400, "incomplete")
        assert client.get(path).status == 404


def test_chunked_bodies_are_taken_where_a_cut_would_show(client: Client) -> None:
    assert client.send("PUT", "Patient/p1", environ=body(BODY, None)).status == 201
    assert client.send("PUT", "Patient/p2", environ=body(BODY[:-1], None)).status == 400
    native = body(b"x", None) | {"CONTENT_TYPE": "image/png"}
    assert client.send("PUT", "Binary/b1", environ=native).status == 400
    too_much = body(b" " * 10_000_001, None)
    assert client.send("PUT", "Patient/p2", environ=too_much).status == 413


@pytest.mark.parametrize("length", ["\xb2", "-1", "1e3", " 1", "9" * 30, "0" * 5_000])
def test_a_length_that_cannot_be_is_refused(client: Client, length: str) -> None:
    answer = client.send("PUT", "Patient/p1", environ=body(BODY, length))
    assert answer.status == (413 if len(length) > 20 else 400)


def test_a_byte_order_mark_does_no_harm(client: Client) -> None:
    assert client.send("PUT", "Patient/p1", b"\xef\xbb\xbf" + BODY).json["id"] == "p1"


def test_a_second_gzip_member_is_not_dropped_in_silence(client: Client) -> None:
    packed = gzip.compress(BODY[:-1]) + gzip.compress(BODY[-1:])
    assert client.send("PUT", "Patient/p1", packed, headers={"Content-Encoding": "gzip"}).status == 400
    twice = gzip.compress(BODY) + gzip.compress(b" ")
    assert client.send("PUT", "Patient/p1", twice, headers={"Content-Encoding": "gzip"}).status == 400


@pytest.mark.parametrize(
    ("method", "path", "kind"),
    [
        ("POST", "Patient", "application/json-patch+json"),
        ("PUT", "Patient/p1", "application/json-patch+json"),
        ("POST", "", "application/json-patch+json"),
        ("POST", "Patient/_search", "application/fhir+json"),
        ("PATCH", "Patient/p1", "application/x-www-form-urlencoded"),
    ],
)
def test_a_body_of_a_kind_for_elsewhere_is_415(client: Client, method: str, path: str, kind: str) -> None:
    assert client.send(method, path, PATIENT, content_type=kind).status == 415


def test_utf8_may_stand_in_a_url_or_header_as_it_is(client: Client) -> None:
    client.put("Patient/p1", PATIENT | {"name": [{"family": "é"}]})
    assert client.send("GET", "Patient", environ={"QUERY_STRING": "family=\xc3\xa9"}).found("Patient") == ["p1"]
    again = client.send("POST", "Patient", PATIENT, environ={"HTTP_IF_NONE_EXIST": "family=\xc3\xa9"})
    assert (again.status, again.json["id"]) == (200, "p1")


def test_a_form_s_format_counts_as_the_query_s(client: Client) -> None:
    form = "application/x-www-form-urlencoded"
    answer = client.send("POST", "Patient/_search", b"_format=xml&_pretty=true", content_type=form)
    assert answer.headers["Content-Type"].startswith("application/fhir+xml")
    assert "\n  <type" in answer.text
    assert client.send("POST", "Patient/_search", b"_format=turtle", content_type=form).status == 406
    assert client.send("POST", "Patient/_search").status == 200


def test_only_a_decent_request_id_is_taken_over(client: Client) -> None:
    given = "7b1c0f0e-9a53-4f0f-8c2f-6f1d7a0f3a11"
    assert client.get("metadata", X_Request_Id=given).headers["X-Request-Id"] == given
    for bad in ("short", "x" * 65, "Jane Doe 1970", "a_b_c_d_e_f"):
        made = client.get("metadata", X_Request_Id=bad).headers["X-Request-Id"]
        assert made != bad
        assert len(made) == 32


class Broken(OperatorPolicy):
    """Fails on one type, with a message that nobody may see."""

    def decide(self, principal: Principal, interaction: str, type_name: str | None) -> Decision:
        if type_name == "Consent":
            raise ZeroDivisionError("Jane Doe, born 1970-01-31")
        return super().decide(principal, interaction, type_name)


def test_a_fault_of_ours_tells_its_id_and_nothing_else(settings: Settings, capfd: pytest.CaptureFixture[str]) -> None:
    telemetry.configure_logging("info")
    client = Client(settings, policy=Broken())
    capfd.readouterr()
    answer = client.get("Consent/c1", Accept="application/fhir+xml", X_Request_Id="12345678-abcd")
    assert answer.status == 500
    assert answer.json["issue"] == [
        {
            "severity": "error",
            "code": "exception",
            "diagnostics": "internal error; tell the operator the id 12345678-abcd",
        }
    ]
    lines = [json.loads(line) for line in capfd.readouterr().err.splitlines()]
    assert [(line["event"], line["request_id"]) for line in lines] == [
        ("internal_error", "12345678-abcd"), ("request", "12345678-abcd"),
    ]  # fmt: skip
    assert lines[0]["error"] == "ZeroDivisionError"
    assert "Jane" not in str(lines)
    client.close()
    assert [(r["status"], r["reason"], r["interaction"]) for r in records(settings)] == [(500, "exception", "read")]


def test_a_fault_in_one_entry_of_a_batch_takes_no_other_s_answer_with_it(settings: Settings) -> None:
    client = Client(settings, policy=Broken())
    entries = [
        {"request": {"method": "PUT", "url": "Patient/p1"}, "resource": PATIENT},
        {"request": {"method": "GET", "url": "Consent/c1"}},
        {"request": {"method": "GET", "url": "Patient/p1"}},
    ]
    answer = client.post("", {"resourceType": "Bundle", "type": "batch", "entry": entries})
    assert [e["response"]["status"][:3] for e in answer.json["entry"]] == ["201", "500", "200"]
    assert "Jane" not in answer.text
    whole = client.post("", {"resourceType": "Bundle", "type": "transaction", "entry": entries})
    assert whole.status == 500
    assert client.get("Patient/p1").etag == 'W/"1"'
    client.close()
    told = sorted((-1 if r["entry"] is None else r["entry"], r["interaction"], r["status"]) for r in records(settings))
    assert told == [
        (-1, "batch", 200), (-1, "read", 200), (-1, "transaction", 500),
        (0, "update", 201), (1, "read", 500), (2, "read", 200),
    ]  # fmt: skip


def test_log_lines_hold_nothing_of_a_person_or_a_token(settings: Settings, capfd: pytest.CaptureFixture[str]) -> None:
    telemetry.configure_logging("debug")
    client = Client(settings)
    capfd.readouterr()
    person = PATIENT | {"id": "secretid", "name": [{"family": "Secretname"}]}
    client.put("Patient/secretid", person, Authorization="Bearer secrettoken", If_None_Exist="family=secretcriteria")
    client.get("Patient/secretid")
    client.get("Patient?family=secretquery")
    client.post("Patient", person, If_None_Exist="family=secretcriteria")
    client.post("Patient", person | {"birthDate": "secretvalue"})
    client.send("SECRETVERB", "Patient")
    client.get("Secrettype/secretid")
    client.send("GET", "/secretpath")
    bundle = {"resourceType": "Bundle", "type": "transaction", "entry": [
        {"resource": person, "request": {"method": "PUT", "url": "Patient/secretid"}},
    ]}  # fmt: skip
    client.post("", bundle)
    client.close()
    lines = capfd.readouterr().err.splitlines()
    assert len(lines) == 9
    assert all(json.loads(line)["event"] == "request" for line in lines)
    assert "secret" not in "".join(lines).lower()
