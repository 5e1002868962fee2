"""Concepts of a code system: nesting and properties as one graph, whatever the content."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fhir_server.terminology.concepts import Concepts, concepts_of, is_complete

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.sampled_from(["a", "b", "parent", "child", ""]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["code", "concept", "property", "valueCode", "uri", "display"]), inner)
    ),
    max_leaves=20,
)


def concept(code: str, *nested: dict[str, Any], **properties: Any) -> dict[str, Any]:
    found: dict[str, Any] = {"code": code, "display": f"The {code}"}
    if nested:
        found["concept"] = list(nested)
    if properties:
        found["property"] = [{"code": name, **value} for name, value in properties.items()]
    return found


def of(*concepts: Any, **members: Any) -> Concepts:
    return concepts_of({"content": "complete", "concept": list(concepts), **members})


ANIMALS = of(
    concept("animal", concept("mammal", concept("dog"), concept("cat")), concept("bird")),
    concept("pet", child={"valueCode": "dog"}),
    concept("penguin", parent={"valueCode": "bird"}),
    concept("stone"),
)


def test_codes_come_in_order_nested_ones_included() -> None:
    assert list(ANIMALS.codes) == ["animal", "mammal", "dog", "cat", "bird", "pet", "penguin", "stone"]


@pytest.mark.parametrize(
    ("code", "below", "above"),
    [
        ("animal", "animal mammal dog cat bird penguin", "animal"),
        ("dog", "dog", "dog mammal animal pet"),
        ("penguin", "penguin", "penguin bird animal"),
        ("pet", "pet dog", "pet"),
        ("stone", "stone", "stone"),
        ("unicorn", "", ""),
    ],
)
def test_nesting_and_properties_make_one_hierarchy(code: str, below: str, above: str) -> None:
    assert ANIMALS.below(code) == set(below.split())
    assert ANIMALS.above(code) == set(above.split())


def test_a_cycle_ends() -> None:
    ring = of(*(concept(str(n), parent={"valueCode": str((n + 1) % 5)}) for n in range(5)))
    assert ring.below("0") == ring.above("0") == set("01234")


def test_a_concept_that_is_its_own_parent_is_no_one_else() -> None:
    assert of(concept("a", parent={"valueCode": "a"})).below("a") == {"a"}


def test_the_properties_of_the_hierarchy_may_have_other_names() -> None:
    declared = [{"code": "subsumedBy", "uri": "http://hl7.org/fhir/concept-properties#parent", "type": "code"}]
    found = of(concept("a"), concept("b", subsumedBy={"valueCode": "a"}), property=declared)
    assert found.below("a") == {"a", "b"}
    assert list(found.values("b", "subsumedBy")) == ["a"]


def test_parents_that_are_not_there_are_not_reached() -> None:
    found = of(concept("a", parent={"valueCode": "elsewhere"}), concept("b", parent={"valueCode": "elsewhere"}))
    assert found.above("a") == {"a"}
    assert found.below("elsewhere") == set()


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ({"valueCode": "x"}, "x"),
        ({"valueString": "some text"}, "some text"),
        ({"valueBoolean": True}, "true"),
        ({"valueInteger": 7}, "7"),
        ({"valueDateTime": "2024-01-01"}, "2024-01-01"),
        ({"valueCoding": {"system": "s", "code": "c"}}, "c"),
    ],
)
def test_values_of_properties_are_texts(value: dict[str, Any], text: str) -> None:
    found = of(concept("a", kind=value))
    assert list(found.values("a", "kind")) == [text]
    assert found.has("a", "kind")


def test_what_the_standard_assumes_counts_as_a_value_but_is_not_there() -> None:
    found = of(concept("a"), concept("b", inactive={"valueBoolean": True}))
    assert [list(found.values(code, "inactive")) for code in "ab"] == [["false"], ["true"]]
    assert [found.has(code, "inactive") for code in "ab"] == [False, True]


@pytest.mark.parametrize(("meaning", "is_a"), [(None, True), ("is-a", True), ("part-of", False), ("grouped-by", False)])
def test_only_is_a_is_subsumption(meaning: str | None, is_a: bool) -> None:
    members = {} if meaning is None else {"hierarchyMeaning": meaning}
    assert of(concept("a"), **members).is_subsumption is is_a


@pytest.mark.parametrize("content", ["not-present", "example", "fragment", "supplement", None, 5])
def test_only_complete_is_complete(content: Any) -> None:
    assert is_complete({"content": "complete"})
    assert not is_complete({"content": content})


def test_depth_and_size_do_no_harm() -> None:
    deep = concept("last")
    for number in range(5_000):
        deep = concept(str(number), deep)
    found = of(deep)
    assert len(found.below("4999")) == len(found.above("last")) == 5_001


@given(JSON, JSON)
def test_any_content_is_borne(concepts: Any, properties: Any) -> None:
    found = concepts_of({"concept": concepts, "property": properties, "hierarchyMeaning": concepts})
    for code in found.codes:
        assert code in found.below(code) & found.above(code)
