"""The Gravity referral source client (an EHR's screens), its requests as it sends them.

https://github.com/Gravity-SDOHCC/gravity-sdoh-referral-source-client
"""

from typing import Any

import pytest

from tests.builders.actors import organization, reference
from tests.builders.codes import ICD_10_CM, PATIENT_TASK, REFERRAL_TASK
from tests.builders.referrals import (
    characteristic,
    condition,
    goal,
    patient_task,
    performed,
    procedure,
    service_request,
    task,
)
from tests.http.client import Client, JsonObject
from tests.scenarios.network import ANA, CONSENT, DOCTOR, FOOD_BANK, ROLE
from tests.scenarios.ruby_fhir_client import READING, RubyClient

ROLE_REFERENCE = "PractitionerRole/doctor-at-clinic"


@pytest.fixture
def ehr(network: Client) -> RubyClient:
    """The client, connected."""
    return RubyClient(network)


def tasks(ehr: RubyClient, profile: str = REFERRAL_TASK, patient_id: str | None = "ana") -> list[JsonObject]:
    """The poll that runs on load and every 20 seconds."""
    found = ehr.search("Task", _profile=profile, _sort="-_lastUpdated", requester=ROLE_REFERENCE, subject=patient_id)
    return found.resources


def send_referral(
    ehr: RubyClient, status: str = "requested", consent_reference: str = "Consent/consent-ana"
) -> JsonObject:
    """The new-referral form: a ServiceRequest, then its Task."""
    request = ehr.create(
        service_request(
            subject=ANA,
            requester=ROLE,
            supportingInfo=[{"reference": consent_reference}],
            reasonReference=[{"reference": "Condition/"}],
        )
    )
    return ehr.create(task(focus=request, subject=ANA, requester=ROLE, owner=FOOD_BANK, status=status))


def test_connecting_asks_for_the_statement(ehr: RubyClient) -> None:
    statement = ehr.capability_statement()
    assert "json" in statement["format"] or "application/fhir+json" in statement["format"]


def test_connecting_again_in_xml_works_for_older_clients(network: Client) -> None:
    answer = network.send("GET", "metadata", headers=READING | {"Accept": "application/fhir+xml"})
    assert answer.status == 200
    assert answer.headers["Content-Type"].startswith("application/fhir+xml")
    assert '<fhirVersion value="4.0.1"' in answer.text


def test_choosing_a_practitioner(ehr: RubyClient) -> None:
    assert [p["id"] for p in ehr.search("Practitioner").resources] == ["doctor"]
    assert ehr.read("Practitioner", "doctor").resource["name"] == DOCTOR["name"]
    assert ehr.search("PractitionerRole", practitioner="doctor").resources[0]["id"] == "doctor-at-clinic"


def test_choosing_a_patient_shows_everyone_with_an_identifier(ehr: RubyClient) -> None:
    people = ehr.read("Patient", None).resources
    assert {p["id"] for p in people} == {"ana", "boris"}
    assert all(isinstance(p["identifier"], list) for p in people)


def test_a_missing_practitioner_role_matches_nothing(ehr: RubyClient) -> None:
    send_referral(ehr)
    found = ehr.search(
        "Task", _profile=REFERRAL_TASK, _sort="-_lastUpdated", requester="PractitionerRole/", subject="ana"
    )
    assert found.resources == []


def test_questionnaires_come_sorted_by_title_with_a_full_url(ehr: RubyClient) -> None:
    entries = ehr.search("Questionnaire", _sort="title").entries
    assert [e["resource"]["title"] for e in entries] == ["Assets", "Hunger"]
    assert all(e["fullUrl"].startswith("http") for e in entries)


def test_personal_characteristics_are_added_drawn_newest_first_and_deleted(ehr: RubyClient) -> None:
    older = ehr.create(characteristic(subject=ANA, effectiveDateTime="2025-12-31"))
    newer = ehr.create(characteristic(subject=ANA))

    def drawn() -> list[str]:
        found = ehr.search("Observation", _sort="-date", category="personal-characteristic", subject="ana")
        return [r["id"] for r in found.resources]

    assert drawn() == [newer["id"], older["id"]]
    ehr.destroy("Observation", newer["id"])
    assert drawn() == [older["id"]]


def test_a_condition_is_recorded_promoted_and_resolved(ehr: RubyClient) -> None:
    made = ehr.create(condition(subject=ANA))
    drawn = ehr.search("Condition", _sort="-_lastUpdated", subject="ana").resources
    assert [c["id"] for c in drawn] == [made["id"]]
    assert any(c["system"] == ICD_10_CM for c in drawn[0]["code"]["coding"])

    read = ehr.read("Condition", made["id"]).resource
    read["category"][0]["coding"][0]["code"] = "problem-list-item"
    promoted = ehr.update(read, made["id"])
    stale = dict(read)
    stale["clinicalStatus"] = {"coding": [dict(read["clinicalStatus"]["coding"][0], code="resolved")]}
    stale["abatementDateTime"] = "2026-03-20T12:00:00Z"
    resolved = ehr.update(stale, made["id"])
    assert [r["meta"]["versionId"] for r in (made, promoted, resolved)] == ["1", "2", "3"]
    assert resolved["clinicalStatus"]["coding"][0]["code"] == "resolved"


def test_a_goal_is_set_updated_and_deleted(ehr: RubyClient) -> None:
    made = ehr.create(goal(subject=ANA))
    assert [g["id"] for g in ehr.search("Goal", _sort="-_lastUpdated", subject="ana").resources] == [made["id"]]
    assert ehr.update(made | {"lifecycleStatus": "completed"}, made["id"])["lifecycleStatus"] == "completed"
    ehr.destroy("Goal", made["id"])
    assert ehr.search("Goal", _sort="-_lastUpdated", subject="ana").resources == []


