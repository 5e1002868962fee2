"""Who takes part in a referral: organizations, their people and services, and the person it is about."""

from typing import Any

from tests.builders.codes import (
    CAPACITY_STATUS,
    ORGANIZATION_TYPES,
    TEMPORARY_CODES,
    US_CORE,
    coding,
    concept,
    gravity,
    profile,
)

JsonObject = dict[str, Any]


def resource(type_name: str, resource_id: str | None, canonical: str, **members: Any) -> JsonObject:
    """A resource with resourceType, id (when given), meta.profile and members, in order; None leaves one out."""
    start: JsonObject = {"resourceType": type_name}
    if resource_id is not None:
        start["id"] = resource_id
    if canonical:
        start["meta"] = {"profile": [canonical]}
    return {name: value for name, value in (start | members).items() if value is not None}


def reference(target: JsonObject | str) -> JsonObject:
    """A Reference to a resource, or to a reference text."""
    return {"reference": target if isinstance(target, str) else f"{target['resourceType']}/{target['id']}"}


def us_core(name: str) -> str:
    """The canonical of a US Core profile, as the guide pins it."""
    return f"{US_CORE}/StructureDefinition/us-core-{name}"


def patient(
    resource_id: str | None = None, *, family: str = "Testperson", given: str = "Ana", **members: Any
) -> JsonObject:
    """A person; the name says that it is synthetic."""
    start = {
        "identifier": [{"system": "http://example.org/mrn", "value": f"mrn-{family}-{given}".lower()}],
        "name": [{"use": "official", "family": family, "given": [given]}],
        "telecom": [{"system": "phone", "value": "+1-555-0100", "use": "mobile"}],
        "gender": "female",
        "birthDate": "1980-02-29",
    }
    return resource("Patient", resource_id, us_core("patient"), **start | members)


def organization(
    resource_id: str | None = None, *, name: str = "Example Food Bank", kind: str = "cbo", **members: Any
) -> JsonObject:
    """An organization; `kind` is a code of the reference implementation's organization types, empty for none."""
    types = [concept(ORGANIZATION_TYPES, kind)] if kind else None
    return resource(
        "Organization", resource_id, us_core("organization"), **{"active": True, "type": types, "name": name} | members
    )


def practitioner(
    resource_id: str | None = None, *, family: str = "Sample", given: str = "Jan", **members: Any
) -> JsonObject:
    """A clinician."""
    start = {
        "identifier": [{"system": "http://hl7.org/fhir/sid/us-npi", "value": "9941339108"}],
        "name": [{"family": family, "given": [given], "prefix": ["Dr"]}],
    }
    return resource("Practitioner", resource_id, us_core("practitioner"), **start | members)


def practitioner_role(resource_id: str | None = None, *, of: JsonObject, at: JsonObject, **members: Any) -> JsonObject:
    """What a clinician does at an organization."""
    start = {"practitioner": reference(of), "organization": reference(at)}
    return resource("PractitionerRole", resource_id, profile("practitionerrole"), **start | members)


def location(resource_id: str | None = None, **members: Any) -> JsonObject:
    """A place with an address."""
    start = {
        "status": "active",
        "name": "Example Pantry",
        "address": {"line": ["1 Example Street"], "city": "Sampletown", "state": "CA", "postalCode": "00000"},
    }
    return resource("Location", resource_id, profile("Location"), **start | members)


def healthcare_service(
    resource_id: str | None = None, *, by: JsonObject | str, capacity: str = "capacity", **members: Any
) -> JsonObject:
    """A service with a capacity status."""
    status = {"url": "capacityStatus", "valueCodeableConcept": gravity(capacity)}
    category = {
        "coding": [coding(f"{US_CORE}/CodeSystem/us-core-category", "sdoh"), coding(TEMPORARY_CODES, "food-insecurity")]
    }
    start = {
        "extension": [{"url": CAPACITY_STATUS, "extension": [status]}],
        "active": True,
        "providedBy": reference(by),
        "category": [category],
        "type": [concept("http://terminology.hl7.org/CodeSystem/service-type", "252", "Assessment")],
        "name": "Example Food Program",
    }
    return resource(
        "HealthcareService", resource_id, profile("HealthcareServiceForReferralManagement"), **start | members
    )
