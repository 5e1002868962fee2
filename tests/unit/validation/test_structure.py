"""Structure: what is refused, where, and that a refusal is bounded and tells no content."""

import copy
import tarfile
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from fhir_server.definitions import Definitions
from fhir_server.fhir import json
from fhir_server.validation.structure import StructureValidator


def task(**members: Any) -> dict[str, Any]:
    """A sound Task; a member given as ... is left out."""
    sound = {
        "resourceType": "Task",
        "id": "t1",
        "meta": {"profile": ["http://example.org/StructureDefinition/referral"]},
        "text": {"status": "generated", "div": '<div xmlns="http://www.w3.org/1999/xhtml">A referral</div>'},
        "extension": [{"url": "http://example.org/mark", "valueDecimal": Decimal("1.10")}],
        "status": "requested",
        "intent": "order",
        "priority": "asap",
        "focus": {"reference": "ServiceRequest/s1"},
        "for": {"reference": "Patient/p1", "display": "A person"},
        "authoredOn": "2026-02-28T10:00:00Z",
        "owner": {"reference": "Organization/o1"},
        "input": [{"type": {"text": "need"}, "valueQuantity": {"value": Decimal("2.0"), "code": "1"}}],
        "restriction": {"repetitions": 3},
    }
    return {name: value for name, value in (sound | members).items() if value is not ...}


def patient(**members: Any) -> dict[str, Any]:
    sound = {"resourceType": "Patient", "id": "p1", "name": [{"family": "A", "given": ["B", "C"]}], "gender": "other"}
    return sound | members


def contained(*resources: Any, **members: Any) -> dict[str, Any]:
    return task(contained=list(resources), **members)


ORGANIZATION = {"resourceType": "Organization", "id": "o1", "name": "A"}
TO_IT = {"reference": "#o1"}
ABSENT = {"extension": [{"url": "http://hl7.org/fhir/StructureDefinition/data-absent-reason", "valueCode": "unknown"}]}

SOUND: dict[str, dict[str, Any]] = {
    "a Task": task(),
    "a required primitive replaced by an extension": task(status=..., _status=ABSENT),
    "an incomplete reference": task(basedOn=[{"reference": "Consent/"}]),
    "a reference by identifier": task(owner={"identifier": {"value": "1"}}),
    "a reference to a foreign server": task(owner={"reference": "https://example.org/r4/Organization/1/_history/2"}),
    "a reference to something that is no resource": task(owner={"reference": "https://example.org/Things/1"}),
    "a reference by urn": task(owner={"reference": "urn:uuid:c757873d-ec9a-4326-a141-556f43239520"}),
    "an unknown modifier extension": task(modifierExtension=[{"url": "http://example.org/m", "valueBoolean": True}]),
    "a nested extension with a relative url": task(
        extension=[{"url": "http://example.org/c", "extension": [{"url": "part", "valueString": "x"}]}]
    ),
    "a value of an extension that is only extended": task(
        extension=[{"url": "http://example.org/c", "_valueString": ABSENT}]
    ),
    "a leap day": task(authoredOn="2024-02-29"),
    "a leap second": task(authoredOn="2016-12-31T23:59:60Z"),
    "a partial date": task(authoredOn="2026"),
    "text with a no-break space": task(description="a\u00a0b\n\tc"),
    "a contained resource": contained(ORGANIZATION, requester=TO_IT),
    "a contained resource that refers to its container": contained(
        {"resourceType": "Provenance", "id": "x", "target": [{"reference": "#"}], "recorded": "2026-01-01T00:00:00Z",
         "agent": [{"who": {"reference": "Organization/o1"}}]}
    ),
    "contained resources in a row": contained(
        ORGANIZATION | {"partOf": {"reference": "#o2"}}, ORGANIZATION | {"id": "o2"}, requester=TO_IT
    ),
    "a canonical to a contained resource": contained(
        {"resourceType": "ActivityDefinition", "id": "a1", "status": "draft"}, instantiatesCanonical="#a1"
    ),
    "place holders with partners": patient(name=[{"given": [None, "C"], "_given": [ABSENT, None]}]),
    "more extended items than items": patient(name=[{"given": ["B"], "_given": [None, ABSENT]}]),
    "fewer extended items than items": patient(name=[{"given": ["B", "C"], "_given": [ABSENT]}]),
    "an element id beside a value": patient(_gender={"id": "g"}),
    "minus zero": patient(multipleBirthInteger=Decimal("-0")),
    "a coded status": {
        "resourceType": "Condition",
        "subject": {"reference": "Patient/1"},
        "clinicalStatus": {
            "coding": [
                {"system": "http://example.org", "code": "x"},
                {"system": "http://terminology.hl7.org/CodeSystem/condition-clinical", "code": "active"},
            ]
        },
    },
    "a bundle of resources": {
        "resourceType": "Bundle",
        "type": "transaction",
        "entry": [
            {
                "resource": task(for_=..., requester={"reference": "Organization?identifier=x"}),
                "request": {"method": "POST", "url": "Task"},
            }
        ],
    },
    "white space in base64": {"resourceType": "Binary", "contentType": "text/plain", "data": "QUJD\nRA=="},
}  # fmt: skip


