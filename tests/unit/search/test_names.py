"""Which names a search may use, and where links lead."""

import pytest

from fhir_server.errors import BadRequest
from fhir_server.search.labels import read_label
from fhir_server.search.names import Names
from fhir_server.search.request import Criterion, Link
from fhir_server.search.searching import searchable
from tests import shared_parts

NAMES = Names(shared_parts.definitions(), searchable(shared_parts.definitions()))


def told(label: str, *type_names: str) -> str | None:
    links, name, modifier = read_label(label)
    issue = NAMES.unknown(Criterion(name, modifier, ("x",), links), type_names)
    return None if issue is None else issue.diagnostics


@pytest.mark.parametrize(
    ("label", "type_name"),
    [
        ("status", "Task"),
        ("owner.name", "Task"),
        ("owner:Organization.partof.name", "Task"),
        ("patient.family", "Task"),
        ("_has:Task:patient:status", "Patient"),
        ("_has:Task:owner:_has:Provenance:target:recorded", "Organization"),
        ("focus.category", "Task"),
        ("_list", "Task"),
        ("_lastUpdated", "Patient"),
        ("subject._id", "Task"),
    ],
)
def test_what_the_definitions_have_is_known(label: str, type_name: str) -> None:
    assert told(label, type_name) is None


@pytest.mark.parametrize(
    ("label", "type_name", "what", "advice"),
    [
        ("statu", "Task", "statu", "status"),
        ("STATUS", "Task", "STATUS", "status"),
        ("_lastupdated", "Task", "_lastupdated", "_lastUpdated"),
        ("ovner.name", "Task", "ovner.", "owner"),
        ("owner:Organization.nane", "Task", "owner:Organization.nane", "name"),
        ("owner:Organization.partoff.name", "Task", "owner:Organization.partoff.", "partof"),
        ("_has:Task:patent:status", "Patient", "_has:Task:patent:", None),
        ("_has:Task:patient:statu", "Patient", "_has:Task:patient:statu", "status"),
        ("zzzzzz", "Task", "zzzzzz", None),
    ],
)
def test_what_nobody_knows_is_told_with_the_nearest_that_somebody_does(
    label: str, type_name: str, what: str, advice: str | None
) -> None:
    message = told(label, type_name)
    assert message is not None
    assert message.startswith(f"{what} is not a search parameter")
    if advice is not None:
        assert message.endswith(f"; did you mean {advice}?")


@pytest.mark.parametrize(
    ("label", "type_name", "message"),
    [
        ("patient:Organization.name", "Task", "expected a type among Patient"),
        ("subject:Spaceship.name", "Task", "Spaceship is not a type of this server"),
        ("_has:Spaceship:subject:name", "Task", "Spaceship is not a type of this server"),
        ("status.name", "Task", "status is not a reference"),
        ("_has:Task:status:code", "Patient", "status is not a reference"),
        ("_has:Task:patient:status", "Organization", "patient never refers to this type"),
        ("owner._has:Task:patient:status", "Task", None),
    ],
)
def test_links_that_cannot_be_followed_are_refused(label: str, type_name: str, message: str | None) -> None:
    if message is None:
        assert told(label, type_name) is None
        return
    with pytest.raises(BadRequest, match=message):
        told(label, type_name)


@pytest.mark.parametrize("name", ["_filter", "_text", "_content", "_contained", "_containedType", "_query", "_score"])
def test_what_is_not_built_is_refused_wherever_it_stands(name: str) -> None:
    for label in (name, f"{name}:not", f"owner.{name}"):
        with pytest.raises(BadRequest, match=f"{name} is not supported"):
            told(label, "Task")


def test_several_types_have_in_common_what_each_has_with_one_kind() -> None:
    common = NAMES.common(["Patient", "Practitioner"])
    assert {"family", "identifier", "_id", "_lastUpdated"} <= common.keys()
    assert not {"deceased", "general-practitioner"} & common.keys()
    assert [parameter.type_name for parameter in common["family"]] == ["Patient", "Practitioner"]
    assert NAMES.common([]) == {}
    for each in NAMES.common(sorted(NAMES.searchable)).values():
        assert len({parameter.kind for parameter in each}) == 1


def test_a_link_leads_to_the_types_that_its_parameter_allows_and_that_are_on() -> None:
    assert NAMES.led_to(Link("patient", ""), ["Task"], "patient.") == ["Patient"]
    assert NAMES.led_to(Link("owner", "Organization"), ["Task"], "owner:Organization.") == ["Organization"]
    owners = NAMES.led_to(Link("owner", ""), ["Task"], "owner.")
    assert owners is not None
    assert {"Organization", "Practitioner"} <= set(owners) <= NAMES.searchable
    assert NAMES.led_to(Link("patient", "Task", is_reverse=True), ["Patient"], "") == ["Task"]
    anything = NAMES.led_to(Link("focus", ""), ["Task"], "focus.")
    assert anything == sorted(NAMES.searchable)
    assert NAMES.led_to(Link("nowhere", ""), ["Task"], "nowhere.") is None
