"""A population: N referral Tasks with their ServiceRequests, the people they are about and who works on them.

Every resource follows from its number alone, so that files are written as a stream, twice the same, and a reference
needs no memory. The rule: what the searches ask for is as large at every N. A tail owner has 250 Tasks, a patient
five, a family name 25 patients, a stretch of time its number of Tasks; the big owner alone, and the ten hubs, grow.
"""

import datetime as dt
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.shares import (
    CATEGORIES,
    CATEGORY_SHARES,
    DECK,
    FAMILIES,
    GIVEN,
    SERVICES,
    STATUS_SHARES,
    deck,
    family,
)
from tests.builders import actors, codes, referrals

JsonObject = dict[str, Any]

UNIT = 1_000
"""N is a multiple of this: below it, shares would not come out whole."""
BIG = "Organization/county"
HUBS = 10
TASKS_OF_HELPER = 250
TASKS_OF_PATIENT = 5
PATIENTS_OF_FAMILY = 25
MRN = "http://example.org/mrn"
_BEGIN = dt.datetime(2023, 1, 1, tzinfo=dt.UTC)
_SECONDS = 3 * 365 * 86_400
_PATIENT_STEP = 7919  # a prime: neighbours in time are not neighbours in the list of patients
_LAP_STEP = 37  # nor are those of one owner always for the same people
_TIME_STEP = 617
_STATUSES = deck(STATUS_SHARES)
_CATEGORIES = deck(CATEGORY_SHARES)
_REQUEST_STATUS = {"completed": "completed", "cancelled": "revoked", "rejected": "revoked", "failed": "revoked"}
_NOTES = (
    "Called the family about opening hours and agreed on a visit; they will bring the letter about their household. ",
    "Left a message with the neighbour, who speaks for them; asked for a good time in the afternoon or evening. ",
    "The form came back unsigned, sent again with an envelope; the coordinator knows about it and follows up. ",
    "Visited in the morning and talked about what is needed most; transport to the appointment was arranged. ",
)
_NOTES_OF_TASK = 6


@dataclass(frozen=True, slots=True)
class Share:
    """Who owns a Task, and the how manieth of theirs it is."""

    owner: str
    owner_number: int
    rank: int


