"""Codes and canonicals that the builders and the scenarios share."""

from typing import Any

GRAVITY = "http://hl7.org/fhir/us/sdoh-clinicalcare"
TEMPORARY_CODES = f"{GRAVITY}/CodeSystem/SDOHCC-CodeSystemTemporaryCodes"
ORGANIZATION_TYPES = "http://hl7.org/gravity/CodeSystem/sdohcc-temporary-organization-type-codes"
SDC_CODES = "http://hl7.org/fhir/uv/sdc/CodeSystem/temp"
SNOMED = "http://snomed.info/sct"
ICD_10_CM = "http://hl7.org/fhir/sid/icd-10-cm"
TASK_CODE = "http://hl7.org/fhir/CodeSystem/task-code"
US_CORE = "http://hl7.org/fhir/us/core"

REFERRAL_TASK = f"{GRAVITY}/StructureDefinition/SDOHCC-TaskForReferralManagement"
PATIENT_TASK = f"{GRAVITY}/StructureDefinition/SDOHCC-TaskForPatient"
CAPACITY_STATUS = f"{GRAVITY}/StructureDefinition/SDOHCC-ExtensionHealthcareServiceCapacityStatus"


def profile(name: str) -> str:
    """The canonical of a profile of the guide: `profile("Consent")`."""
    return f"{GRAVITY}/StructureDefinition/SDOHCC-{name}"


def coding(system: str, code: str, display: str = "") -> dict[str, Any]:
    """A Coding."""
    return {"system": system, "code": code} | ({"display": display} if display else {})


def concept(system: str, code: str, display: str = "") -> dict[str, Any]:
    """A CodeableConcept of one Coding."""
    return {"coding": [coding(system, code, display)]}


def gravity(code: str, display: str = "") -> dict[str, Any]:
    """A CodeableConcept from the guide's own code system."""
    return concept(TEMPORARY_CODES, code, display)


FOOD = gravity("food-insecurity", "Food Insecurity")
SOCIAL_SERVICE = concept(SNOMED, "410606002", "Social service procedure")
