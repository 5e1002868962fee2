"""JSON Patch."""

import contextlib
import copy
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fhir_server.errors import BadRequest, Unprocessable
from fhir_server.fhir import json, json_patch
from fhir_server.fhir.json import JsonObject

TASK: JsonObject = json.parse_stored(
    '{"resourceType":"Task","id":"1","status":"requested","input":[{"valueDecimal":1.10},{"valueDecimal":1e5}],'
    '"a/b":{"m~n":1},"note":[{"text":"x"}]}'
)


def patched(*operations: Any) -> str:
    return json.dump(json_patch.apply(TASK, list(operations)))


def test_operations_are_applied_in_order_and_literals_kept() -> None:
    assert patched(
        {"op": "test", "path": "/status", "value": "requested"},
        {"op": "replace", "path": "/status", "value": "accepted"},
        {"op": "add", "path": "/note/0", "value": {"text": "first"}},
        {"op": "add", "path": "/note/-", "value": {"text": "last"}},
        {"op": "remove", "path": "/a~1b/m~0n"},
        {"op": "copy", "from": "/input/1", "path": "/input/0"},
        {"op": "move", "from": "/a~1b", "path": "/c"},
    ) == (
        '{"resourceType":"Task","id":"1","status":"accepted","input":[{"valueDecimal":1e5},{"valueDecimal":1.10},'
        '{"valueDecimal":1e5}],"note":[{"text":"first"},{"text":"x"},{"text":"last"}],"c":{}}'
    )


def test_an_empty_patch_changes_nothing() -> None:
    assert json_patch.apply(TASK, []) == TASK


def test_the_given_resource_is_not_changed() -> None:
    before = copy.deepcopy(TASK)
    with pytest.raises(Unprocessable):
        patched({"op": "remove", "path": "/note"}, {"op": "remove", "path": "/note"})
    assert before == TASK


@pytest.mark.parametrize(
    ("patch", "said"),
    [
        (None, "an array"),
        ({"op": "remove", "path": "/status"}, "an array"),
        (["x"], "operation 0 of the JSON Patch is not an object"),
        ([{"op": "remove"}], "needs 'path'"),
        ([{"op": "add", "path": "/status"}], "needs 'value'"),
        ([{"op": "copy", "path": "/status"}], "needs 'from'"),
        ([{"op": "merge", "path": "/status"}], "one of add"),
        ([{"op": ["add"], "path": "/status"}], "one of add"),
        ([{"path": "/status"}], "one of add"),
        ([{"op": "remove", "path": "status"}], "JSON Pointer"),
        ([{"op": "remove", "path": "/a~2"}], "JSON Pointer"),
        ([{"op": "remove", "path": 1}], "JSON Pointer"),
        ([{"op": "remove", "path": "/x" * 100_000}], "JSON Pointer"),
        ([{"op": "test", "path": "/status", "value": 1}] * 1_001, "at most 1000"),
    ],
)
def test_malformed_patches(patch: Any, said: str) -> None:
    with pytest.raises(BadRequest, match=said):
        json_patch.apply(TASK, patch)


@pytest.mark.parametrize(
    "operation",
    [
        {"op": "remove", "path": "/absent"},
        {"op": "remove", "path": ""},
        {"op": "replace", "path": "/absent", "value": 1},
        {"op": "replace", "path": "", "value": []},
        {"op": "add", "path": "/note/7", "value": 1},
        {"op": "add", "path": "/note/01", "value": 1},
        {"op": "add", "path": "/status/0", "value": 1},
        {"op": "add", "path": "/absent/0", "value": 1},
        {"op": "move", "from": "/absent", "path": "/x"},
        {"op": "move", "from": "/input", "path": "/input/0"},
        {"op": "test", "path": "/status", "value": "draft"},
        {"op": "test", "path": "/absent", "value": None},
        {"op": "test", "path": "/a~1b/m~0n", "value": True},
        {"op": "remove", "path": "/note/-"},
        {"op": "test", "path": "/note/²", "value": 1},
    ],
)
def test_operations_that_do_not_fit_are_named(operation: JsonObject) -> None:
    with pytest.raises(Unprocessable, match=f"operation 1 .*{operation['op']}"):
        patched({"op": "test", "path": "/id", "value": "1"}, operation)


def test_messages_repeat_no_content() -> None:
    with pytest.raises(Unprocessable) as caught:
        patched({"op": "test", "path": "/status", "value": "secret"})
    assert "secret" not in str(caught.value)
    assert "requested" not in str(caught.value)


def test_copies_may_not_grow_without_bound() -> None:
    doubling = [{"op": "copy", "from": "/note", "path": "/note/-"}] * 40
    with pytest.raises(BadRequest, match=r"too much|deeper"):
        patched(*doubling)
    widening = [
        {"op": "copy", "from": "/input", "path": "/note/0/x"},
        {"op": "copy", "from": "/note", "path": "/input/-"},
    ]
    with pytest.raises(BadRequest, match=r"too much|deeper"):
        patched(*(widening * 40))


def test_depth_may_not_grow_without_bound() -> None:
    with pytest.raises(BadRequest, match="deeper"):
        patched({"op": "add", "path": "/x", "value": {}}, *[{"op": "copy", "from": "/x", "path": "/x/y"}] * 70)


pointers = st.sampled_from(["", "/status", "/note", "/note/0", "/note/-", "/note/0/text", "/a~1b", "/zz", "/id", "/1"])
anything: st.SearchStrategy[Any] = st.sampled_from([None, True, 1, "x", [], {}, [1], {"a": []}])
operations = st.fixed_dictionaries(
    {"op": st.sampled_from(["add", "remove", "replace", "move", "copy", "test"]), "path": pointers},
    optional={"from": pointers, "value": anything},
)


@given(st.lists(operations, max_size=6))
def test_any_patch_is_applied_or_refused(patch: list[JsonObject]) -> None:
    before = copy.deepcopy(TASK)
    with contextlib.suppress(BadRequest, Unprocessable):
        assert isinstance(json_patch.apply(TASK, patch), dict)
    assert before == TASK


@given(anything, anything)
def test_an_added_value_is_found_and_can_be_removed_again(value: Any, other: Any) -> None:
    added = json_patch.apply(TASK, [{"op": "add", "path": "/x", "value": value}])
    assert added["x"] == value
    assert json_patch.apply(added, [{"op": "replace", "path": "/x", "value": other}])["x"] == other
    assert json_patch.apply(added, [{"op": "remove", "path": "/x"}]) == TASK
