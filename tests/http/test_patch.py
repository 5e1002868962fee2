"""patch: https://hl7.org/fhir/R4/http.html#patch ."""

from typing import Any

import pytest

from tests.http.client import FHIR_XML, Client

JSON_PATCH = "application/json-patch+json"
TASK: dict[str, Any] = {
    "resourceType": "Task", "id": "t1", "status": "requested", "intent": "order",
    "for": {"reference": "Patient/p1"}, "priority": "routine",
}  # fmt: skip


def fhirpath_patch(**parts: Any) -> dict[str, Any]:
    """One operation; a part's value[x] by what it is called."""
    kinds = {"type": "valueCode", "path": "valueString", "name": "valueString", "value": "valueCode"}
    part = [{"name": name, kinds[name]: value} for name, value in parts.items()]
    return {"resourceType": "Parameters", "parameter": [{"name": "operation", "part": part}]}


def test_a_json_patch_makes_the_next_version(client: Client) -> None:
    client.put("Task/t1", TASK)
    answer = client.patch(
        "Task/t1", [{"op": "replace", "path": "/status", "value": "accepted"}], content_type=JSON_PATCH
    )
    assert (answer.status, answer.etag, answer.json["status"]) == (200, 'W/"2"', "accepted")
    assert answer.headers["Location"].endswith("/Task/t1/_history/2")
    assert client.get("Task/t1").text == answer.text
    assert client.get("Task/t1/_history").json["entry"][0]["request"]["method"] == "PATCH"
    minimal = client.patch(
        "Task/t1", [{"op": "remove", "path": "/priority"}], content_type=JSON_PATCH, Prefer="return=minimal"
    )
    assert (minimal.status, minimal.text, minimal.etag) == (200, "", 'W/"3"')


def test_a_fhirpath_patch_comes_in_json_and_in_xml(client: Client) -> None:
    client.put("Task/t1", TASK)
    patch = fhirpath_patch(type="replace", path="Task.status", value="accepted")
    assert client.patch("Task/t1", patch).json["status"] == "accepted"
    assert client.patch("Task/t1", patch, content_type="application/json").etag == 'W/"3"'
    xml = (
        '<Parameters xmlns="http://hl7.org/fhir"><parameter><name value="operation"/>'
        '<part><name value="type"/><valueCode value="delete"/></part>'
        '<part><name value="path"/><valueString value="Task.priority"/></part></parameter></Parameters>'
    )
    answer = client.send("PATCH", "Task/t1", xml, content_type=FHIR_XML, headers={"Accept": FHIR_XML})
    assert (answer.status, answer.etag) == (200, 'W/"4"')
    assert answer.text.lstrip().startswith("<")
    assert "priority" not in client.get("Task/t1").json


@pytest.mark.parametrize(
    ("body", "kind", "status"),
    [
        ([{"op": "replace", "path": "/id", "value": "t2"}], JSON_PATCH, 400),
        ([{"op": "replace", "path": "/resourceType", "value": "Patient"}], JSON_PATCH, 400),
        ([{"op": "replace", "path": "", "value": []}], JSON_PATCH, 422),
        ([{"op": "replace", "path": "/status", "value": "nonsense"}], JSON_PATCH, 400),
        ([{"op": "remove", "path": "/status"}], JSON_PATCH, 400),
        ([{"op": "add", "path": "/meta", "value": {"tag": [{"code": "SUBSETTED"}]}}], JSON_PATCH, 400),
        ([{"op": "test", "path": "/status", "value": "draft"}], JSON_PATCH, 422),
        ([{"op": "sing", "path": "/status"}], JSON_PATCH, 400),
        ({"op": "remove", "path": "/status"}, JSON_PATCH, 400),
        ("[", JSON_PATCH, 400),
        (TASK, "application/fhir+json", 415),
        ([], "application/fhir+json", 415),
        ("<diff/>", "application/xml-patch+xml", 415),
        (fhirpath_patch(type="replace", path="Task.shoe", value="x"), "application/fhir+json", 400),
        (fhirpath_patch(type="replace", path="Task.id", value="t2"), "application/fhir+json", 400),
    ],
)
def test_what_cannot_be_applied_changes_nothing(client: Client, body: Any, kind: str, status: int) -> None:
    client.put("Task/t1", TASK)
    answer = client.patch("Task/t1", body, content_type=kind)
    assert (answer.status, answer.json["resourceType"]) == (status, "OperationOutcome"), answer.text
    assert client.get("Task/t1").etag == 'W/"1"'


def test_versions_of_the_server_stay_the_servers(client: Client) -> None:
    client.put("Task/t1", TASK)
    tampering = [
        {"op": "replace", "path": "/meta/versionId", "value": "77"},
        {"op": "replace", "path": "/meta/lastUpdated", "value": "1999-01-01T00:00:00Z"},
    ]
    answer = client.patch("Task/t1", tampering, content_type=JSON_PATCH)
    assert (answer.status, answer.json["meta"]["versionId"]) == (200, "2")
    assert not answer.json["meta"]["lastUpdated"].startswith("1999")
    dropped = client.patch("Task/t1", [{"op": "remove", "path": "/meta"}], content_type=JSON_PATCH)
    assert dropped.json["meta"]["versionId"] == "3"


def test_the_absent_and_the_deleted_cannot_be_patched(client: Client) -> None:
    patch = [{"op": "remove", "path": "/priority"}]
    assert client.patch("Task/t1", patch, content_type=JSON_PATCH).status == 404
    client.put("Task/t1", TASK)
    client.delete("Task/t1")
    gone = client.patch("Task/t1", patch, content_type=JSON_PATCH)
    assert (gone.status, gone.etag) == (410, 'W/"2"')
