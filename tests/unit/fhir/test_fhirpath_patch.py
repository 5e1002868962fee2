"""FHIRPath Patch."""

import contextlib
import copy
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from fhir_server.errors import BadRequest, Unprocessable
from fhir_server.fhir import fhirpath_patch, json
from fhir_server.fhir.json import JsonObject
from fhir_server.fhir.structures import Structures

TASK: JsonObject = json.parse_stored(
    '{"resourceType":"Task","id":"1","status":"requested","_status":{"id":"s"},"intent":"order",'
    '"input":[{"type":{"text":"a"},"valueString":"x"},{"type":{"text":"b"},"valueDecimal":1.10}],'
    '"note":[{"text":"one"},{"text":"two (2)"},{"authorString":"me","text":"three"}]}'
)
PATIENT: JsonObject = {
    "resourceType": "Patient",
    "name": [{"given": ["a", "b", None], "_given": [None, {"id": "g"}, {"id": "h"}], "family": "f"}],
    "contained": [{"resourceType": "Organization", "id": "o", "name": "old"}],
    "extension": [{"url": "http://x.example/a", "valueCode": "a"}, {"url": "http://x.example/b", "valueBoolean": True}],
}


def operation(verb: str, path: str, **parts: Any) -> JsonObject:
    """An operation; parts are given as value members: `value={"valueCode": "x"}`, or as plain text and integers."""
    given = [{"name": "type", "valueCode": verb}, {"name": "path", "valueString": path}]
    for name, content in parts.items():
        member = content if isinstance(content, dict) else {f"value{type(content).__name__.title()[:3]}": content}
        given.append({"name": name, **member})
    return {"name": "operation", "part": given}


def parameters(*operations: JsonObject) -> JsonObject:
    return {"resourceType": "Parameters", "parameter": list(operations)}


@pytest.fixture
def patch(structures: Structures) -> Any:
    def patched(resource: JsonObject, *operations: JsonObject) -> JsonObject:
        before = copy.deepcopy(resource)
        try:
            return fhirpath_patch.apply(resource, parameters(*operations), structures=structures)
        finally:
            assert resource == before

    return patched


def test_replace_a_primitive_and_its_sibling(patch: Any) -> None:
    result = patch(TASK, operation("replace", "Task.status", value={"valueCode": "accepted"}))
    assert result == {name: v for name, v in TASK.items() if name != "_status"} | {"status": "accepted"}
    assert list(result)[2] == "status"


def test_replace_a_choice_by_another_type_in_its_place(patch: Any) -> None:
    result = patch(TASK, operation("replace", "Task.input[0].value", value={"valueReference": {"reference": "A/1"}}))
    assert result["input"][0] == {"type": {"text": "a"}, "valueReference": {"reference": "A/1"}}
    result = patch(TASK, operation("replace", "Task.input[0].valueString", value={"valueCode": "c"}))
    assert result["input"][0] == {"type": {"text": "a"}, "valueCode": "c"}


def test_replace_keeps_decimals_as_sent(patch: Any) -> None:
    value = json.parse_stored('{"valueDecimal":2.50}')
    result = patch(TASK, operation("replace", "Task.input[1].value", value=value))
    assert json.dump(result["input"]) == json.dump(TASK["input"]).replace("1.10", "2.50")


@pytest.mark.parametrize(
    ("path", "index"),
    [
        ("Task.note[1].text", 1),
        ("note[1].text", 1),
        ("Task.note.where(text = 'two (2)').text", 1),
        ("Task.note.where(text='two (2)')[0].text", 1),
        ("Task.note.where(author.exists()).text", 2),
        ("Task.note.where((author as string) = 'me').text", 2),
        ("Task.note.where(text.startsWith('t')).first().text", 1),
        ("Task.note.last().text", 2),
        ("Task.note.first().text", 0),
        ("Resource.note[0].text", 0),
    ],
)
def test_paths_that_locate_one_element(patch: Any, path: str, index: int) -> None:
    result = patch(TASK, operation("replace", path, value={"valueMarkdown": "new"}))
    assert [note["text"] == "new" for note in result["note"]] == [i == index for i in range(3)]


