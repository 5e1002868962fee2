"""Made-up resources and searches, from alphabets so small that values collide.

https://hl7.org/fhir/R4/search.html  Resources come from a seed, searches from hypothesis, which shrinks them.
"""

import json
import random
from typing import Any
from urllib.parse import quote

from hypothesis import strategies as st

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
COUNTS = {"Organization": 6, "Patient": 7, "ServiceRequest": 7, "Task": 12, "Observation": 14}


def units(seed: int) -> list[list[JsonObject]]:
    """Resources in units of work of one to three."""
    chance = random.Random(seed)
    made = [_MAKERS[kind](chance, f"{kind[0].lower()}{n}") for kind, count in COUNTS.items() for n in range(count)]
    chance.shuffle(made)
    found: list[list[JsonObject]] = []
    while made:
        size = chance.randint(1, 3)
        found.append([_as_sent(resource) for resource in made[:size]])
        del made[:size]
    return found


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
        place = f"{kind}/{kind[0].lower()}{chance.randrange(COUNTS[kind] + 1)}"
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


def _patient(chance: random.Random, name: str) -> JsonObject:
    return {
        "resourceType": "Patient", "id": name, "name": _some(chance, _name), "active": _maybe(chance, _flag),
        "identifier": _some(chance, _identifier), "gender": _maybe(chance, lambda c: c.choice(("male", "female"))),
        "birthDate": _maybe(chance, lambda c: c.choice(DATES[:4])),
        "managingOrganization": _maybe(chance, _reference("Organization")),
        "link": [{"other": _reference("Patient")(chance), "type": "seealso"} for _ in range(chance.randint(0, 1))],
        "meta": {"tag": [_coding(chance)]} if chance.random() < 0.5 else None,
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


_MAKERS = {
    "Organization": _organization,
    "Patient": _patient,
    "ServiceRequest": _request,
    "Task": _task,
    "Observation": _observation,
}

# Searches. A parameter is its kind, and for references the types it leads to here.
PARAMETERS: dict[str, dict[str, tuple[str, ...]]] = {
    "Organization": {
        "_id": ("id",), "_lastUpdated": ("date",), "name": ("string",), "active": ("flag",), "type": ("concept",),
        "identifier": ("identifier",), "partof": ("reference", "Organization"),
    },
    "Patient": {
        "_id": ("id",), "_tag": ("token",), "name": ("string",), "family": ("string",), "active": ("flag",),
        "identifier": ("identifier",), "gender": ("gender",), "birthdate": ("date",),
        "organization": ("reference", "Organization"), "link": ("reference", "Patient"),
    },
    "ServiceRequest": {
        "_id": ("id",), "status": ("status",), "subject": ("reference", "Patient"), "category": ("concept",),
        "code": ("concept",), "performer": ("reference", "Organization", "Patient"), "authored": ("date",),
        "based-on": ("reference", "ServiceRequest"), "occurrence": ("date",), "patient": ("reference", "Patient"),
    },
    "Task": {
        "_id": ("id",), "status": ("status",), "subject": ("reference", "Patient"), "code": ("concept",),
        "patient": ("reference", "Patient"), "owner": ("reference", "Organization", "Patient"),
        "requester": ("reference", "Organization"), "focus": ("reference", "ServiceRequest"),
        "part-of": ("reference", "Task"), "authored-on": ("date",), "period": ("date",), "identifier": ("identifier",),
    },
    "Observation": {
        "_id": ("id",), "code": ("concept",), "combo-code": ("concept",), "component-code": ("concept",),
        "value-quantity": ("quantity",), "component-value-quantity": ("quantity",), "value-string": ("string",),
        "combo-value-quantity": ("quantity",), "value-concept": ("concept",), "value-date": ("date",),
        "date": ("date",), "has-member": ("reference", "Observation"),
        "subject": ("reference", "Patient"), "performer": ("reference", "Organization"),
        "derived-from": ("reference", "Observation"), "component-code-value-quantity": ("composite", "quantity"),
        "code-value-quantity": ("composite", "quantity"), "code-value-concept": ("composite", "token"),
    },
}  # fmt: skip
MODIFIERS = {
    "id": ("", ":not", ":missing"),
    "string": ("", "", ":exact", ":contains", ":missing"),
    "flag": ("", ":not", ":missing"),
    "gender": ("", ":not", ":missing"),
    "status": ("", ":not", ":missing"),
    "token": ("", ":not", ":missing"),
    "concept": ("", "", ":not", ":text", ":missing"),
    "identifier": ("", ":not", ":text", ":of-type", ":missing"),
    "date": ("", ":missing"),
    "quantity": ("", ":missing"),
    "composite": ("",),
}
_PREFIXES = st.sampled_from(["", "", "eq", "ne", "gt", "lt", "ge", "le", "sa", "eb", "ap"])
_CODES = st.sampled_from(["a", "b", "c\\,1"])
_TOKENS = st.one_of(
    _CODES, st.builds("{}|{}".format, st.sampled_from(SYSTEMS), _CODES), st.sampled_from(["http://s|", "http://t|"])
)
_WORDS = st.sampled_from(["ann", "ánn", "Lee", "a", "bo%", "b_", "an\\,d\\|x", "STRASSE", "ann  lee", "Straße", "e"])
_DATES = st.builds(
    "{}{}".format, _PREFIXES, st.sampled_from([*DATES, "2020-01-15T10:00", "2019", "2023-11-14T22:13:40Z"])
)
_UNITS = st.sampled_from(
    ["", "||kg", "||x", f"|{UCUM}|kg", f"|{UCUM}|g", f"|{UCUM}|mm", f"|{UCUM}|{{x}}", "|http://u|kg"]
)
_QUANTITIES = st.builds("{}{}{}".format, _PREFIXES, st.sampled_from([*NUMBERS, "1e3", "1.5e0", "1000000"]), _UNITS)
_BOOLEANS = st.sampled_from(["true", "false"])
VALUES = {
    "id": st.sampled_from(["o1", "p1", "s1", "t1", "o2", "p2", "t3", "nobody"]),
    "string": _WORDS,
    "flag": _BOOLEANS,
    "gender": st.sampled_from(["male", "female", "http://hl7.org/fhir/administrative-gender|male", "|male"]),
    "status": st.sampled_from(
        ["requested", "accepted", "active", "draft", "http://hl7.org/fhir/task-status|requested"]
    ),
    "token": _TOKENS,
    "concept": _TOKENS,
    "identifier": _TOKENS,
    "date": _DATES,
    "quantity": _QUANTITIES,
}


@st.composite
def searches(draw: st.DrawFn, *, type_names: tuple[str, ...] = tuple(COUNTS)) -> str:
    """A search of one type: up to three criteria, order, includes."""
    type_name = draw(st.sampled_from(type_names))
    parts = [draw(criteria(type_name)) for _ in range(draw(st.integers(0, 3)))]
    keys = draw(st.lists(sort_keys(type_name), max_size=2))
    parts += [f"_sort={','.join(keys)}"] if keys else []
    parts += [draw(includes(type_name)) for _ in range(draw(st.sampled_from([0, 0, 1, 2])))]
    return f"{type_name}?{'&'.join(parts)}"


@st.composite
def criteria(draw: st.DrawFn, type_name: str) -> str:
    """One pair of a query, encoded: of the type's own parameters, or at the end of up to three links."""
    name, end = "", type_name
    for _ in range(draw(st.sampled_from([0, 0, 0, 1, 1, 2, 3]))):
        link, end = draw(links(end))
        name += link
    code = draw(st.sampled_from(sorted(PARAMETERS[end])))
    modifier, value = draw(tests(end, code))
    return f"{quote(name + code + modifier, safe=':.')}={quote(value, safe=':/,|$')}"


@st.composite
def links(draw: st.DrawFn, type_name: str) -> tuple[str, str]:
    """A link of a chain, forwards or backwards, and the type that it leads to."""
    forwards = [(code, to) for code, kind in PARAMETERS[type_name].items() for to in kind[1:] if kind[0] == "reference"]
    backwards = [
        (source, code) for source, own in PARAMETERS.items() for code, kind in own.items()
        if kind[0] == "reference" and type_name in kind[1:]
    ]  # fmt: skip
    if backwards and draw(st.booleans()):
        source, code = draw(st.sampled_from(backwards))
        return f"_has:{source}:{code}:", source
    if not forwards:
        return "", type_name
    code, to = draw(st.sampled_from(forwards))
    return f"{code}:{to}.", to


@st.composite
def tests(draw: st.DrawFn, type_name: str, code: str) -> tuple[str, str]:
    """A modifier and the values that go with it, alternatives joined."""
    kind, *targets = PARAMETERS[type_name][code]
    if kind == "reference":
        modifier, values = draw(reference_tests(tuple(targets)))
    else:
        modifier = draw(st.sampled_from(MODIFIERS[kind]))
        values = VALUES.get(kind, _TOKENS)
    if kind == "composite":
        values = st.builds("{}${}".format, _TOKENS, VALUES[targets[0]])
    if modifier == ":missing":
        return modifier, draw(_BOOLEANS)
    if modifier == ":text":
        values = _WORDS
    if modifier == ":of-type":
        values = st.builds("http://s|{}|{}".format, st.sampled_from("ab"), _CODES)
    return modifier, ",".join(draw(st.lists(values, min_size=1, max_size=3)))


@st.composite
def reference_tests(draw: st.DrawFn, targets: tuple[str, ...]) -> tuple[str, st.SearchStrategy[str]]:
    """The same of a reference."""
    kind = draw(st.sampled_from(targets))
    ids = st.builds("{}{}".format, st.just(kind[0].lower()), st.integers(0, 4))
    names = st.builds("{}/{}".format, st.just(kind), ids)
    modifier = draw(st.sampled_from(["", "", "", ":missing", f":{kind}", ":identifier", ":below", ":above"]))
    if modifier == ":identifier":
        return modifier, _TOKENS
    if modifier in {":below", ":above"}:
        return (modifier, names) if kind in {"Organization", "Task"} else ("", names)
    everywhere = st.sampled_from(["", "", f"{BASE}/", "https://elsewhere.org/"])
    return modifier, st.one_of(ids, st.builds("{}{}".format, everywhere, names))


def sort_keys(type_name: str) -> st.SearchStrategy[str]:
    """A key of the order."""
    codes = [code for code, kind in PARAMETERS[type_name].items() if kind[0] != "composite"]
    return st.builds("{}{}".format, st.sampled_from(["", "-"]), st.sampled_from([*codes, "_lastUpdated"]))


@st.composite
def includes(draw: st.DrawFn, type_name: str) -> str:
    """An _include or _revinclude."""
    own = [code for code, kind in PARAMETERS[type_name].items() if kind[0] == "reference"]
    back = [
        f"{source}:{code}" for source, parameters in PARAMETERS.items() for code, kind in parameters.items()
        if type_name in kind[1:] and kind[0] == "reference"
    ]  # fmt: skip
    everything = [
        f"{source}:{code}" for source, parameters in PARAMETERS.items() for code, kind in parameters.items()
        if kind[0] == "reference"
    ]  # fmt: skip
    forwards = st.one_of(
        st.sampled_from([f"{type_name}:{code}" for code in own]),
        st.sampled_from([f"{type_name}:*", "*"]),
        st.sampled_from([f"{type_name}:{own[-1]}:{PARAMETERS[type_name][own[-1]][1]}"]),
    )
    backwards = st.sampled_from([*back, "*", "Task:*"]) if back else st.just("*")
    chosen = draw(st.sampled_from(["_include", "_revinclude", "_include:iterate", "_revinclude:iterate"]))
    if chosen.endswith("iterate"):
        return f"{chosen}={draw(st.sampled_from(everything))}"
    return f"{chosen}={draw(forwards if chosen == '_include' else backwards)}"
