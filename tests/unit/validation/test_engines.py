"""The judges agree: jsonschema-rs, jsonschema and the explainer find a fault in the same bodies."""

import copy
import random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fhir_server.definitions import Definitions, load, schema
from fhir_server.fhir import dates, json
from fhir_server.validation import engine
from fhir_server.validation.engine import Engine
from fhir_server.validation.explain import Explainer
from fhir_server.validation.structure import StructureValidator

VALUES: list[Any] = [
    None, True, False, 0, 1, -1, 2**31, "", " ", "x", "a b", "a  b", "#x", "2024-02-30", "2024-02-29", "final", [], {},
    [None], [{}], ["x"], [["x"]], {"id": "x"}, {"x": 1}, {"extension": [{"url": "http://a/b", "valueCode": "c"}]},
    {"reference": "Patient/1"}, {"resourceType": "Nope"}, {"resourceType": "Basic", "code": {"text": "x"}},
    {"coding": []},
    {"coding": [{"system": "http://terminology.hl7.org/CodeSystem/condition-clinical", "code": "active"}]},
    "urn:oid:1.2", "\x1c", "\u00a0", "AAAA", "AAA=", "AA==AA==", "10:00:00",
]  # fmt: skip


@pytest.fixture(scope="module")
def judges(definitions: Definitions) -> tuple[Engine, Engine, Explainer]:
    strict = schema.build(definitions)
    return engine.rust_engine(strict), engine.python_engine(strict), Explainer(definitions)


def places(node: Any, found: list[tuple[Any, Any]]) -> list[tuple[Any, Any]]:
    """Every member and item, as a pair of its holder and its key."""
    members = node.items() if isinstance(node, dict) else enumerate(node) if isinstance(node, list) else ()
    for key, value in members:
        found.append((node, key))
        places(value, found)
    return found


def mutated(resource: Any, chance: random.Random) -> Any:
    """A copy with one to three small changes."""
    changed = copy.deepcopy(resource)
    for _ in range(chance.randint(1, 3)):
        node, key = chance.choice(places(changed, []))
        change = chance.choice(("set", "set", "remove", "rename", "sibling", "wrap"))
        if change == "set":
            node[key] = copy.deepcopy(chance.choice(VALUES))
        elif change == "remove":
            del node[key]
        elif change == "wrap":
            node[key] = [node[key]]
        elif isinstance(node, dict):
            name = f"_{key}" if change == "sibling" else chance.choice(("value", "valueString", key.lower(), f"{key}x"))
            node[name] = copy.deepcopy(chance.choice(VALUES))
        if not places(changed, []):
            break
    return changed


def test_the_judges_agree_on_mutations(
    judges: tuple[Engine, Engine, Explainer], examples: list[tuple[str, Any]], definitions: Definitions
) -> None:
    fast, slow, explainer = judges
    small = [resource for _, resource in examples if len(json.dump(resource)) < 6_000]
    chance = random.Random("judges")
    known = list(definitions.resource_types)
    refused = 0
    for turn in range(3_000):
        resource = mutated(chance.choice(small), chance)
        if resource.get("resourceType") not in known:
            continue
        plain = json.plain(resource)
        verdict = fast.is_valid(plain)
        assert verdict == (next(explainer.faults(plain), None) is None), resource
        if turn % 20 == 0:
            assert verdict == slow.is_valid(plain), resource
        refused += not verdict
    assert 1_000 < refused < 3_000


PRIMITIVES = {
    "date": "Date", "dateTime": "DateTime", "instant": "Instant", "time": "Time", "code": "Code", "uri": "Uri",
    "id": "Id", "base64Binary": "Base64Binary", "string": "String", "oid": "Oid", "uuid": "Uuid",
    "canonical": "Canonical",
}  # fmt: skip
_DEFINITIONS = load()
_SCHEMA = schema.build(_DEFINITIONS)
_FAST, _SLOW, _EXPLAINER = engine.rust_engine(_SCHEMA), engine.python_engine(_SCHEMA), Explainer(_DEFINITIONS)
_ODD = st.text(st.sampled_from("0123456789-:+TZ. \t\n\x1c\u00a0\u2003aZ=/urn:oiduuid"), max_size=30)


@given(
    st.sampled_from(sorted(PRIMITIVES)),
    st.one_of(_ODD, st.text(max_size=12), st.datetimes().map(str), st.dates().map(str)),
)
def test_the_judges_agree_on_primitives(type_name: str, text: str) -> None:
    resource = {"resourceType": "Basic", "code": {"text": "x"}}
    resource["extension"] = [{"url": "http://a/b", f"value{PRIMITIVES[type_name]}": text}]  # type: ignore[assignment]
    verdict = _FAST.is_valid(resource)
    assert verdict == (next(_EXPLAINER.faults(resource), None) is None)
    assert verdict == _SLOW.is_valid(resource)


def _is_accepted(type_name: str, text: str) -> bool:
    value = {"url": "http://a/b", f"value{PRIMITIVES[type_name]}": text}
    return _FAST.is_valid({"resourceType": "Basic", "code": {"text": "x"}, "extension": [value]})


@given(st.integers(1, 9999), st.integers(0, 13), st.integers(0, 32))
def test_dates_are_real_days(year: int, month: int, day: int) -> None:
    text = f"{year:04}-{month:02}-{day:02}"
    assert _is_accepted("date", text) == dates.is_valid_date(text)
    moment = f"{text}T23:59:59.123+13:45"
    assert _is_accepted("dateTime", moment) == dates.is_valid_datetime(moment)
    assert _is_accepted("instant", moment) == dates.is_valid_instant(moment)


def test_the_fallback_judges_like_the_first_choice(definitions: Definitions, examples: list[tuple[str, Any]]) -> None:
    fallback = StructureValidator(definitions, compiled=engine.python_engine(schema.build(definitions)))
    for _, resource in [pair for pair in examples if len(json.dump(pair[1])) < 4_000][:20]:
        assert fallback.issues(resource) == []
    assert [issue.code for issue in fallback.issues({"resourceType": "Task", "status": "draft"})] == ["required"]
    assert fallback.issues({"resourceType": "Patient", "id": "a\n"}) != []
