"""What a referral is made of: needs, goals, consent, the request, the Task and what came of it."""

from typing import Any

from tests.builders.actors import JsonObject, reference, resource
from tests.builders.codes import (
    FOOD,
    ICD_10_CM,
    PATIENT_TASK,
    REFERRAL_TASK,
    SDC_CODES,
    SNOMED,
    SOCIAL_SERVICE,
    TASK_CODE,
    US_CORE,
    coding,
    concept,
    gravity,
    profile,
)

Target = JsonObject | str
CONDITION_CODES = "http://terminology.hl7.org/CodeSystem/condition-"


def condition(resource_id: str | None = None, *, subject: Target, **members: Any) -> JsonObject:
    """A health concern: food insecurity, with the ICD-10-CM coding that the referral source client draws."""
    start = {
        "clinicalStatus": concept(f"{CONDITION_CODES}clinical", "active"),
        "verificationStatus": concept(f"{CONDITION_CODES}ver-status", "unconfirmed"),
        "category": [concept(f"{US_CORE}/CodeSystem/condition-category", "health-concern"), FOOD],
        "code": {"coding": [coding(ICD_10_CM, "Z59.41", "Food insecurity"), coding(SNOMED, "733423003")]},
        "subject": reference(subject),
        "onsetPeriod": {"start": "2026-03-01"},
    }
    return resource("Condition", resource_id, profile("Condition"), **start | members)


def goal(resource_id: str | None = None, *, subject: Target, **members: Any) -> JsonObject:
    """A goal: enough food."""
    start = {
        "lifecycleStatus": "active",
        "achievementStatus": concept("http://terminology.hl7.org/CodeSystem/goal-achievement", "in-progress"),
        "category": [FOOD],
        "description": concept(SNOMED, "1078229009", "Food security"),
        "subject": reference(subject),
        "startDate": "2026-03-02",
    }
    return resource("Goal", resource_id, profile("Goal"), **start | members)


def characteristic(resource_id: str | None = None, *, subject: Target, **members: Any) -> JsonObject:
    """A personal characteristic: an Observation of the guide."""
    start = {
        "status": "final",
        "category": [gravity("personal-characteristic", "Personal Characteristic")],
        "code": concept("http://loinc.org", "76690-7", "Sexual orientation"),
        "subject": reference(subject),
        "effectiveDateTime": "2026-03-01T09:30:00Z",
        "valueCodeableConcept": concept(SNOMED, "20430005", "Heterosexual"),
    }
    return resource("Observation", resource_id, profile("ObservationPersonalCharacteristic"), **start | members)


def consent(resource_id: str | None = None, *, subject: Target, organization: Target, **members: Any) -> JsonObject:
    """A consent to share for a referral, its form attached."""
    start = {
        "status": "active",
        "scope": concept("http://terminology.hl7.org/CodeSystem/consentscope", "patient-privacy"),
        "category": [concept("http://terminology.hl7.org/CodeSystem/v3-ActCode", "IDSCL")],
        "patient": reference(subject),
        "dateTime": "2026-03-02T10:00:00Z",
        "organization": [reference(organization)],
        "sourceAttachment": {"contentType": "text/plain", "data": "SSBhZ3JlZS4=", "title": "Consent form"},
        "policyRule": concept("http://terminology.hl7.org/CodeSystem/consentpolicycodes", "hipaa-auth"),
    }
    return resource("Consent", resource_id, profile("Consent"), **start | members)


def service_request(
    resource_id: str | None = None, *, subject: Target, requester: Target | None = None, **members: Any
) -> JsonObject:
    """A request for food."""
    start = {
        "status": "active",
        "intent": "order",
        "category": [SOCIAL_SERVICE, FOOD],
        "code": concept(SNOMED, "467771000124109", "Assistance with application for food pantry program"),
        "subject": reference(subject),
        "authoredOn": "2026-03-02T10:05:00Z",
        "requester": reference(requester) if requester is not None else None,
    }
    return resource("ServiceRequest", resource_id, profile("ServiceRequest"), **start | members)


def task(
    resource_id: str | None = None,
    *,
    focus: Target,
    subject: Target,
    requester: Target,
    owner: Target | None,
    status: str = "requested",
    **members: Any,
) -> JsonObject:
    """A referral Task."""
    start = {
        "status": status,
        "intent": "order",
        "priority": "routine",
        "code": concept(TASK_CODE, "fulfill", "Fulfill the focal request"),
        "focus": reference(focus),
        "for": reference(subject),
        "authoredOn": "2026-03-02T10:06:00Z",
        "requester": reference(requester),
        "owner": reference(owner) if owner is not None else None,
    }
    return resource("Task", resource_id, REFERRAL_TASK, **start | members)


def patient_task(
    resource_id: str | None = None, *, subject: Target, requester: Target, questionnaire: str, **members: Any
) -> JsonObject:
    """A Task for the patient to fill in a questionnaire, as the referral source client sends it."""
    start = {
        "status": "ready",
        "intent": "order",
        "priority": "routine",
        "code": concept(SDC_CODES, "complete-questionnaire", "Complete Questionnaire"),
        "for": reference(subject),
        "authoredOn": "2026-03-02T10:07:00Z",
        "requester": reference(requester),
        "owner": reference(subject),
        "input": [{"type": concept(SDC_CODES, "questionnaire"), "valueCanonical": questionnaire}],
    }
    return resource("Task", resource_id, PATIENT_TASK, **start | members)


def procedure(resource_id: str | None = None, *, subject: Target, based_on: Target, **members: Any) -> JsonObject:
    """What was done for the person."""
    start = {
        "basedOn": [reference(based_on)],
        "status": "completed",
        "category": {"coding": SOCIAL_SERVICE["coding"] + FOOD["coding"]},
        "code": concept(SNOMED, "710925007", "Provision of food"),
        "subject": reference(subject),
        "performedDateTime": "2026-03-09",
    }
    return resource("Procedure", resource_id, profile("Procedure"), **start | members)


def performed(outcome: Target) -> JsonObject:
    """An output of a Task: the activity that resulted."""
    return {"type": gravity("resulting-activity", "Resulting Activity"), "valueReference": reference(outcome)}


def questionnaire(resource_id: str | None = None, *, title: str, **members: Any) -> JsonObject:
    """A questionnaire of one question."""
    start = {
        "url": f"http://example.org/Questionnaire/{title.replace(' ', '-')}",
        "title": title,
        "status": "active",
        "item": [{"linkId": "1", "text": "Did the food last?", "type": "boolean"}],
    }
    return resource("Questionnaire", resource_id, "", **start | members)


def bundle(kind: str, *entries: JsonObject) -> JsonObject:
    """A Bundle of entries."""
    return {"resourceType": "Bundle", "type": kind, "entry": list(entries)}


def put(body: JsonObject, **request: Any) -> JsonObject:
    """An entry that updates a resource by its own id."""
    url = f"{body['resourceType']}/{body['id']}"
    return {
        "fullUrl": f"http://example.org/fhir/{url}",
        "resource": body,
        "request": {"method": "PUT", "url": url} | request,
    }


def post(body: JsonObject, full_url: str = "", **request: Any) -> JsonObject:
    """An entry that creates a resource, with a fullUrl where others refer to it."""
    start: JsonObject = {"fullUrl": full_url} if full_url else {}
    return start | {"resource": body, "request": {"method": "POST", "url": body["resourceType"]} | request}
