"""Fingerprints of search parameters: what changes them, and what does not."""

from dataclasses import replace
from types import MappingProxyType
from typing import Any

import pytest

from fhir_server.definitions import Definitions, SearchParameter
from fhir_server.search.extract import is_indexed
from fhir_server.search.fingerprints import GONE, WORK_ROW, IndexedType, fingerprint, indexed_types
from tests import shared_parts

FAMILY = SearchParameter("Patient", "family", "string", "Patient.name.family", (), "http://example.org/family")
MADE_OF = SearchParameter(
    "Patient", "made-of", "composite", "Patient", (), "u", (("family", "name.family"), ("gender", "gender"))
)


@pytest.fixture(scope="module")
def definitions() -> Definitions:
    return shared_parts.definitions()


def test_it_is_the_same_in_every_process_and_release(definitions: Definitions) -> None:
    assert fingerprint(FAMILY, definitions) == "4df884de4aca2bbd3114690b"


@pytest.mark.parametrize(
    "changed",
    [
        {"code": "surname"},
        {"kind": "token"},
        {"expression": "Patient.name"},
        {"targets": ("Patient",)},
        {"type_name": "Person"},
        {"components": (("family", "name"),)},
    ],
    ids=lambda changed: next(iter(changed)),
)
def test_what_rows_depend_on_changes_it(definitions: Definitions, changed: dict[str, Any]) -> None:
    assert fingerprint(replace(FAMILY, **changed), definitions) != fingerprint(FAMILY, definitions)


def test_what_rows_do_not_depend_on_leaves_it_alone(definitions: Definitions) -> None:
    expected = fingerprint(FAMILY, definitions)
    assert fingerprint(replace(FAMILY, url="http://example.org/other", source="guide"), definitions) == expected
    one, other = (replace(FAMILY, targets=targets) for targets in (("Patient", "Person"), ("Person", "Patient")))
    assert fingerprint(one, definitions) == fingerprint(other, definitions)


def test_the_kind_of_a_component_is_part_of_a_composite(definitions: Definitions) -> None:
    siblings = dict(definitions.search_parameters["Patient"])
    siblings["family"] = replace(siblings["family"], kind="token")
    parameters = {**definitions.search_parameters, "Patient": MappingProxyType(siblings)}
    changed = replace(definitions, search_parameters=MappingProxyType(parameters))
    assert fingerprint(MADE_OF, changed) != fingerprint(MADE_OF, definitions)


def test_each_indexed_parameter_of_a_type_that_is_on_has_one(definitions: Definitions) -> None:
    types = indexed_types(definitions)
    assert types.keys() == definitions.server.keys()
    for name, of in types.items():
        codes = {p.code for p in definitions.search_parameters[name].values() if is_indexed(p)}
        rows = {WORK_ROW} if name in definitions.work_rows else set()
        assert set(of.names.values()) == codes | rows
        assert of.names.keys() == of.fingerprints.keys()


def test_numbers_that_are_left_over_count_as_gone() -> None:
    of = IndexedType("Patient", 1, {1: "a", 2: "b"}, {1: "x", 2: "y"})
    assert of.outdated({1: "x", 2: "y"}) == ()
    assert of.outdated({1: "x", 2: "y", 3: "z"}) == (GONE,)
    assert of.outdated({1: "other"}) == ("a", "b")
    assert of.stale({1: "x", 2: ""}) == {2}


def test_a_goal_is_reached_against_one_base() -> None:
    of = IndexedType("Patient", 1, {1: "a"}, {1: "x"})
    one, other = of.goal("https://a.example"), of.goal("https://b.example")
    assert one == replace(of, names={}).goal("https://a.example")
    assert len({one, other, replace(of, fingerprints={}).goal("https://a.example")}) == 3
