"""HEAD, _summary, _elements and the headers that every answer has.

https://hl7.org/fhir/R4/http.html#summary and https://hl7.org/fhir/R4/search.html#elements
"""

import pytest

from fhir_server.settings import Settings
from tests.http.client import FHIR_XML, Client

PATIENT = {
    "resourceType": "Patient", "id": "p1", "active": True, "birthDate": "1970-01-31",
    "text": {"status": "generated", "div": '<div xmlns="http://www.w3.org/1999/xhtml">x</div>'},
    "contact": [{"name": {"family": "y"}}],
}  # fmt: skip
VARYING = {"X-Request-Id", "Date"}


@pytest.mark.parametrize(
    "path",
    ["Patient/p1", "Patient/p1/_history/1", "Patient/p1/_history", "Patient/_history", "_history", "Patient",
     "metadata", "Patient/nobody", "Patient/gone", "Nothing/1", "Patient?shoe=1", "Patient/p1?_format=xml"],
)  # fmt: skip
def test_head_is_get_without_a_body(client: Client, path: str) -> None:
    client.put("Patient/p1", PATIENT)
    client.put("Patient/gone", PATIENT | {"id": "gone"})
    client.delete("Patient/gone")
    get, head = client.get(path), client.head(path)
    assert (head.status, head.text) == (get.status, "")
    told = [{k: v for k, v in answer.headers.items() if k not in VARYING} for answer in (get, head)]
    assert told[0] == told[1]


@pytest.mark.parametrize(
    ("query", "kept", "dropped"),
    [
        ("_summary=true", {"active", "birthDate"}, {"text", "contact"}),
        ("_summary=text", {"text"}, {"active", "contact"}),
        ("_summary=data", {"active", "contact"}, {"text"}),
        ("_elements=birthDate", {"birthDate"}, {"contact", "text"}),
        ("_elements=Patient.contact,birthDate", {"birthDate", "contact"}, {"text"}),
    ],
)
def test_parts_are_marked_everywhere_and_not_taken_back(
    client: Client, query: str, kept: set[str], dropped: set[str]
) -> None:
    client.put("Patient/p1", PATIENT)
    whole = client.get("Patient/p1").json
    for path in (
        "Patient/p1",
        "Patient/p1/_history/1",
        "Patient/p1/_history",
        "Patient/_history",
        "_history",
        "Patient",
    ):
        answer = client.get(f"{path}?{query}")
        part = answer.resources[0] if answer.json["resourceType"] == "Bundle" else answer.json
        assert kept <= set(part), path
        assert not dropped & set(part), path
        assert part["meta"]["tag"][0]["code"] == "SUBSETTED"
        assert part["meta"]["versionId"] == "1"
        assert client.put("Patient/p1", part).json["issue"][0]["code"] == "incomplete"
        assert client.post("Patient", part).status == 400
    assert client.get("Patient/p1").json == whole
    assert client.get(f"Patient/p1?{query}", Accept=FHIR_XML).status == 200


def test_a_summary_that_is_none_is_refused(client: Client) -> None:
    client.put("Patient/p1", PATIENT)
    for path in ("Patient/p1", "Patient", "Patient/p1/_history"):
        assert client.get(f"{path}?_summary=nonsense").status == 400, path
        assert client.get(f"{path}?_summary=false").status == 200, path
        assert client.get(f"{path}?_summary=true&_elements=active").status == 400, path
    counted = client.get("Patient?_summary=count").json
    assert (counted["total"], "entry" in counted) == (1, False)
    assert client.get("Patient/_history?_summary=count").status == 400


def test_a_tag_of_one_s_own_is_no_mark_of_a_part(client: Client) -> None:
    own = PATIENT | {"meta": {"tag": [{"system": "http://mine.example", "code": "SUBSETTED"}]}}
    assert client.put("Patient/p1", own).status == 201


def test_every_answer_has_the_headers_that_keep_it_private(client: Client, settings: Settings) -> None:
    client.put("Patient/p1", PATIENT)
    answers = [
        client.get("Patient/p1"), client.get("Patient/p1", If_None_Match="*"), client.get("Patient/nobody"),
        client.delete("Patient/nobody"), client.put("Patient/p1", PATIENT, If_Match='W/"9"'), client.get("Patient"),
        client.get("metadata"), client.send("FOO", "Patient"), client.send("GET", "/nothing"),
        client.send("POST", "Binary", b"x", content_type="image/png"),
    ]  # fmt: skip
    answers.append(client.get(answers[-1].headers["Location"], Accept="image/png"))
    assert [a.status for a in answers] == [200, 304, 404, 204, 412, 200, 200, 405, 404, 201, 200]
    for answer in answers:
        assert answer.headers["Cache-Control"] == "private, no-cache"
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        assert {"Accept", "Authorization"} <= set(answer.headers["Vary"].split(", "))
        assert answer.headers["X-Request-Id"]
        assert ("Content-Type" in answer.headers) is (answer.status not in {204, 304})


@pytest.mark.parametrize(
    ("accepted", "is_packed"),
    [("gzip", True), ("deflate, GZIP;q=0.5", True), ("gzip;q=0.0", False), ("gzip; q=0", False), ("x-gzip", False),
     ("br", False), ("", False)],
)  # fmt: skip
def test_only_who_takes_gzip_gets_it(client: Client, accepted: str, is_packed: bool) -> None:
    client.put("Patient/p1", PATIENT | {"name": [{"text": "x" * 5_000}]})
    answer = client.get("Patient/p1", Accept_Encoding=accepted)
    assert ("Content-Encoding" in answer.headers) is is_packed
    assert answer.json["id"] == "p1"
