"""Made-up resources, from alphabets so small that values collide.

https://hl7.org/fhir/R4/search.html  The same seed makes the same resources; references may lead nowhere.
"""

import json
import random
from typing import Any

from fhir_server.fhir.json import parse

JsonObject = dict[str, Any]

UCUM = "http://unitsofmeasure.org"
BASE = "https://hub.example.org/fhir"
CODES, SYSTEMS = ("a", "b", "c,1"), ("", "http://s", "http://t")
WORDS = ("Ann", "ánn  Lee", "Lee", "a", "Bo%", "b_o", "Straße", "an,d|x")
DATES = (
    "2020", "2020-01", "2020-02", "2020-01-15", "2020-01-15T10:00:00Z", "2020-01-15T12:00:00+02:00",
    "2020-01-15T10:00:00.250Z", "2021-06", "2020-12-31T23:30:00-05:00",
)  # fmt: skip
NUMBERS = ("1", "1.0", "1.04", "1.5", "2", "10", "1000", "-1", "0", "0.001")
UNITS: tuple[JsonObject, ...] = (
    {}, {"unit": "kg"}, {"system": UCUM, "code": "kg"}, {"system": UCUM, "code": "g"}, {"system": UCUM, "code": "mg"},
    {"system": UCUM, "code": "m"}, {"system": UCUM, "code": "cm"}, {"system": "http://u", "code": "kg"},
    {"system": UCUM, "code": "{x}", "unit": "x"},
)  # fmt: skip
COUNTS = {"Organization": 6, "Patient": 7, "ServiceRequest": 7, "Task": 12, "Observation": 14, "Location": 6, "List": 4}


def units(seed: int) -> list[list[JsonObject]]:
    """Resources in units of work of one to three."""
    chance = random.Random(seed)
    made = [_MAKERS[kind](chance, made_id(kind, n)) for kind, count in COUNTS.items() for n in range(count)]
    made += _TERMINOLOGY
    chance.shuffle(made)
    found: list[list[JsonObject]] = []
    while made:
        size = chance.randint(1, 3)
        found.append([_as_sent(resource) for resource in made[:size]])
        del made[:size]
    return found


def made_id(kind: str, number: int) -> str:
    """Ids of different types collide: Organization/o1 and Observation/o1, Location/l1 and List/l1."""
    return f"{kind[0].lower()}{number}"


def _as_sent(resource: JsonObject) -> JsonObject:
    """Numbers are written as texts in the alphabet, so that their digits stay."""
    text = json.dumps({name: value for name, value in resource.items() if value not in (None, [], {})})
    for number in NUMBERS:
        text = text.replace(f'"value": "#{number}"', f'"value": {number}')
    sent: JsonObject = parse(text.encode(), max_depth=64)
    return sent


def _some(chance: random.Random, make: Any, most: int = 2) -> list[Any]:
    return [make(chance) for _ in range(chance.randint(0, most))]


def _maybe(chance: random.Random, make: Any) -> Any:
    return make(chance) if chance.random() < 0.7 else None


def _coding(chance: random.Random) -> JsonObject:
    coding = {"code": chance.choice(CODES), "system": chance.choice(SYSTEMS), "display": chance.choice(("", "Lee a"))}
    return {name: value for name, value in coding.items() if value}


def _concept(chance: random.Random) -> JsonObject:
    text = {"text": chance.choice(WORDS)}
    return chance.choice(({"coding": [_coding(chance) for _ in range(chance.randint(1, 2))]}, text)) | (
        text if chance.random() < 0.3 else {}
    )


def _identifier(chance: random.Random) -> JsonObject:
    found: JsonObject = {"value": chance.choice(CODES)}
    if chance.random() < 0.5:
        found["system"] = chance.choice(SYSTEMS[1:])
    if chance.random() < 0.4:
        found["type"] = {"coding": [{"system": "http://s", "code": chance.choice("ab")}], "text": chance.choice(WORDS)}
    return found