@pytest.mark.parametrize("name", SOUND)
def test_sound_resources_have_no_issue(validator: StructureValidator, name: str) -> None:
    assert validator.issues(SOUND[name]) == []


UNSOUND: list[tuple[str, dict[str, Any], str, str]] = [
    ("missing status", task(status=...), "required", "Task"),
    ("missing status and intent", task(status=..., intent=...), "required", "Task"),
    ("a status that the value set lacks", task(status="zzz"), "code-invalid", "Task.status"),
    ("a status of null", task(status=None), "code-invalid", "Task.status"),
    ("a reference as a string", task(owner="Organization/o1"), "structure", "Task.owner"),
    ("two values", task(input=[{"type": {"text": "x"}, "valueString": "a", "valueCode": "b"}]), "structure",
     "Task.input[0].value"),
    ("a value and an extended one", task(input=[{"type": {"text": "x"}, "valueString": "a", "_valueCode": ABSENT}]),
     "structure", "Task.input[0].value"),
    ("no value", task(input=[{"type": {"text": "x"}}]), "required", "Task.input[0]"),
    ("no type", task(input=[{"valueString": "x"}]), "required", "Task.input[0]"),
    ("a value of a type that is not allowed", task(input=[{"type": {"text": "x"}, "valueFoo": 1}]), "structure",
     "Task.input[0]"),
    ("an empty array", task(input=[]), "structure", "Task.input"),
    ("an empty object", task(restriction={}), "structure", "Task.restriction"),
    ("null", task(restriction=None), "structure", "Task.restriction"),
    ("null in an array", task(input=[None]), "structure", "Task.input[0]"),
    ("an array for a single element", task(owner=[{"reference": "Organization/o1"}]), "structure", "Task.owner"),
    ("a single element for an array", task(note={"text": "x"}), "structure", "Task.note"),
    ("an id with an underscore", task(id="a_b"), "value", "Task.id"),
    ("an id of 65 letters", task(id="a" * 65), "value", "Task.id"),
    ("an id with a line feed", task(id="a\n"), "value", "Task.id"),
    ("30 February", task(authoredOn="2026-02-30"), "value", "Task.authoredOn"),
    ("29 February of no leap year", task(authoredOn="1900-02-29T00:00:00Z"), "value", "Task.authoredOn"),
    ("31 April", task(authoredOn="2026-04-31"), "value", "Task.authoredOn"),
    ("a time without a zone", task(authoredOn="2026-04-30T10:00:00"), "value", "Task.authoredOn"),
    ("the year zero", task(authoredOn="0000"), "value", "Task.authoredOn"),
    ("an unknown element", task(foo="x"), "structure", "Task"),
    ("an unknown sibling", task(_foo={"id": "x"}), "structure", "Task"),
    ("a sibling of a complex element", task(_owner=ABSENT), "structure", "Task"),
    ("a sibling of the id", task(_id=ABSENT), "structure", "Task"),
    ("comments", task(fhir_comments=["x"]), "structure", "Task"),
    ("a string for a boolean", patient(active="true"), "value", "Patient.active"),
    ("a number for a string", task(description=5), "value", "Task.description"),
    ("an empty string", task(description=""), "value", "Task.description"),
    ("a control character", task(description="a\x01b"), "value", "Task.description"),
    ("a code with two spaces", task(language="a  b"), "value", "Task.language"),
    ("a uri with a space", task(implicitRules="http://a b"), "value", "Task.implicitRules"),
    ("a urn that is no OID", task(instantiatesUri="urn:oid:3.1"), "value", "Task.instantiatesUri"),
    ("a urn that is no UUID", task(instantiatesUri="urn:uuid:0"), "value", "Task.instantiatesUri"),
    ("zero for a positive integer", task(restriction={"repetitions": 0}), "value", "Task.restriction.repetitions"),
    ("an integer of 33 bits", task(restriction={"repetitions": 2**31}), "value", "Task.restriction.repetitions"),
    ("an integer with a fraction", task(restriction={"repetitions": Decimal("3.0")}), "value",
     "Task.restriction.repetitions"),
    ("an integer with an exponent", task(restriction={"repetitions": json.DecimalText("3e0")}), "value",
     "Task.restriction.repetitions"),
    ("an extension with value and extensions",
     task(extension=[{"url": "http://a/b", "valueString": "x", "extension": [{"url": "c", "valueString": "y"}]}]),
     "invariant", "Task.extension[0]"),
    ("an extension without either", task(extension=[{"url": "http://a/b"}]), "invariant", "Task.extension[0]"),
    ("an extension with an id only", task(extension=[{"url": "http://a/b", "id": "x"}]), "invariant",
     "Task.extension[0]"),
    ("an extension with two values", task(extension=[{"url": "http://a/b", "valueString": "x", "valueCode": "y"}]),
     "structure", "Task.extension[0].value"),
    ("an extension without url", task(extension=[{"valueString": "x"}]), "required", "Task.extension[0]"),
    ("an extension with a relative url", task(extension=[{"url": "b", "valueString": "x"}]), "value",
     "Task.extension[0]"),
    ("an element with an id only", task(restriction={"id": "x"}), "invariant", "Task.restriction"),
    ("an item with an id only", patient(name=[{"id": "x"}]), "invariant", "Patient.name[0]"),
    ("a sibling with an id only", patient(_birthDate={"id": "x"}), "invariant", "Patient.birthDate"),
    ("a place holder without a partner", patient(name=[{"given": ["B", None]}]), "structure",
     "Patient.name[0].given[1]"),
    ("place holders on both sides", patient(name=[{"given": [None], "_given": [None]}]), "structure",
     "Patient.name[0].given[0]"),
    ("a list beside a single value", patient(_gender=[ABSENT]), "structure", "Patient.gender"),
    ("a reference to a type that is not allowed", task(owner={"reference": "Location/1"}), "structure", "Task.owner"),
    ("the same by absolute URL", task(partOf=[{"reference": "http://example.org/r4/Patient/1"}]), "structure",
     "Task.partOf[0]"),
    ("a reference with white space", task(owner={"reference": " "}), "value", "Task.owner"),
    ("a conditional reference outside of a bundle", task(owner={"reference": "Organization?name=x"}), "value",
     "Task.owner"),
    ("a fragment that leads nowhere", task(owner={"reference": "#nobody"}), "invariant", "Task.owner"),
    ("a canonical fragment that leads nowhere", task(instantiatesCanonical="#nobody"), "invariant",
     "Task.instantiatesCanonical"),
    ("the container itself, from outside", task(owner={"reference": "#"}), "invariant", "Task.owner"),
    ("a contained resource that nobody refers to", contained(ORGANIZATION), "invariant", "Task.contained[0]"),
    ("a contained resource that refers to itself", contained(ORGANIZATION | {"partOf": TO_IT}), "invariant",
     "Task.contained[0]"),
    ("a contained resource without id", contained({"resourceType": "Organization", "name": "x"}), "required",
     "Task.contained[0]"),
    ("contained resources with one id", contained(ORGANIZATION, ORGANIZATION, requester=TO_IT), "duplicate",
     "Task.contained[1]"),
    ("a contained resource that contains", contained(ORGANIZATION | {"contained": [ORGANIZATION]}, requester=TO_IT),
     "invariant", "Task.contained[0]"),
    ("a contained version", contained(ORGANIZATION | {"meta": {"versionId": "1"}}, requester=TO_IT), "invariant",
     "Task.contained[0]"),
    ("a contained security label", contained(ORGANIZATION | {"meta": {"security": [{"code": "R"}]}}, requester=TO_IT),
     "invariant", "Task.contained[0]"),
    ("a contained resource of an unknown type", contained({"resourceType": "Nope", "id": "o1"}, requester=TO_IT),
     "structure", "Task.contained[0]"),
    ("a fault in a contained resource", contained(ORGANIZATION | {"active": "x"}, requester=TO_IT), "value",
     "Task.contained[0].active"),
    ("a script in the narrative",
     task(text={"status": "generated", "div": '<div xmlns="http://www.w3.org/1999/xhtml"><script>x</script></div>'}),
     "invariant", "Task.text.div"),
    ("base64 with one letter too many", {"resourceType": "Binary", "contentType": "a/b", "data": "QUJDR"}, "value",
     "Binary.data"),
    ("a concept outside of the required value set",
     {"resourceType": "Condition", "subject": {"reference": "Patient/1"},
      "clinicalStatus": {"coding": [{"system": "http://example.org", "code": "active"}]}},
     "code-invalid", "Condition.clinicalStatus"),
    ("a concept of text only where codes are required",
     {"resourceType": "Condition", "subject": {"reference": "Patient/1"}, "clinicalStatus": {"text": "active"}},
     "required", "Condition.clinicalStatus"),
    ("a fault deep in a bundle",
     {"resourceType": "Bundle", "type": "batch", "entry": [{"resource": task(input=[{"valueString": 5}])}]},
     "value", "Bundle.entry[0].resource.input[0].value"),
    ("a fragment across entries",
     {"resourceType": "Bundle", "type": "batch", "entry": [
         {"resource": contained(ORGANIZATION, requester=TO_IT)}, {"resource": task(owner=TO_IT)}]},
     "invariant", "Bundle.entry[1].resource.owner"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("resource", "code", "expression"), [case[1:] for case in UNSOUND], ids=[case[0] for case in UNSOUND]
)
def test_unsound_resources_are_refused_at_the_right_place(
    validator: StructureValidator, resource: dict[str, Any], code: str, expression: str
) -> None:
    before = copy.deepcopy(resource)
    found = {(issue.code, *issue.expression) for issue in validator.issues(resource)}
    assert (code, expression) in found
    assert resource == before


def test_broken_invariants_carry_their_key(validator: StructureValidator) -> None:
    rules = {issue.rule for issue in validator.issues(contained(ORGANIZATION, extension=[{"url": "http://a/b"}]))}
    assert rules == {"dom-3", "ext-1"}


@pytest.mark.parametrize(
    "body", [None, [], "x", 5, {}, {"resourceType": None}, {"resourceType": 5}, {"resourceType": "Nope"},
             {"resourceType": ["Task"]}, {"resourceType": "DomainResource"}, {"resourceType": "task"}],
)  # fmt: skip
def test_what_is_no_resource_has_one_clear_issue(validator: StructureValidator, body: Any) -> None:
    assert len(validator.issues(body)) == 1


def test_all_faults_are_reported_at_once(validator: StructureValidator) -> None:
    found = validator.issues(patient(active="x", gender="y", birthDate="z", foo=1, contact=[{"id": "c"}]))
    assert [issue.expression[0] for issue in found] == [
        "Patient.gender", "Patient.active", "Patient.birthDate", "Patient", "Patient.contact[0]",
    ]  # fmt: skip


def test_a_refusal_never_repeats_content(validator: StructureValidator) -> None:
    secret = "Jane Doe 123-45-6789"
    found = validator.issues(
        {
            "resourceType": "Patient",
            secret: secret,
            "gender": secret,
            "birthDate": secret,
            "name": secret,
            "active": secret,
            "text": {"status": secret, "div": secret},
            "link": [{"other": {"reference": f"#{secret}"}, "type": secret}],
            "extension": [{"url": secret, "valueString": secret, "valueCode": secret}],
        }
    )
    assert len(found) > 8
    assert "Jane" not in str(found)


def test_issues_are_capped_and_the_rest_is_counted(definitions: Definitions) -> None:
    validator = StructureValidator(definitions, max_issues=10)
    found = validator.issues(patient(name=[{"foo": 1}] * 25))
    assert len(found) == 11
    assert "15 more problems" in found[-1].diagnostics
    found = validator.issues(patient(name=[{"id": "x"}] * 25))
    assert "15 more problems" in found[-1].diagnostics


def test_equal_issues_are_reported_once(validator: StructureValidator) -> None:
    found = validator.issues(patient(**{"a b": 1, "c d": 2}))
    assert len(found) == 1


@pytest.mark.parametrize(
    "resource",
    [
        patient(**{f"x{i}": 1 for i in range(100_000)}),
        patient(name=[{"foo": 1}] * 100_000),
        patient(name=[None] * 100_000),
        patient(name=[{"given": [None] * 100_000}]),
        task(input=[{"id": "a"}] * 50_000),
        task(input=[{"type": {"text": "x"}, "valueString": "a", "valueCode": "b"}] * 20_000),
        task(extension=[{"url": "http://a/b", "valueString": "a", "valueCode": "b"}] * 50_000),
        contained(*({"resourceType": "Patient", "id": str(i)} for i in range(20_000))),
    ],
    ids=["names", "members", "nulls", "place-holders", "no-values", "two-values", "extensions", "contained"],
)
def test_a_hostile_body_has_a_short_answer(validator: StructureValidator, resource: dict[str, Any]) -> None:
    found = validator.issues(resource)
    assert len(found) == 101
    assert "more than 10000" in found[-1].diagnostics
    assert sum(len(str(issue)) for issue in found) < 50_000


def test_numbers_that_keep_their_literal_are_numbers(validator: StructureValidator) -> None:
    odd = json.parse(
        b'{"resourceType":"Observation","status":"final","code":{"text":"x"},"valueQuantity":{"value":1e5}}',
        max_depth=9,
    )
    assert isinstance(odd["valueQuantity"]["value"], json.DecimalText)
    assert validator.issues(odd) == []
    odd["status"] = "x"
    assert [issue.expression for issue in validator.issues(odd)] == [("Observation.status",)]
    odd["status"], odd["foo"] = "final", odd["valueQuantity"]["value"]
    assert [issue.expression for issue in validator.issues(odd)] == [("Observation",)]


def test_examples_of_the_gravity_guide_are_sound(
    validator: StructureValidator, examples: list[tuple[str, Any]]
) -> None:
    assert len(examples) > 80
    assert [(name, issues) for name, resource in examples if (issues := validator.issues(resource))] == []


@pytest.mark.parametrize("version", ["6.1.0", "7.0.0"])
def test_examples_of_us_core_are_sound(validator: StructureValidator, shared_folder: Path, version: str) -> None:
    count = 0
    with tarfile.open(shared_folder / f"fhir-packages/hl7.fhir.us.core-{version}.tgz") as package:
        for member in package:
            name = member.name.rpartition("/")[2]
            stream = package.extractfile(member)
            if "/example/" not in member.name or not name.endswith(".json") or name.startswith(".") or stream is None:
                continue
            assert validator.issues(json.parse(stream.read(), max_depth=64)) == [], name
            count += 1
    assert count > 150
