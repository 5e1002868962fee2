"""The CapabilityStatement claims what is routed, and everything it claims works.

https://hl7.org/fhir/R4/capabilitystatement.html
"""

from typing import Any

import pytest

from fhir_server.definitions import load
from tests.http.client import FHIR_XML, Client

SAMPLES = {
    "token": "x", "reference": "x", "string": "x", "date": "2020-01-01", "uri": "http://x", "number": "1",
    "quantity": "5.4", "special": "1|1",
}  # fmt: skip
"""A value that fits, by kind."""


@pytest.fixture
def statement(client: Client) -> dict[str, Any]:
    answer = client.get("metadata")
    assert answer.status == 200
    found: dict[str, Any] = answer.json
    return found


def test_it_is_a_valid_statement_of_this_server(client: Client, statement: dict[str, Any]) -> None:
    assert statement["resourceType"] == "CapabilityStatement"
    assert statement["fhirVersion"] == "4.0.1"
    assert statement["implementation"]["url"] == client.base
    assert "instantiates" not in statement
    stored = client.get("metadata", Accept=FHIR_XML)
    assert stored.text.lstrip().startswith("<")


def test_types_that_are_off_are_not_claimed(client: Client, statement: dict[str, Any]) -> None:
    on = {resource["type"] for resource in statement["rest"][0]["resource"]}
    assert {"Task", "ServiceRequest", "Consent", "Patient", "Binary", "Provenance"} <= on
    assert not on & {"Subscription", "AuditEvent"}
    for name in set(load().resource_types) - on:
        assert client.get(f"{name}/x").status == 404


def test_every_claimed_search_parameter_is_taken_and_every_other_refused(
    client: Client, statement: dict[str, Any]
) -> None:
    for resource in statement["rest"][0]["resource"]:
        name = resource["type"]
        claimed = {p["name"]: p["type"] for p in resource.get("searchParam", ())}
        for code, kind in claimed.items():
            parameter = load().search_parameters[name][code]
            assert parameter.kind == kind
            value = "$".join(SAMPLES[part] for part in parameter.component_kinds or (kind,))
            answer = client.get(f"{name}?{code}={value}&_count=0")
            assert answer.status == 200, (name, code, answer.text)
        for code in set(load().search_parameters[name]) - set(claimed):
            assert client.get(f"{name}?{code}=1").status == 400, (name, code)


def test_every_claimed_include_is_taken(client: Client, statement: dict[str, Any]) -> None:
    for resource in statement["rest"][0]["resource"]:
        for parameter, values in (("_include", "searchInclude"), ("_revinclude", "searchRevInclude")):
            for value in resource.get(values, ())[:12]:
                answer = client.get(f"{resource['type']}?{parameter}={value}")
                assert answer.status == 200, (resource["type"], value, answer.text)


def test_every_claimed_interaction_is_routed(client: Client, statement: dict[str, Any]) -> None:
    asked = {
        "read": ("GET", "{}/r", 404), "vread": ("GET", "{}/r/_history/1", 404), "create": ("POST", "{}", 415),
        "update": ("PUT", "{}/x", 415), "patch": ("PATCH", "{}/x", 415), "delete": ("DELETE", "{}/x", 204),
        "history-instance": ("GET", "{}/r/_history", 404), "history-type": ("GET", "{}/_history", 200),
        "search-type": ("GET", "{}", 200),
    }  # fmt: skip
    for resource in statement["rest"][0]["resource"]:
        for interaction in resource["interaction"]:
            method, path, status = asked[interaction["code"]]
            answer = client.send(method, path.format(resource["type"]), headers={"Content-Type": "text/x"})
            if resource["type"] != "Binary" or status != 415:
                assert answer.status == status, (resource["type"], interaction["code"], answer.text)
    system = {interaction["code"] for interaction in statement["rest"][0]["interaction"]}
    assert system == {"batch", "transaction", "history-system", "search-system"}
    assert client.get("?_type=Patient").json["type"] == "searchset"


def test_an_include_that_leads_nowhere_is_neither_claimed_nor_taken(client: Client, statement: dict[str, Any]) -> None:
    include = "QuestionnaireResponse:questionnaire"
    claimed = next(r for r in statement["rest"][0]["resource"] if r["type"] == "QuestionnaireResponse")
    assert include not in claimed["searchInclude"]
    assert client.get(f"QuestionnaireResponse?_include={include}").status == 400