def test_paths_into_contained_resources_extensions_and_choices(patch: Any) -> None:
    result = patch(
        PATIENT,
        operation("replace", "Patient.contained[0].name", value={"valueString": "new"}),
        operation("replace", "Patient.extension('http://x.example/b').value", value={"valueBoolean": False}),
        operation("delete", "Patient.extension.value.ofType(code)"),
    )
    assert result["contained"][0]["name"] == "new"
    assert result["extension"] == [{"url": "http://x.example/a"}, {"url": "http://x.example/b", "valueBoolean": False}]


def test_add_to_what_is_absent_and_to_a_list(patch: Any) -> None:
    result = patch(
        TASK,
        operation("add", "Task", name="businessStatus", value={"valueCodeableConcept": {"text": "waiting"}}),
        operation("add", "Task", name="note", value={"valueAnnotation": {"text": "four"}}),
        operation("add", "Task", name="output", value={"part": [
            {"name": "type", "valueCodeableConcept": {"text": "o"}},
            {"name": "value", "valueReference": {"reference": "Procedure/1"}},
        ]}),
        operation("add", "Task.output[0]", name="extension", value={"part": [
            {"name": "url", "valueUri": "http://x.example"}, {"name": "value[x]", "valueString": "v"},
        ]}),
    )  # fmt: skip
    assert result["businessStatus"] == {"text": "waiting"}
    assert [note["text"] for note in result["note"]] == ["one", "two (2)", "three", "four"]
    assert result["output"] == [
        {
            "type": {"text": "o"},
            "valueReference": {"reference": "Procedure/1"},
            "extension": [{"url": "http://x.example", "valueString": "v"}],
        }
    ]


def test_nested_parts_make_lists_where_elements_repeat(patch: Any) -> None:
    coding = [{"name": "system", "valueUri": "s"}, {"name": "code", "valueCode": "c"}]
    value = {"part": [{"name": "coding", "part": coding}, {"name": "coding", "part": coding[1:]}]}
    result = patch(TASK, operation("add", "Task", name="code", value=value))
    assert result["code"] == {"coding": [{"system": "s", "code": "c"}, {"code": "c"}]}


def test_add_a_value_that_is_an_extension_only(patch: Any) -> None:
    sibling = {"extension": [{"url": "http://x.example", "valueCode": "unknown"}]}
    result = patch(TASK, operation("add", "Task", name="description", value={"_valueString": sibling}))
    assert result["_description"] == sibling
    assert "description" not in result


def test_elements_of_a_primitive(patch: Any) -> None:
    result = patch(
        TASK,
        operation("replace", "Task.status.id", value={"valueString": "t"}),
        operation("add", "Task.status", name="extension", value={"valueExtension": {"url": "http://x.example"}}),
    )
    assert result["_status"] == {"id": "t", "extension": [{"url": "http://x.example"}]}
    result = patch(result, operation("delete", "Task.status.extension('http://x.example')"))
    assert (result["status"], result["_status"]) == ("requested", {"id": "t"})


def test_add_a_contained_resource(patch: Any) -> None:
    result = patch(TASK, operation("add", "Task", name="contained", value={"resource": {"resourceType": "Basic"}}))
    assert result["contained"] == [{"resourceType": "Basic"}]


def test_insert_and_move_keep_primitives_and_siblings_together(patch: Any) -> None:
    value = {"valueString": "new", "_valueString": {"id": "n"}}
    inserted = patch(PATIENT, operation("insert", "Patient.name[0].given", index=1, value=value))["name"][0]
    assert inserted["given"] == ["a", "new", "b", None]
    assert inserted["_given"] == [None, {"id": "n"}, {"id": "g"}, {"id": "h"}]
    moved = patch(PATIENT, operation("move", "Patient.name[0].given", source=2, destination=0))["name"][0]
    assert (moved["given"], moved["_given"]) == ([None, "a", "b"], [{"id": "h"}, None, {"id": "g"}])


def test_insert_makes_a_list_and_appends_at_its_end(patch: Any) -> None:
    result = patch(TASK, operation("insert", "Task.output", index=0, value={"part": [{"name": "id", "valueId": "o"}]}))
    assert result["output"] == [{"id": "o"}]
    result = patch(TASK, operation("insert", "Task.note", index=3, value={"valueAnnotation": {"text": "four"}}))
    assert result["note"][3] == {"text": "four"}


