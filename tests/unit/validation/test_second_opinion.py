"""The second opinion: mended where the models are known to be wrong, and silent about content."""

import subprocess
import sys
from decimal import Decimal
from typing import Any

import pytest

from fhir_server.fhir.json import DecimalText
from fhir_server.validation.second_opinion import second_opinion

TASK = {"resourceType": "Task", "status": "draft", "intent": "order"}


def test_sound_resources_pass(examples: list[tuple[str, Any]]) -> None:
    assert [(name, issues) for name, resource in examples[::4] if (issues := second_opinion(resource))] == []


def test_a_sibling_of_the_value_of_an_extension_is_legal() -> None:
    translated = {"extension": [{"url": "http://example.org/b", "valueCode": "c"}]}
    assert (
        second_opinion(TASK | {"extension": [{"url": "http://a/b", "valueString": "x", "_valueString": translated}]})
        == []
    )


@pytest.mark.parametrize("name", ["MedicinalProduct", "EffectEvidenceSynthesis", "SubstanceSpecification"])
def test_types_that_the_models_lack_have_no_opinion(name: str) -> None:
    assert second_opinion({"resourceType": name, "foo": 1}) == []
    assert second_opinion(TASK | {"contained": [{"resourceType": name, "id": "a"}]}) == []


@pytest.mark.parametrize(
    ("members", "code", "expression"),
    [
        ({"authoredOn": "2026-02-30"}, "value", "Task.authoredOn"),
        ({"foo": 1}, "structure", "Task"),
        ({"note": [{"text": 5}]}, "value", "Task.note[0].text"),
        ({"input": [{"type": {"text": "x"}, "valueString": "a", "valueCode": "b"}]}, "value", "Task.input[0]"),
    ],
)
def test_faults_are_named_by_place(members: dict[str, Any], code: str, expression: str) -> None:
    assert [(issue.code, issue.expression) for issue in second_opinion(TASK | members)] == [(code, (expression,))]


def test_a_missing_element_is_named_at_its_parent() -> None:
    (issue,) = second_opinion({"resourceType": "Task", "status": "draft"})
    assert (issue.code, issue.expression) == ("required", ("Task",))
    assert "intent" in issue.diagnostics


def test_numbers_of_every_class_are_numbers() -> None:
    for value in (1, Decimal("1.10"), DecimalText("1e5")):
        observation = {
            "resourceType": "Observation",
            "status": "final",
            "code": {"text": "x"},
            "valueQuantity": {"value": value},
        }
        assert second_opinion(observation) == []


def test_messages_hold_no_content_and_are_capped() -> None:
    found = second_opinion(TASK | {"note": [{"text": ["Jane Doe"]}] * 200})
    assert len(found) == 50
    assert "Jane" not in str(found)


def test_the_models_are_not_imported_before_the_first_use() -> None:
    modules = "fhir_server.validation.structure, fhir_server.validation.second_opinion"
    look = f"import sys, {modules}; sys.exit('fhir' in sys.modules)"
    subprocess.run([sys.executable, "-c", look], check=True)