def _reference(*kinds: str) -> Any:
    def make(chance: random.Random) -> JsonObject:
        kind = chance.choice(kinds)
        place = f"{kind}/{made_id(kind, chance.randrange(COUNTS[kind] + 1))}"
        return chance.choice((
            {"reference": place}, {"reference": place}, {"reference": place}, {"reference": f"{BASE}/{place}"},
            {"reference": f"{place}/_history/1"}, {"reference": f"https://elsewhere.org/{place}"},
            {"type": kind, "identifier": _identifier(chance)}, {"display": "somebody"},
            {"reference": "urn:uuid:c757873d-ec9a-4326-a141-556f43239520"},
        ))  # fmt: skip

    return make


def _name(chance: random.Random) -> JsonObject:
    return {"family": chance.choice(WORDS), "given": [chance.choice(WORDS) for _ in range(chance.randint(1, 2))]}


def _date(chance: random.Random) -> str:
    return chance.choice(DATES)


def _period(chance: random.Random) -> JsonObject:
    """None ends before it starts: the dates sort as texts, but for their zones."""
    start, end = sorted((_date(chance), _date(chance)))
    return chance.choice(({"start": start, "end": end}, {"start": start, "end": end}, {"start": start}, {"end": end}))


def _quantity(chance: random.Random) -> JsonObject:
    found = {"value": f"#{chance.choice(NUMBERS)}", **chance.choice(UNITS)}
    if chance.random() < 0.2:
        found["comparator"] = chance.choice(("<", "<=", ">", ">="))
    return found


def _organization(chance: random.Random, name: str) -> JsonObject:
    return {
        "resourceType": "Organization", "id": name, "name": chance.choice(WORDS), "active": _maybe(chance, _flag),
        "alias": _some(chance, lambda c: c.choice(WORDS)), "type": _some(chance, _concept),
        "identifier": _some(chance, _identifier), "partOf": _maybe(chance, _reference("Organization")),
    }  # fmt: skip


def _flag(chance: random.Random) -> bool:
    return chance.random() < 0.5


def _meta(chance: random.Random) -> JsonObject:
    profile = chance.sample(("http://p/a", "http://p/a|1", "http://p/a/b|2", "http://p/ab"), 2)
    return {
        "tag": [_coding(chance)],
        "profile": profile,
        "source": chance.choice(("http://p/a", "http://p/a/b", "http://p")),
    }


def _patient(chance: random.Random, name: str) -> JsonObject:
    return {
        "resourceType": "Patient", "id": name, "name": _some(chance, _name), "active": _maybe(chance, _flag),
        "identifier": _some(chance, _identifier), "gender": _maybe(chance, lambda c: c.choice(("male", "female"))),
        "birthDate": _maybe(chance, lambda c: c.choice(DATES[:4])),
        "managingOrganization": _maybe(chance, _reference("Organization")),
        "link": [{"other": _reference("Patient")(chance), "type": "seealso"} for _ in range(chance.randint(0, 1))],
        "meta": _maybe(chance, _meta),
    }  # fmt: skip


def _request(chance: random.Random, name: str) -> JsonObject:
    when = chance.choice(("occurrenceDateTime", "occurrencePeriod", "occurrenceTiming", "asNeededBoolean"))
    return {
        "resourceType": "ServiceRequest", "id": name, "status": chance.choice(("active", "draft")), "intent": "order",
        "subject": _reference("Patient")(chance), "category": _some(chance, _concept), "code": _maybe(chance, _concept),
        "performer": _some(chance, _reference("Organization", "Patient")),
        "basedOn": _some(chance, _reference("ServiceRequest"), 1), "authoredOn": _maybe(chance, _date),
        when: {"occurrenceDateTime": _date, "occurrencePeriod": _period, "asNeededBoolean": _flag}.get(
            when, lambda c: {"event": [_date(c), _date(c)]}
        )(chance),
    }  # fmt: skip