def test_an_organization_is_added_and_listed_newest_first(ehr: RubyClient) -> None:
    telecom = [{"system": "url", "value": "https://cbo.example.org/fhir"}, {"system": "phone", "value": "+1-555-0199"}]
    made = ehr.create(organization(name="New Example CBO", kind="", contact=[{"telecom": telecom}]))
    listed = ehr.search("Organization", _sort="-_lastUpdated").resources
    assert listed[0]["id"] == made["id"]
    assert listed[0]["contact"][0]["telecom"] == telecom


def test_consents_of_the_patient_are_offered(ehr: RubyClient) -> None:
    assert [c["id"] for c in ehr.search("Consent", patient="ana").resources] == ["consent-ana"]


@pytest.mark.parametrize("status", ["draft", "requested"])
def test_a_referral_is_sent_and_drawn_at_the_next_poll(ehr: RubyClient, status: str) -> None:
    made = send_referral(ehr, status)
    assert [(t["id"], t["status"]) for t in tasks(ehr)] == [(made["id"], status)]
    drawn = tasks(ehr)[0]
    assert drawn["meta"]["profile"][0] == REFERRAL_TASK
    request = ehr.read(*drawn["focus"]["reference"].split("/")).resource
    assert request["status"] == "active"
    assert ehr.read(*request["supportingInfo"][0]["reference"].split("/")).resource["patient"] == CONSENT["patient"]
    assert ehr.read(*drawn["owner"]["reference"].split("/")).resource["name"] == FOOD_BANK["name"]


def test_a_referral_without_a_consent_keeps_its_incomplete_references(ehr: RubyClient) -> None:
    made = send_referral(ehr, consent_reference="Consent/")
    request = ehr.read(*made["focus"]["reference"].split("/")).resource
    assert request["supportingInfo"] == [{"reference": "Consent/"}]
    assert request["reasonReference"] == [{"reference": "Condition/"}]


def test_a_missing_patient_turns_the_poll_into_a_search_of_all(ehr: RubyClient) -> None:
    made = send_referral(ehr)
    assert [t["id"] for t in tasks(ehr, patient_id=None)] == [made["id"]]


def test_a_draft_is_sent_later(ehr: RubyClient) -> None:
    made = send_referral(ehr, "draft")
    read = ehr.read("Task", made["id"]).resource
    assert ehr.update(read | {"status": "requested"}, made["id"])["status"] == "requested"


def test_a_referral_is_cancelled_without_a_reason_and_its_request_revoked(ehr: RubyClient) -> None:
    made = send_referral(ehr)
    read = ehr.read("Task", made["id"]).resource
    assert ehr.update(read | {"status": "cancelled"}, made["id"])["status"] == "cancelled"
    request = ehr.read(*made["focus"]["reference"].split("/")).resource
    assert ehr.update(request | {"status": "revoked"}, request["id"])["status"] == "revoked"
    assert [t["status"] for t in tasks(ehr)] == ["cancelled"]


def test_the_outcome_of_a_referral_is_drawn(ehr: RubyClient) -> None:
    made = send_referral(ehr)
    done = ehr.create(procedure(subject=ANA, based_on=made["focus"]["reference"]))
    ehr.update(made | {"status": "completed", "output": [performed(done)]}, made["id"])
    drawn = tasks(ehr)[0]
    assert drawn["status"] == "completed"
    shown = ehr.read(*drawn["output"][0]["valueReference"]["reference"].split("/")).resource
    assert shown["performedDateTime"] == "2026-03-09"


def test_a_patient_task_carries_the_full_url_of_its_questionnaire(ehr: RubyClient) -> None:
    entry = ehr.search("Questionnaire", _sort="title").entries[1]
    made = ehr.create(patient_task(subject=ANA, requester=ROLE, questionnaire=entry["fullUrl"]))
    assert [t["id"] for t in tasks(ehr, PATIENT_TASK)] == [made["id"]]
    assert tasks(ehr) == []
    assert made["input"][0]["valueCanonical"] == entry["fullUrl"]


def test_the_evidence_of_a_task_is_read(ehr: RubyClient) -> None:
    answers: JsonObject = {
        "resourceType": "QuestionnaireResponse",
        "questionnaire": "http://example.org/Questionnaire/Hunger",
        "status": "completed",
        "subject": reference(ANA),
        "item": [{"linkId": "1", "answer": [{"valueBoolean": False}]}],
    }
    document: JsonObject = {
        "resourceType": "DocumentReference",
        "status": "current",
        "content": [{"attachment": {"contentType": "text/plain", "data": "SGVsbG8="}}],
    }
    for resource in (answers, document, characteristic(subject=ANA)):
        made = ehr.create(resource)
        assert _without_meta(ehr.read(made["resourceType"], made["id"]).resource) == _without_meta(made)


def test_a_page_holds_more_tasks_than_any_screen_shows(ehr: RubyClient) -> None:
    for _ in range(30):
        send_referral(ehr)
    assert len(tasks(ehr)) == 30


def test_a_copied_body_with_stale_meta_and_no_id_makes_a_new_resource(ehr: RubyClient) -> None:
    made = send_referral(ehr)
    copy = {name: value for name, value in made.items() if name != "id"}
    again = ehr.create(copy)
    assert again["id"] != made["id"]
    assert again["meta"]["versionId"] == "1"
    assert again["meta"]["lastUpdated"] > made["meta"]["lastUpdated"]


def test_nothing_found_is_a_bundle_that_parses(ehr: RubyClient) -> None:
    assert ehr.search("Goal", _sort="-_lastUpdated", subject="nobody").entries == []


def _without_meta(resource: JsonObject) -> dict[str, Any]:
    return {name: value for name, value in resource.items() if name != "meta"}
