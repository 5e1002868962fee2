"""The small network that the scenarios play on: who is there before anything happens."""

from tests.builders.actors import (
    healthcare_service,
    location,
    organization,
    patient,
    practitioner,
    practitioner_role,
)
from tests.builders.referrals import consent, questionnaire

CLINIC = organization("clinic", name="Example Clinic", kind="")
HUB = organization("hub", name="Example Hub", kind="hub")
FOOD_BANK = organization("food-bank", name="Example Food Bank")
SHELTER = organization("shelter", name="Example Shelter")
DOCTOR = practitioner("doctor")
ROLE = practitioner_role("doctor-at-clinic", of=DOCTOR, at=CLINIC)
ANA = patient("ana")
BORIS = patient("boris", given="Boris", gender="male")
CONSENT = consent("consent-ana", subject=ANA, organization=CLINIC)
SURVEY = questionnaire("hunger", title="Hunger")
NETWORK = (
    CLINIC, HUB, FOOD_BANK, SHELTER, DOCTOR, ROLE, ANA, BORIS, CONSENT, SURVEY,
    questionnaire("assets", title="Assets"), location("pantry"),
    healthcare_service("pantry-service", by=FOOD_BANK, location=[{"reference": "Location/pantry"}]),
)  # fmt: skip
