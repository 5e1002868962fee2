"""References: taken apart, found, rewritten."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fhir_server.fhir.references import Reference, parse, rewrite, visit
from fhir_server.fhir.structures import Structures


@pytest.mark.parametrize(
    ("text", "kind", "parts"),
    [
        ("Patient/1", "local", ("Patient", "1", "", "")),
        ("Patient/1/_history/2", "local", ("Patient", "1", "2", "")),
        ("http://a.example/fhir/Patient/a-b.C", "absolute", ("Patient", "a-b.C", "", "http://a.example/fhir")),
        ("https://a.example/Patient/1/_history/2", "absolute", ("Patient", "1", "2", "https://a.example")),
        ("http://a.example/Patient/Patient/1", "absolute", ("Patient", "1", "", "http://a.example/Patient")),
        ("Consent/", "incomplete", ("Consent", "", "", "")),
        ("http://a.example/fhir/Consent/", "incomplete", ("Consent", "", "", "http://a.example/fhir")),
        ("#p1", "fragment", ("", "p1", "", "")),
        ("#", "fragment", ("", "", "", "")),
        ("urn:uuid:0c5b1e4e-0000-4000-8000-000000000000", "urn", ("", "", "", "")),
        ("urn:oid:1.2.3", "urn", ("", "", "", "")),
        ("Patient?identifier=a|b", "conditional", ("Patient", "", "", "")),
        ("Patient", "other", ("", "", "", "")),
        ("patient/1", "other", ("", "", "", "")),
        ("Patient/1/", "other", ("", "", "", "")),
        ("Patient/a_b", "other", ("", "", "", "")),
        ("Patient/" + "a" * 65, "other", ("", "", "", "")),
        ("Patient/1\n", "other", ("", "", "", "")),
        ("Patient/1#x", "other", ("", "", "", "")),
        ("http://a.example/Patient/1?x=y", "other", ("", "", "", "")),
        ("ftp://a.example/Patient/1", "other", ("", "", "", "")),
        ("", "other", ("", "", "", "")),
        ("http://" + "a/" * 100_000, "other", ("", "", "", "")),
    ],
)
def test_a_reference_is_taken_apart(text: str, kind: str, parts: tuple[str, str, str, str]) -> None:
    assert parse(text) == Reference(kind, *parts, text)


ids = st.from_regex(r"[A-Za-z0-9.\-]{1,64}", fullmatch=True)
types = st.sampled_from(["Patient", "ServiceRequest", "QuestionnaireResponse"])
bases = st.sampled_from(["", "http://a.example/fhir", "https://b.example:8080/x/y/fhir"])


@given(bases, types, ids, st.one_of(st.just(""), ids))
def test_parts_put_together_are_found_again(base: str, type_name: str, resource_id: str, version_id: str) -> None:
    text = "/".join(filter(None, [base, type_name, resource_id, version_id and f"_history/{version_id}"]))
    kind = "absolute" if base else "local"
    assert parse(text) == Reference(kind, type_name, resource_id, version_id, base, text)


@given(st.text(max_size=50))
def test_any_text_is_a_reference_of_some_kind(text: str) -> None:
    assert parse(text).text == text


RESOURCE: dict[str, Any] = {
    "resourceType": "Basic",
    "reference": "http://not.example/a-reference",
    "contained": [{"resourceType": "Basic", "id": "c", "author": {"reference": "Practitioner/1"}}],
    "text": {
        "status": "generated",
        "div": '<div xmlns="http://www.w3.org/1999/xhtml"><a title="x" href="urn:uuid:1">urn:uuid:1</a>'
        "<a name='href'/><img src='Binary/1' alt=\"src\"/><a href=\"Patient?a=1\">q</a><a href='#x'>f</a></div>",
    },
    "subject": {"reference": "urn:uuid:1", "display": "urn:uuid:1"},
    "extension": [
        {"url": "urn:uuid:1", "valueReference": {"reference": "Patient?identifier=1"}},
        {"url": "http://x.example", "valueExpression": {"language": "text/fhirpath", "reference": "urn:uuid:1"}},
    ],
}


def found_in(resource: dict[str, Any]) -> list[str]:
    found: list[str] = []
    visit(resource, found.append)
    return found


def test_every_reference_is_visited_in_order() -> None:
    assert found_in(RESOURCE) == ["Practitioner/1", "urn:uuid:1", "Patient?identifier=1"]


def test_references_and_narrative_links_are_rewritten() -> None:
    links = {"urn:uuid:1": "Patient/7", "Binary/1": 'Binary/"&"', "Patient?identifier=1": "Patient/8"}
    asked: list[str] = []

    def replace(text: str) -> str | None:
        asked.append(text)
        return links.get(text)

    changed = rewrite(RESOURCE, replace)
    assert found_in(changed) == ["Practitioner/1", "Patient/7", "Patient/8"]
    assert changed["text"]["div"] == (
        '<div xmlns="http://www.w3.org/1999/xhtml"><a title="x" href="Patient/7">urn:uuid:1</a>'
        '<a name=\'href\'/><img src="Binary/&quot;&amp;&quot;" alt="src"/>'
        "<a href=\"Patient?a=1\">q</a><a href='#x'>f</a></div>"
    )
    assert changed["subject"]["display"] == "urn:uuid:1"
    assert changed["extension"][0]["url"] == "urn:uuid:1"
    assert changed["extension"][1] is RESOURCE["extension"][1]
    assert sorted(asked) == ["Binary/1", "Patient?identifier=1", "Practitioner/1", "urn:uuid:1", "urn:uuid:1"]


def test_without_a_replacement_the_resource_itself_comes_back() -> None:
    assert rewrite(RESOURCE, lambda text: None) is RESOURCE
    assert rewrite(RESOURCE, lambda text: text) is RESOURCE


def test_links_with_escaped_characters_are_compared_unescaped() -> None:
    resource = {"text": {"status": "generated", "div": '<a href="http://a.example/x#a&amp;b"></a>'}}
    changed = rewrite(resource, {"http://a.example/x#a&b": "Patient/1"}.get)
    assert changed["text"]["div"] == '<a href="Patient/1"></a>'


@pytest.mark.parametrize(
    "piece", ["<a ", '<a href="', "<a href='x", "<img src = ", "<a \t", "<a x href", '<a href="">']
)
def test_a_hostile_narrative_takes_linear_time(piece: str) -> None:
    resource = {"text": {"status": "generated", "div": piece * 50_000}}
    assert rewrite(resource, lambda text: None) is resource


def test_with_the_structures_links_of_other_types_are_rewritten_too(structures: Structures) -> None:
    resource = {
        "resourceType": "QuestionnaireResponse",
        "questionnaire": "urn:uuid:1",
        "identifier": {"system": "urn:uuid:1", "value": "urn:uuid:1"},
        "contained": [{"resourceType": "Questionnaire", "url": "urn:uuid:1", "derivedFrom": ["urn:uuid:1"]}],
        "item": [{"linkId": "urn:uuid:1", "answer": [{"valueUri": "urn:uuid:1"}, {"valueString": "urn:uuid:1"}]}],
        "_questionnaire": {"extension": [{"url": "u", "valueUrl": "http://x.example/Patient/1"}]},
        "subject": {"reference": "Patient?a=b"},
    }
    links = {"urn:uuid:1": "A/1", "http://x.example/Patient/1": "Patient/2", "Patient?a=b": "Patient/3"}
    assert rewrite(resource, links.get, structures) == {
        "resourceType": "QuestionnaireResponse",
        "questionnaire": "urn:uuid:1",
        "identifier": {"system": "A/1", "value": "urn:uuid:1"},
        "contained": [{"resourceType": "Questionnaire", "url": "A/1", "derivedFrom": ["urn:uuid:1"]}],
        "item": [{"linkId": "urn:uuid:1", "answer": [{"valueUri": "A/1"}, {"valueString": "urn:uuid:1"}]}],
        "_questionnaire": {"extension": [{"url": "u", "valueUrl": "Patient/2"}]},
        "subject": {"reference": "Patient/3"},
    }


def test_repeating_links_are_rewritten_one_by_one(structures: Structures) -> None:
    resource = {"resourceType": "Patient", "extension": [{"url": "u", "valueAttachment": {"url": "urn:uuid:1"}}] * 2}
    changed = rewrite(resource, {"urn:uuid:1": "Binary/1"}.get, structures)
    assert [e["valueAttachment"]["url"] for e in changed["extension"]] == ["Binary/1", "Binary/1"]
