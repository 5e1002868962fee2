"""Functions that may meet a body before it is validated, or one stored unvalidated: any shape has an answer."""

import contextlib
import copy
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from fhir_server.errors import BadRequest, NotAcceptable, Unprocessable
from fhir_server.fhir import fhirpath_patch, json, json_patch, meta, references, subset, xml
from fhir_server.fhir.json import JsonObject
from fhir_server.fhir.structures import Structures

NAMES = (
    "resourceType id meta text div status contained extension url reference name given subject entry resource tag note"
    " input valueReference _ _given _id __ nope"
)
names = st.sampled_from(["", *NAMES.split()])
scalars = st.sampled_from(
    [None, True, 1, "", "x", "Patient", "Task", "Bundle", "urn:uuid:1", "http://x", "<div/>", "#"]
)
shapes = st.recursive(
    scalars,
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(names, inner, max_size=5)),
    max_leaves=25,
)
bodies = st.dictionaries(names, shapes, max_size=6)


@given(bodies)
def test_links_are_found_and_rewritten_in_any_shape(structures: Structures, body: JsonObject) -> None:
    before = copy.deepcopy(body)
    found: list[str] = []
    references.visit(body, found.append)
    for tables in (structures, None):
        references.rewrite(body, lambda text: text + "!", tables)
        assert references.rewrite(body, lambda text: None, tables) is body
    assert body == before


@given(bodies)
def test_any_shape_can_be_stamped(body: JsonObject) -> None:
    stored = json.parse_stored(meta.stamped(*meta.split_for_stamp(body), 1, 0))
    assert stored["meta"]["versionId"] == "1"


@given(bodies, st.sampled_from(["true", "text", "data"]))
def test_any_shape_has_a_summary(structures: Structures, body: JsonObject, mode: str) -> None:
    assert "meta" in subset.summarize(body, mode, structures)
    assert "meta" in subset.select_elements(body, ["name"], structures)


@given(bodies)
def test_any_shape_is_written_as_xml_or_refused(structures: Structures, body: JsonObject) -> None:
    with contextlib.suppress(NotAcceptable):
        written = xml.dump(body, structures)
        with contextlib.suppress(BadRequest):
            xml.parse(written, structures, max_depth=64)


@given(bodies, shapes)
def test_any_shape_is_a_patch_or_refused(structures: Structures, body: JsonObject, patch: Any) -> None:
    with contextlib.suppress(BadRequest, Unprocessable):
        json_patch.apply(body, patch)
    with contextlib.suppress(BadRequest, Unprocessable):
        fhirpath_patch.apply(body, {"parameter": [patch]}, structures=structures)


@given(bodies, shapes)
def test_any_value_is_added_to_any_shape_or_refused(structures: Structures, body: JsonObject, value: Any) -> None:
    parts: list[Any] = [{"name": "type", "valueCode": "add"}, {"name": "path", "valueString": "name"}]
    parts += [{"name": "name", "valueString": "given"}, {"name": "value", "valueString": value, "_valueString": value}]
    parameters = {"parameter": [{"name": "operation", "part": parts}]}
    with contextlib.suppress(BadRequest, Unprocessable):
        fhirpath_patch.apply({**body, "resourceType": "Patient"}, parameters, structures=structures)
