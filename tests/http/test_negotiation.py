"""Formats, compression and limits: https://hl7.org/fhir/R4/http.html#mime-type ."""

import gzip

import pytest

from tests.http.client import FHIR_JSON, FHIR_XML, Client

PATIENT = {"resourceType": "Patient", "id": "p1", "active": True}


@pytest.mark.parametrize(
    ("accept", "query", "expected"),
    [
        ("", "", FHIR_JSON),
        ("*/*", "", FHIR_JSON),
        ("application/fhir+xml", "", FHIR_XML),
        ("application/fhir+xml;q=1.0, application/fhir+json;q=1.0, application/xml+fhir;q=0.9", "", FHIR_JSON),
        ("application/fhir+json;q=0.5, application/fhir+xml", "", FHIR_XML),
        ("text/html,application/json;q=0.9", "", FHIR_JSON),
        ("application/fhir+json; fhirVersion=4.0", "", FHIR_JSON),
        ("application/fhir+json", "?_format=xml", FHIR_XML),
        ("application/pdf", "?_format=json", FHIR_JSON),
        ("application/pdf", "?_format=application/fhir%2Bxml", FHIR_XML),
    ],
)
def test_the_format_asked_for_is_sent(client: Client, accept: str, query: str, expected: str) -> None:
    client.put("Patient/p1", PATIENT)
    answer = client.get(f"Patient/p1{query}", Accept=accept)
    assert answer.status == 200
    assert answer.headers["Content-Type"] == f"{expected};charset=utf-8"


def test_formats_nobody_sends_are_406(client: Client) -> None:
    client.put("Patient/p1", PATIENT)
    assert client.get("Patient/p1", Accept="application/pdf").status == 406
    assert client.get("Patient/p1", Accept="application/fhir+json; fhirVersion=3.0").status == 406
    assert client.get("Patient/p1?_format=turtle").status == 406


def test_formats_nobody_takes_are_415(client: Client) -> None:
    for kind in (
        "text/plain",
        "application/pdf",
        "",
        "application/x-www-form-urlencoded",
        "application/fhir+json; charset=latin-1",
    ):
        assert client.send("POST", "Patient", b"x", content_type=kind).status == 415, kind
    assert client.send("PATCH", "Patient/p1", b"<diff/>", content_type="application/xml-patch+xml").status == 415


def test_pretty_is_for_people(client: Client) -> None:
    client.put("Patient/p1", PATIENT)
    assert '\n  "id": "p1"' in client.get("Patient/p1?_pretty=true").text


def test_xml_goes_in_and_out(client: Client) -> None:
    xml = '<Patient xmlns="http://hl7.org/fhir"><id value="p1"/><active value="true"/></Patient>'
    assert client.send("PUT", "Patient/p1", xml, content_type=FHIR_XML).status == 201
    assert client.get("Patient/p1").json["active"] is True
    assert '<active value="true"/>' in client.get("Patient/p1", Accept=FHIR_XML).text
    bomb = '<!DOCTYPE x [<!ENTITY a "b">]><Patient xmlns="http://hl7.org/fhir"><id value="&a;"/></Patient>'
    assert client.send("PUT", "Patient/p1", bomb, content_type=FHIR_XML).status == 400


def test_large_answers_are_compressed_for_who_unpacks(client: Client) -> None:
    client.put("Patient/p1", PATIENT | {"name": [{"text": "x" * 5_000}]})
    packed = client.get("Patient/p1", Accept_Encoding="gzip;q=1.0,deflate;q=0.6,identity;q=0.3")
    assert packed.headers["Content-Encoding"] == "gzip"
    assert packed.json["id"] == "p1"
    assert "Content-Encoding" not in client.get("Patient/p1", Accept_Encoding="identity").headers
    assert "Content-Encoding" not in client.get("Patient/p1", Accept_Encoding="gzip;q=0").headers


def test_bodies_may_come_packed_but_not_as_bombs(client: Client) -> None:
    packed = gzip.compress(b'{"resourceType":"Patient","id":"p1"}')
    assert client.send("PUT", "Patient/p1", packed, headers={"Content-Encoding": "gzip"}).status == 201
    bomb = gzip.compress(b" " * 50_000_000)
    assert client.send("PUT", "Patient/p1", bomb, headers={"Content-Encoding": "gzip"}).status == 413
    assert client.send("PUT", "Patient/p1", packed[:-9], headers={"Content-Encoding": "gzip"}).status == 400
    assert client.send("PUT", "Patient/p1", b"no gzip", headers={"Content-Encoding": "gzip"}).status == 400
    assert client.send("PUT", "Patient/p1", b"x", headers={"Content-Encoding": "br"}).status == 415


def test_too_large_and_too_deep_are_refused(client: Client) -> None:
    assert client.send("POST", "Patient", b" " * 10_000_001).status == 413
    deep = '{"resourceType":"Patient","extension":' + '[{"url":"http://x","extension":' * 200 + "[]" + "}]" * 200 + "}"
    assert client.send("POST", "Patient", deep).status == 400


def test_binary_comes_and_goes_in_its_own_type_as_an_attachment(client: Client) -> None:
    made = client.send("POST", "Binary", b"%PDF-1.7", content_type="application/pdf")
    assert made.status == 201
    path = f"Binary/{made.json['id']}"
    assert client.get(path, Accept="application/pdf").text == "%PDF-1.7"
    native = client.get(path, Accept="application/pdf, */*")
    assert (native.text, native.headers["Content-Type"]) == ("%PDF-1.7", "application/pdf")
    assert native.headers["Content-Disposition"] == "attachment"
    assert "sandbox" in native.headers["Content-Security-Policy"]
    assert client.get(path, Accept=FHIR_JSON).json["contentType"] == "application/pdf"
    page = client.send("PUT", path, b"<script>1</script>", content_type="text/html")
    assert page.status == 200
    assert client.get(path, Accept="text/html").headers["Content-Disposition"] == "attachment"
