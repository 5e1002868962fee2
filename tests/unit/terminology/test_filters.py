"""Filters of value sets on concepts of a code system."""

from typing import Any

import pytest

from fhir_server.terminology.concepts import concepts_of
from fhir_server.terminology.content import NotExpandable
from fhir_server.terminology.filters import filtered


def needs() -> dict[str, Any]:
    """Food and housing, each with something below it."""
    return {
        "property": [{"code": "urgency", "type": "code"}, {"code": "unused", "type": "string"}],
        "concept": [
            {
                "code": "food",
                "display": "Food",
                "concept": [
                    {"code": "hunger", "property": [{"code": "urgency", "valueCode": "high"}]},
                    {"code": "diet", "property": [{"code": "urgency", "valueCode": "low"}]},
                ],
            },
            {
                "code": "housing",
                "property": [{"code": "urgency", "valueCode": "high"}, {"code": "urgency", "valueCode": "low"}],
                "concept": [{"code": "shelter", "property": [{"code": "inactive", "valueBoolean": True}]}],
            },
        ],
    }


NEEDS = concepts_of(needs())


def one(name: str, operator: str, value: str) -> dict[str, str]:
    return {"property": name, "op": operator, "value": value}


@pytest.mark.parametrize(
    ("name", "operator", "value", "codes"),
    [
        ("concept", "is-a", "food", "food hunger diet"),
        ("code", "is-a", "hunger", "hunger"),
        ("concept", "is-a", "unknown", ""),
        ("concept", "descendent-of", "food", "hunger diet"),
        ("concept", "is-not-a", "food", "housing shelter"),
        ("concept", "is-not-a", "unknown", "food hunger diet housing shelter"),
        ("concept", "generalizes", "diet", "diet food"),
        ("concept", "=", "diet", "diet"),
        ("code", "in", "diet, shelter,unknown", "diet shelter"),
        ("code", "not-in", "diet,shelter", "food hunger housing"),
        ("urgency", "=", "high", "hunger housing"),
        ("urgency", "in", "high,low", "hunger diet housing"),
        ("urgency", "not-in", "high", "food diet shelter"),
        ("urgency", "exists", "true", "hunger diet housing"),
        ("urgency", "exists", "false", "food shelter"),
        ("unused", "exists", "true", ""),
        ("unused", "=", "x", ""),
        ("concept", "exists", "true", "food hunger diet housing shelter"),
        ("concept", "exists", "false", ""),
        ("parent", "=", "food", "hunger diet"),
        ("child", "exists", "false", "hunger diet shelter"),
        ("display", "=", "Food", "food"),
        ("display", "exists", "true", "food"),
        ("inactive", "=", "false", "food hunger diet housing"),
        ("inactive", "exists", "true", "shelter"),
    ],
)
def test_a_filter(name: str, operator: str, value: str, codes: str) -> None:
    assert filtered(NEEDS, [one(name, operator, value)], "here") == set(codes.split())


def test_all_filters_must_hold() -> None:
    both = [one("concept", "is-a", "food"), one("urgency", "=", "high")]
    assert filtered(NEEDS, both, "here") == {"hunger"}
    assert filtered(NEEDS, [], "here") == {"food", "hunger", "diet", "housing", "shelter"}


@pytest.mark.parametrize(
    ("bad", "why"),
    [
        (one("code", "regex", "a+"), "regex is not supported"),
        (one("colour", "=", "red"), "no such property"),
        (one("colour", "exists", "false"), "no such property"),
        (one("urgency", "is-a", "high"), "on the property concept only"),
        (one("urgency", "exists", "maybe"), "true or false"),
        (one("urgency", "resembles", "high"), "not one of the standard's"),
        (one("urgency", "=", ""), "needs property, op and value"),
        ({"op": "is-a", "value": "food"}, "needs property, op and value"),
        ({"property": 5, "op": ["="], "value": {}}, "needs property, op and value"),
    ],
)
def test_what_cannot_be_applied_is_refused_with_its_place(bad: dict[str, Any], why: str) -> None:
    with pytest.raises(NotExpandable, match=why) as refused:
        filtered(NEEDS, [one("concept", "is-a", "food"), bad], "compose.include[0]")
    assert refused.value.place == "compose.include[0].filter[1]"


@pytest.mark.parametrize("operator", ["is-a", "descendent-of", "is-not-a", "generalizes"])
def test_another_hierarchy_is_no_subsumption(operator: str) -> None:
    parts = concepts_of({**needs(), "hierarchyMeaning": "part-of"})
    with pytest.raises(NotExpandable, match="hierarchy means is-a"):
        filtered(parts, [one("concept", operator, "food")], "here")
    assert filtered(parts, [one("concept", "=", "food")], "here") == {"food"}
