"""read and vread: https://hl7.org/fhir/R4/http.html#read ."""

from tests.http.client import Client

PATIENT = {"resourceType": "Patient", "id": "p1", "active": True, "birthDate": "1970-01-31"}


def test_read_returns_what_was_stored_with_version_headers(client: Client) -> None:
    created = client.put("Patient/p1", PATIENT)
    read = client.get("Patient/p1")
    assert read.status == 200
    assert read.text == created.text
    assert read.etag == 'W/"1"'
    assert read.headers["Last-Modified"].endswith(" GMT")
    assert read.headers["Cache-Control"] == "private, no-cache"
    assert read.headers["X-Content-Type-Options"] == "nosniff"
    assert "Accept" in read.headers["Vary"]
    assert read.json["meta"]["versionId"] == "1"
    assert {k: v for k, v in read.json.items() if k != "meta"} == PATIENT


def test_what_is_not_there_is_404_with_an_outcome(client: Client) -> None:
    for path in (
        "Patient/nobody",
        "Patient/p1/_history/1",
        "Patient/p1/_history",
        "Patient/a_b",
        "Nothing/1",
        "Patient/p1/x/y",
    ):
        answer = client.get(path)
        assert answer.status == 404, path
        assert answer.json["resourceType"] == "OperationOutcome"


def test_vread_gives_each_version(client: Client) -> None:
    client.put("Patient/p1", PATIENT)
    client.put("Patient/p1", PATIENT | {"active": False})
    assert client.get("Patient/p1/_history/1").json["active"] is True
    assert client.get("Patient/p1/_history/2").json["active"] is False
    assert client.get("Patient/p1/_history/1").etag == 'W/"1"'
    assert client.get("Patient/p1/_history/3").status == 404
    assert client.get("Patient/p1/_history/0").status == 404


def test_the_deleted_is_gone_with_its_etag_and_its_versions_stay(client: Client) -> None:
    client.put("Patient/p1", PATIENT)
    assert client.delete("Patient/p1").status == 204
    gone = client.get("Patient/p1")
    assert (gone.status, gone.etag) == (410, 'W/"2"')
    assert client.get("Patient/p1/_history/1").status == 200
    assert client.get("Patient/p1/_history/2").status == 410


def test_a_conditional_read_answers_304_only_to_who_has_the_version(client: Client) -> None:
    client.put("Patient/p1", PATIENT)
    modified = client.get("Patient/p1").headers["Last-Modified"]
    for headers in (
        {"If_None_Match": 'W/"1"'}, {"If_None_Match": '"1"'}, {"If_None_Match": "*"},
        {"If_None_Match": 'W/"7", W/"1"'}, {"If_Modified_Since": modified},
    ):  # fmt: skip
        answer = client.get("Patient/p1", **headers)
        assert (answer.status, answer.text) == (304, ""), headers
        assert answer.etag == 'W/"1"'
    for headers in (
        {"If_None_Match": 'W/"2"'}, {"If_Modified_Since": "Thu, 01 Jan 1970 00:00:00 GMT"},
        {"If_Modified_Since": "nonsense"}, {"If_None_Match": 'W/"2"', "If_Modified_Since": modified},
    ):  # fmt: skip
        assert client.get("Patient/p1", **headers).status == 200, headers


def test_head_is_get_without_the_body(client: Client) -> None:
    client.put("Patient/p1", PATIENT)
    answer = client.head("Patient/p1")
    assert (answer.status, answer.text, answer.etag) == (200, "", 'W/"1"')
    assert int(answer.headers["Content-Length"]) == len(client.get("Patient/p1").text.encode())


def test_summary_and_elements_leave_out_and_say_so(client: Client) -> None:
    client.put("Patient/p1", PATIENT | {"maritalStatus": {"text": "unknown"}, "name": [{"family": "Example"}]})
    summary = client.get("Patient/p1?_summary=true").json
    assert "maritalStatus" not in summary
    assert summary["birthDate"] == "1970-01-31"
    assert summary["meta"]["tag"][0]["code"] == "SUBSETTED"
    elements = client.get("Patient/p1?_elements=birthDate").json
    assert set(elements) == {"resourceType", "id", "meta", "active", "birthDate"}  # active is a modifier
    assert client.get("Patient/p1?_summary=sometimes").status == 400
    assert client.put("Patient/p1", elements).status == 400