def _task(chance: random.Random, name: str) -> JsonObject:
    return {
        "resourceType": "Task", "id": name, "status": chance.choice(("requested", "accepted")), "intent": "order",
        "for": _maybe(chance, _reference("Patient")), "owner": _maybe(chance, _reference("Organization", "Patient")),
        "requester": _maybe(chance, _reference("Organization")), "focus": _maybe(chance, _reference("ServiceRequest")),
        "partOf": _some(chance, _reference("Task")), "code": _maybe(chance, _concept),
        "authoredOn": _maybe(chance, _date), "executionPeriod": _maybe(chance, _period),
        "identifier": _some(chance, _identifier),
    }  # fmt: skip


def _observation(chance: random.Random, name: str) -> JsonObject:
    component = [
        {"code": _concept(chance), **chance.choice(({}, {"valueQuantity": _quantity(chance)}))}
        for _ in range(chance.randint(0, 3))
    ]
    value = chance.choice((
        {"valueQuantity": _quantity(chance)}, {"valueQuantity": _quantity(chance)}, {"valueDateTime": _date(chance)},
        {"valueCodeableConcept": _concept(chance)}, {"valueString": chance.choice(WORDS)}, {},
    ))  # fmt: skip
    when = chance.choice(({"effectiveDateTime": _date(chance)}, {"effectivePeriod": _period(chance)}, {}))
    return {
        "resourceType": "Observation", "id": name, "status": "final", "code": _concept(chance), "component": component,
        "subject": _maybe(chance, _reference("Patient")), "performer": _some(chance, _reference("Organization")),
        "derivedFrom": _some(chance, _reference("Observation"), 1),
        "hasMember": _some(chance, _reference("Observation"), 1), **value, **when,
    }  # fmt: skip


def _position(chance: random.Random) -> JsonObject:
    return {"latitude": chance.choice((0, 1, 89.9)), "longitude": chance.choice((0, 1, 179.9, -179.9))}


def _location(chance: random.Random, name: str) -> JsonObject:
    return {
        "resourceType": "Location", "id": name, "name": chance.choice(WORDS),
        "position": _maybe(chance, _position), "partOf": _maybe(chance, _reference("Location")),
        "managingOrganization": _maybe(chance, _reference("Organization")),
    }  # fmt: skip


def _list(chance: random.Random, name: str) -> JsonObject:
    items = [{"item": _reference("Patient", "Task", "Organization")(chance)} for _ in range(chance.randint(0, 6))]
    return {
        "resourceType": "List", "id": name, "status": "current", "mode": "working", "entry": items,
        "title": chance.choice(WORDS), "subject": _maybe(chance, _reference("Patient")),
    }  # fmt: skip


_TERMINOLOGY: list[JsonObject] = [
    {"resourceType": "CodeSystem", "id": "tree", "url": "http://s", "status": "active", "content": "complete",
     "concept": [{"code": "a", "concept": [{"code": "b"}]}, {"code": "c,1"}]},
    {"resourceType": "ValueSet", "id": "listed", "url": "http://vs/listed", "status": "active",
     "compose": {"include": [
         {"system": "http://t", "concept": [{"code": "a"}]}, {"system": "http://s", "concept": [{"code": "b"}]}]}},
    {"resourceType": "ValueSet", "id": "tree", "url": "http://vs/tree", "status": "active", "compose": {
        "include": [{"system": "http://s"}, {"valueSet": ["http://vs/listed"]}],
        "exclude": [{"system": "http://s", "filter": [{"property": "concept", "op": "is-a", "value": "b"}]}]}},
]  # fmt: skip

_MAKERS = {
    "Organization": _organization,
    "Patient": _patient,
    "ServiceRequest": _request,
    "Task": _task,
    "Observation": _observation,
    "Location": _location,
    "List": _list,
}