def test_delete(patch: Any) -> None:
    result = patch(
        PATIENT,
        operation("delete", "Patient.name[0].given[0]"),
        operation("delete", "Patient.name[0].given[1]"),
        operation("delete", "Patient.name[0].given[1]"),
        operation("delete", "Patient.name[0].family"),
        operation("delete", "Patient.birthDate"),
        operation("delete", "Patient.contained[0]"),
        operation("delete", "Patient.contact[3].name"),
    )
    assert result["name"] == [{"given": ["b"], "_given": [{"id": "g"}]}]
    assert "contained" not in result


@pytest.mark.parametrize(
    ("bad", "said"),
    [
        (operation("replace", "Task.statusReason", value={"valueString": "x"}), "nothing is there"),
        (operation("replace", "Task.note", value={"valueString": "x"}), "several elements"),
        (operation("replace", "Task", value={"valueString": "x"}), "whole resource"),
        (operation("delete", "Task.note"), "several elements"),
        (operation("delete", "Task"), "whole resource"),
        (operation("add", "Task", name="status", value={"valueCode": "x"}), "there already"),
        (operation("add", "Task.input[0]", name="value", value={"valueCode": "x"}), "there already"),
        (operation("add", "Task.owner", name="display", value={"valueString": "x"}), "nothing is there"),
        (operation("add", "Task.intent", name="id", value={"valueString": "x"}), "no elements of its own"),
        (operation("insert", "Task.note", index=4, value={"valueAnnotation": {}}), "beyond the end"),
        (operation("insert", "Task.status", index=0, value={"valueCode": "x"}), "does not repeat"),
        (operation("move", "Task.note", source=0, destination=3), "beyond the end"),
        (operation("move", "Task.relevantHistory", source=0, destination=0), "beyond the end"),
    ],
)
def test_operations_that_do_not_fit(patch: Any, bad: JsonObject, said: str) -> None:
    with pytest.raises(Unprocessable, match=said) as caught:
        patch(TASK, operation("delete", "Task.owner"), bad)
    assert caught.value.issues[0].expression == ("Parameters.parameter[1]",)


@pytest.mark.parametrize(
    ("bad", "said"),
    [
        ({"name": "other"}, "called operation"),
        ({"name": "operation"}, "needs a part 'type'"),
        (operation("upsert", "Task"), "one of add"),
        (operation("replace", "Task.status"), "part 'value'"),
        (operation("replace", "Task.status", value={}), r"one value\[x\]"),
        (operation("replace", "Task.status", value={"valueCode": "a", "valueString": "b"}), r"one value\[x\]"),
        (operation("replace", "Task.status", value={"part": []}), "nested parts"),
        (operation("replace", "Task.nope", value={"valueCode": "a"}), "no element 'nope'"),
        (operation("replace", "Task.status.x", value={"valueCode": "a"}), "no element 'x'"),
        (operation("replace", "Patient.name", value={"valueCode": "a"}), "not the type"),
        (operation("replace", "Task.note[-1]", value={"valueCode": "a"}), "not understood"),
        (operation("replace", "Task.note[0]text", value={"valueCode": "a"}), "not understood"),
        (operation("replace", "Task..note", value={"valueCode": "a"}), "not understood"),
        (operation("replace", "", value={"valueCode": "a"}), "not understood"),
        (operation("replace", "Task.note | Task.input", value={"valueCode": "a"}), "not understood"),
        (operation("replace", "Task.descendants()", value={"valueCode": "a"}), "not understood|no element"),
        (operation("replace", "Task.note.where(text = 'x'", value={"valueCode": "a"}), "never closed"),
        (operation("replace", "Task.note.where()", value={"valueCode": "a"}), "needs an argument"),
        (operation("replace", "Task.note.first(1)", value={"valueCode": "a"}), "takes no argument"),
        (operation("replace", "Task.note.where(text = = 'x')", value={"valueCode": "a"}), "not FHIRPath"),
        (operation("replace", "Task.note.where(text = 'x' 'y')", value={"valueCode": "a"}), "not FHIRPath"),
        (operation("replace", "Task.note.where(text = $)", value={"valueCode": "a"}), "not FHIRPath"),
        (operation("replace", "Task.note.where(text > 1)", value={"valueCode": "a"}), "cannot be evaluated"),
        (operation("replace", "Task.note.where(text.matches('(a+)+$'))", value={"valueCode": "a"}), r"matches\(\)"),
        (operation("replace", "Task.note.where(%resource.id = '1')", value={"valueCode": "a"}), "variables"),
        (operation("replace", "Task.note.where(" + "(" * 100 + ")" * 101, value={"valueCode": "a"}), "too complex"),
        (operation("replace", "Task." + "a" * 2_000, value={"valueCode": "a"}), "at most 1000"),
        (operation("replace", "Task.input[0].value", value={"valueNonsense": 1}), "cannot be a Nonsense"),
        (operation("add", "Task", name="nope", value={"valueCode": "a"}), "no element 'nope'"),
        (operation("add", "Task.input[0]", name="value", value={"part": [{"name": "x"}]}), "what the parts spell out"),
        (operation("insert", "Task.note", index=-1, value={"valueCode": "a"}), "from 0"),
        (operation("insert", "Task.note", index=True, value={"valueCode": "a"}), "index"),
        (operation("insert", "Task.note[0]", index=0, value={"valueCode": "a"}), "the list's name"),
        (operation("insert", "Task.note", value={"valueCode": "a"}), "'index' with an integer"),
        ({"name": "operation", "part": [{"name": "type", "valueCode": "add"}] * 2}, "each once"),
        ({"name": "operation", "part": ["x"]}, "each once"),
    ],
)
def test_malformed_operations(patch: Any, bad: JsonObject, said: str) -> None:
    with pytest.raises(BadRequest, match=said) as caught:
        patch(TASK, operation("delete", "Task.owner"), bad)
    assert caught.value.issues[0].expression[0].startswith("Parameters.parameter[1]")


