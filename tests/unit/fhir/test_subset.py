"""_summary and _elements."""

from typing import Any

import pytest

from fhir_server.fhir.json import JsonObject
from fhir_server.fhir.structures import Structures
from fhir_server.fhir.subset import SUBSETTED, select_elements, summarize

OBSERVATION: dict[str, Any] = {
    "resourceType": "Observation",
    "id": "1",
    "text": {"status": "generated", "div": "<div>x</div>"},
    "contained": [{"resourceType": "Patient", "id": "p"}],
    "extension": [{"url": "http://x.example", "valueString": "x"}],
    "modifierExtension": [{"url": "http://y.example", "valueString": "y"}],
    "identifier": [{"value": "v", "extension": [{"url": "http://x.example"}]}],
    "status": "final",
    "_status": {"id": "s"},
    "code": {"text": "c"},
    "valueQuantity": {"value": 1},
    "note": [{"text": "n"}],
    "component": [{"code": {"text": "c"}, "interpretation": [{"text": "i"}], "valueString": "v"}],
}


def without_meta(resource: JsonObject) -> JsonObject:
    return {name: value for name, value in resource.items() if name != "meta"}


def test_summary_keeps_summary_elements_at_every_depth(structures: Structures) -> None:
    part = summarize(OBSERVATION, "true", structures)
    assert without_meta(part) == {
        "resourceType": "Observation",
        "id": "1",
        "modifierExtension": [{"url": "http://y.example", "valueString": "y"}],
        "identifier": [{"value": "v"}],
        "status": "final",
        "_status": {"id": "s"},
        "code": {"text": "c"},
        "valueQuantity": {"value": 1},
        "component": [{"code": {"text": "c"}, "valueString": "v"}],
    }


def test_summary_of_a_bundle_reaches_its_resources(structures: Structures) -> None:
    bundle = {"resourceType": "Bundle", "type": "collection", "entry": [{"resource": OBSERVATION}]}
    (entry,) = summarize(bundle, "true", structures)["entry"]
    assert "note" not in entry["resource"]
    assert entry["resource"]["code"] == {"text": "c"}


def test_summary_text_keeps_mandatory_elements(structures: Structures) -> None:
    part = summarize(OBSERVATION, "text", structures)
    assert list(part) == ["resourceType", "id", "meta", "text", "status", "_status", "code"]


def test_summary_data_drops_the_text_only(structures: Structures) -> None:
    part = summarize(OBSERVATION, "data", structures)
    assert without_meta(part) == {name: value for name, value in OBSERVATION.items() if name != "text"}


def test_summary_false_is_the_whole(structures: Structures) -> None:
    assert summarize(OBSERVATION, "false", structures) is OBSERVATION


def test_no_single_resource_has_a_count(structures: Structures) -> None:
    with pytest.raises(ValueError, match="count"):
        summarize(OBSERVATION, "count", structures)


@pytest.mark.parametrize("name", ["value", "value[x]", "valueQuantity", "Observation.value"])
def test_elements_keeps_what_is_listed_mandatory_or_a_modifier(structures: Structures, name: str) -> None:
    part = select_elements(OBSERVATION, [name, "Patient.note"], structures)
    kept = ["resourceType", "id", "meta", "modifierExtension", "status", "_status", "code", "valueQuantity"]
    assert list(part) == kept


@pytest.mark.parametrize("mode", ["true", "text", "data"])
def test_a_part_is_tagged_once_and_the_original_is_left_alone(structures: Structures, mode: str) -> None:
    other = {"system": "http://x.example", "code": "SUBSETTED"}
    resource = {"resourceType": "Basic", "meta": {"tag": [other], "versionId": "1"}, "code": {"text": "c"}}
    part = summarize(resource, mode, structures)
    assert part["meta"] == {"tag": [other, SUBSETTED], "versionId": "1"}
    assert summarize(part, mode, structures)["meta"] == part["meta"]
    assert resource["meta"] == {"tag": [other], "versionId": "1"}