@dataclass(frozen=True, slots=True)
class Population:
    """N Tasks and what belongs to them."""

    tasks: int

    def __post_init__(self) -> None:
        if self.tasks < UNIT or self.tasks % UNIT:
            raise ValueError(f"a population has a multiple of {UNIT} Tasks")
        if self.families > FAMILIES:
            raise ValueError(f"there are names for {FAMILIES * PATIENTS_OF_FAMILY * TASKS_OF_PATIENT} Tasks")

    @property
    def helpers(self) -> int:
        """Owners of the long tail: half of the Tasks are theirs."""
        return self.tasks // 2 // TASKS_OF_HELPER

    @property
    def patients(self) -> int:
        """People, each with as many Tasks."""
        return self.tasks // TASKS_OF_PATIENT

    @property
    def families(self) -> int:
        """Different family names."""
        return self.patients // PATIENTS_OF_FAMILY

    @property
    def clinics(self) -> int:
        """Organizations that ask, and as many practitioners with a role at one of them."""
        return max(20, self.tasks // 1_000)

    @property
    def seconds_apart(self) -> int:
        """From one Task to the next, in the order of time."""
        return _SECONDS // self.tasks

    def share(self, number: int) -> Share:
        """Of ten Tasks two are the big owner's, three the hubs', five the tail's."""
        block, place = divmod(number, 10)
        if place < 2:
            return Share(BIG, 0, block * 2 + place)
        if place < 5:
            rank, hub = divmod(block * 3 + place - 2, HUBS)
            return Share(f"Organization/hub-{hub}", hub, rank)
        rank, owner = divmod(block * 5 + place - 5, self.helpers)
        return Share(helper(owner), owner, rank)

    def patient_of(self, number: int) -> int:
        """Whom a Task is for."""
        lap = number // self.patients
        return (number * _PATIENT_STEP + lap * _LAP_STEP) % self.patients

    def authored(self, place: int) -> str:
        """The instant of a place in the order of time."""
        return (_BEGIN + dt.timedelta(seconds=place * self.seconds_apart)).strftime("%Y-%m-%dT%H:%M:%SZ")

    def resources(self) -> Iterator[JsonObject]:
        """Everything, what is referred to before what refers to it."""
        for number in range(self.clinics):
            yield from self._clinic(number)
        yield actors.organization("county", name="County Office", kind="")
        for number in range(HUBS):
            yield actors.organization(f"hub-{number}", name=f"Hub {number}", kind="")
        for number in range(self.helpers):
            yield actors.organization(helper(number).partition("/")[2], name=f"Helper {family(number)}")
        for number in range(self.patients):
            yield self.patient(number)
        for number in range(self.tasks):
            yield from self.referral(number)

    def patient(self, number: int) -> JsonObject:
        """A person."""
        return actors.patient(
            person(number).partition("/")[2],
            family=family(number % self.families),
            given=GIVEN[number % len(GIVEN)],
            identifier=[{"system": MRN, "value": mrn(number)}],
            birthDate=(dt.date(1940, 1, 1) + dt.timedelta(days=number * 37 % 25_000)).isoformat(),
            gender=("female", "male", "other", "unknown")[number % 4],
        )

    def referral(self, number: int) -> tuple[JsonObject, JsonObject]:
        """A ServiceRequest and its Task."""
        share = self.share(number)
        status = _STATUSES[(share.rank * 7 + share.owner_number * 3) % DECK]
        category = _CATEGORIES[(share.rank * 13 + share.rank // DECK * 11 + share.owner_number * 19) % DECK]
        subject = person(self.patient_of(number))
        when = self.authored(number // UNIT * UNIT + number * _TIME_STEP % UNIT)
        request = referrals.service_request(
            _scrambled("s", number),
            status=_REQUEST_STATUS.get(status, "active"),
            category=[codes.concept(CATEGORIES, category)],
            code=codes.concept(SERVICES, f"{category}-help", f"Help with {category}"),
            subject=subject,
            requester=f"PractitionerRole/role-{number % self.clinics}",
            performer=[actors.reference(share.owner)],
            authoredOn=when,
        )
        return request, self._task(number, status, request)

    def _task(self, number: int, status: str, request: JsonObject) -> JsonObject:
        subject, when = request["subject"]["reference"], request["authoredOn"]
        owner = request["performer"][0]["reference"]
        done = status == "completed"
        return referrals.task(
            _scrambled("t", number),
            focus=f"ServiceRequest/{request['id']}",
            subject=subject,
            requester=f"Organization/clinic-{number % self.clinics}",
            owner=owner,
            status=status,
            priority="urgent" if number % 9 == 0 else "routine",
            identifier=[{"system": "http://example.org/tasks", "value": f"task-{number}"}],
            description=f"Referral {number} to {owner}",
            authoredOn=when,
            lastModified=when,
            note=[{"time": when, "text": _NOTES[(number + n) % len(_NOTES)] * 2} for n in range(_NOTES_OF_TASK)],
            input=[{"type": codes.gravity("social-care-plan"), "valueReference": actors.reference(subject)}],
            output=[referrals.performed(f"Procedure/done-{number}")] if done else None,
        )

    def _clinic(self, number: int) -> Iterator[JsonObject]:
        clinic = actors.organization(f"clinic-{number}", name=f"Clinic {family(number)}", kind="")
        doctor = actors.practitioner(f"doctor-{number}", family=family(number), given=GIVEN[number % len(GIVEN)])
        yield clinic
        yield doctor
        yield actors.practitioner_role(f"role-{number}", of=doctor, at=clinic)


def helper(number: int) -> str:
    """A tail owner."""
    return f"Organization/helper-{number:05}"


def person(number: int) -> str:
    """A patient."""
    return f"Patient/{_scrambled('p', number)}"


def mrn(number: int) -> str:
    """The identifier of a patient."""
    return f"MRN-{_scrambled('m', number)[1:11]}"


def write(population: Population, folder: Path) -> list[Path]:
    """The NDJSON file of a population; it may be of several gigabytes."""
    file = folder / f"population-{population.tasks}.ndjson"
    with file.open("w", encoding="utf-8") as output:
        for resource in population.resources():
            output.write(json.dumps(resource, separators=(",", ":")) + "\n")
    return [file]


def _scrambled(letter: str, number: int) -> str:
    """An id without order, as servers give them: a lookup in a large index must find its own way each time."""
    mask = 2**64 - 1
    mixed = (number * 256 + ord(letter)) * 0x9E3779B97F4A7C15 & mask
    mixed = (mixed ^ mixed >> 30) * 0xBF58476D1CE4E5B9 & mask
    mixed = (mixed ^ mixed >> 27) * 0x94D049BB133111EB & mask
    return f"{letter}{mixed ^ mixed >> 31:016x}"