@pytest.mark.parametrize("given", [{}, {"parameter": []}, {"parameter": {}}, {"parameter": [{}] * 201}])
def test_malformed_parameters(structures: Structures, given: JsonObject) -> None:
    with pytest.raises(BadRequest):
        fhirpath_patch.apply(TASK, given, structures=structures)


def test_criteria_are_not_evaluated_without_end(patch: Any) -> None:
    many = {"resourceType": "Task", "note": [{"text": "x"}] * 3_000}
    with pytest.raises(BadRequest, match="too many criteria"):
        patch(many, operation("delete", "Task.note.where(text = 'y')"))
    with pytest.raises(BadRequest, match="too many criteria"):
        patch(TASK, *[operation("delete", f"Task.note.where(text = '{i}')") for i in range(21)])
    with pytest.raises(BadRequest, match="too complex"):
        patch(TASK, operation("delete", f"Task.note.where(text = '{'x' * 300}')"))


@pytest.mark.parametrize("piece", ["-", "not ", "text.", "text|", "text and ", "text[", "1+", "text is ", "{}", "'a'&"])
def test_long_criteria_are_refused_or_evaluated_in_time(patch: Any, piece: str) -> None:
    criteria = (piece * 290)[: 290 // len(piece) * len(piece)] + "text"
    with contextlib.suppress(BadRequest, Unprocessable):
        patch(TASK, operation("delete", f"Task.note.where({criteria})"))


paths = st.lists(
    st.sampled_from(
        ["Task", "note", "input", "status", "value", "extension", "[0]", "[9]", "where(text='one')", "text"]
    ),
    max_size=5,
).map(lambda parts: ".".join(parts).replace(".[", "["))
values = st.sampled_from([{"valueCode": "x"}, {"valueReference": {}}, {"part": [{"name": "text", "valueString": "t"}]}])


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.sampled_from(["add", "insert", "delete", "replace", "move"]), paths, values, st.integers(-1, 4))
def test_any_operation_is_applied_or_refused(patch: Any, verb: str, path: str, value: JsonObject, number: int) -> None:
    numbers = {"index": number, "source": number, "destination": 0}
    with contextlib.suppress(BadRequest, Unprocessable):
        assert patch(TASK, operation(verb, path, name="note", value=value, **numbers))["resourceType"] == "Task"


@given(st.text(alphabet="text='\"x ()[].$%|<>1-+~!`\\ano", max_size=25))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_criteria_are_evaluated_or_refused(patch: Any, criteria: str) -> None:
    with contextlib.suppress(BadRequest, Unprocessable):
        patch(TASK, operation("delete", f"Task.note.where({criteria})"))
