"""From the pairs of a query to a SearchRequest."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fhir_server.errors import BadRequest, TooCostly
from fhir_server.search import escapes
from fhir_server.search.names import Names
from fhir_server.search.parse import Limits, Scope, parse
from fhir_server.search.request import Compartment, Criterion, Include, Link, SearchRequest, SortKey
from fhir_server.search.searching import searchable
from tests import shared_parts

NAMES = Names(shared_parts.definitions(), searchable(shared_parts.definitions()))
LIMITS = Limits(page_size=100, max_page_size=1000, max_chain_links=4)
TASKS = Scope(("Task",))
SEVERAL = Scope(("Organization", "Patient", "Practitioner", "Task"), is_open=True)


def parsed(*pairs: tuple[str, str], lenient: bool = False, scope: Scope = TASKS) -> SearchRequest:
    return parse(scope, pairs, names=NAMES, limits=LIMITS, lenient=lenient)


def test_criteria_in_order_with_modifiers_and_alternatives() -> None:
    request = parsed(("status", "requested,accepted"), ("owner:missing", "true"), ("status:not", "draft"))
    assert request.criteria == (
        Criterion("status", "", ("requested", "accepted")),
        Criterion("owner", "missing", ("true",)),
        Criterion("status", "not", ("draft",)),
    )
    assert request.self_query == "status=requested,accepted&owner:missing=true&status:not=draft"
    assert request.count == 100


@pytest.mark.parametrize("value", ["", ",", ",,"])
def test_an_empty_value_is_ignored_and_left_out_of_self(value: str) -> None:
    request = parsed(("subject", value), ("status", ",draft,"), ("_count", value), ("_sort", value))
    assert request.criteria == (Criterion("status", "", ("draft",)),)
    assert request.self_query == "status=draft"


def test_escapes_are_kept_until_the_kind_is_known() -> None:
    assert parsed(("code", r"a\,b,c\\,d\|e")).criteria[0].values == (r"a\,b", r"c\\", r"d\|e")


@given(st.lists(st.text(), min_size=1))
def test_escaped_parts_are_split_as_they_were_joined(parts: list[str]) -> None:
    joined = ",".join(escapes.escape(part) for part in parts)
    assert [escapes.unescape(part) for part in escapes.split(joined, ",")] == parts


def test_result_parameters() -> None:
    request = parsed(
        ("_sort", "status,-_lastUpdated"),
        ("_count", "7"),
        ("_total", "accurate"),
        ("_include", "Task:owner"),
        ("_include", "Task:owner"),
        ("_revinclude", "Task:part-of:Task"),
        ("_summary", "data"),
        ("_elements", "status, owner"),
        ("_format", "json"),
        ("_cursor", "abc"),
    )
    assert request.sort == (SortKey("status", descending=False), SortKey("_lastUpdated", descending=True))
    assert (request.count, request.total, request.summary, request.cursor) == (7, "accurate", "data", "abc")
    assert request.includes == (Include("Task", "owner", ""),)
    assert request.revincludes == (Include("Task", "part-of", "Task"),)
    assert request.elements == ("status", "owner")
    assert request.self_query == (
        "_sort=status,-_lastUpdated&_include=Task:owner&_include=Task:owner&_revinclude=Task:part-of:Task"
        "&_elements=status,+owner&_format=json&_count=7&_total=accurate&_summary=data"
    )


@pytest.mark.parametrize("pair", [("_count", "0"), ("_summary", "count")])
def test_counting_only_is_exact(pair: tuple[str, str]) -> None:
    request = parsed(pair)
    assert (request.count, request.total) == (0, "accurate")


def test_the_largest_page_is_said_in_self() -> None:
    assert parsed(("_count", "99999999999999999999")).self_query == "_count=1000"
    assert parsed(("_count", "5000")).count == 1000


def test_an_unknown_parameter_is_refused_by_name_with_advice() -> None:
    with pytest.raises(BadRequest) as refused:
        parsed(("statu", "draft"), ("_lastupdated", "gt2020"), ("zzz", "1"))
    told = [issue.diagnostics for issue in refused.value.issues]
    assert told == [
        "statu is not a search parameter of this type; did you mean status?",
        "_lastupdated is not a search parameter of this type; did you mean _lastUpdated?",
        "zzz is not a search parameter of this type",
    ]


def test_an_unknown_parameter_is_left_out_when_the_client_is_lenient() -> None:
    request = parsed(("statu", "draft"), ("status", "draft"), lenient=True)
    assert request.self_query == "status=draft"
    assert [(issue.severity, issue.code) for issue in request.warnings] == [("warning", "not-supported")]


def test_links_are_read_before_the_parameter_that_gets_the_value() -> None:
    request = parsed(
        ("subject:Patient.name:exact", "Ann"), ("owner.name", "food,shelter"), ("_has:Provenance:target:agent", "a")
    )
    assert request.criteria == (
        Criterion("name", "exact", ("Ann",), (Link("subject", "Patient"),)),
        Criterion("name", "", ("food", "shelter"), (Link("owner", ""),)),
        Criterion("agent", "", ("a",), (Link("target", "Provenance", is_reverse=True),)),
    )
    assert request.self_query == (
        "subject:Patient.name:exact=Ann&owner.name=food,shelter&_has:Provenance:target:agent=a"
    )


def test_an_unknown_parameter_behind_a_link_is_told_with_its_whole_path() -> None:
    for pair in (("owner:Organization.nane", "x"), ("_has:Task:owner:statu", "x")):
        with pytest.raises(BadRequest) as refused:
            parsed(pair, scope=Scope(("Organization",)) if "_has" in pair[0] else TASKS)
        assert refused.value.issues[0].diagnostics.startswith(f"{pair[0]} is not a search parameter")
        assert "; did you mean" in refused.value.issues[0].diagnostics


def test_an_unknown_link_is_left_out_when_the_client_is_lenient() -> None:
    request = parsed(("ovner.name", "x"), ("owner.nome", "x"), ("status", "draft"), lenient=True)
    assert request.self_query == "status=draft"
    assert [issue.severity for issue in request.warnings] == ["warning", "warning"]


def test_links_up_to_the_limit_are_taken() -> None:
    four = ("part-of.part-of.part-of.owner.name", "x")
    assert len(parsed(four).criteria[0].links) == 4
    with pytest.raises(TooCostly):
        parsed(("part-of." + four[0], "x"))


def test_types_narrow_a_search_of_several_and_stand_in_self_once() -> None:
    assert parsed(scope=SEVERAL).type_names == SEVERAL.type_names
    request = parsed(("_type", "Task,Patient,Task"), ("_type", "Patient,Organization"), ("_id", "1"), scope=SEVERAL)
    assert request.type_names == ("Patient",)
    assert request.self_query == "_type=Task,Patient&_type=Patient,Organization&_id=1"
    assert parsed(("_type", ""), scope=SEVERAL).type_names == SEVERAL.type_names


def test_several_types_take_the_parameters_that_all_of_them_have() -> None:
    two = ("_type", "Patient,Practitioner")
    assert parsed(two, ("family", "x"), scope=SEVERAL).criteria == (Criterion("family", "", ("x",)),)
    for pairs in ((two, ("deceased", "true")), (("owner", "1"),)):
        with pytest.raises(BadRequest) as refused:
            parsed(*pairs, scope=SEVERAL)
        assert refused.value.issues[0].diagnostics.startswith(f"{pairs[-1][0]} is not a search parameter")


@pytest.mark.parametrize(
    ("scope", "pair"),
    [
        (TASKS, ("_type", "Task")),
        (SEVERAL, ("_type:not", "Task")),
        (SEVERAL, ("_type", "Observation")),
        (SEVERAL, ("_type", "task")),
    ],
)
def test_types_that_do_not_fit_are_refused(scope: Scope, pair: tuple[str, str]) -> None:
    with pytest.raises(BadRequest, match="_type"):
        parsed(pair, scope=scope, lenient=True)


def test_a_compartment_goes_with_the_request() -> None:
    owner = Compartment("Patient", "1")
    assert parsed(scope=Scope(("Task",), compartment=owner)).compartment == owner


@pytest.mark.parametrize("lenient", [True, False])
@pytest.mark.parametrize(
    "pair",
    [
        ("_filter", "x"),
        ("_text", "x"),
        ("_content:not", "x"),
        ("_contained", "true"),
        ("_containedType", "container"),
        ("_query", "x"),
        ("_score", "1"),
        ("_sort:missing", "status"),
        ("_include:recurse", "Task:owner"),
        ("_count:iterate", "1"),
        ("owner:Spaceship.name", "x"),
        ("_has:Spaceship:owner:name", "x"),
    ],
)
def test_what_is_not_built_is_refused_by_name(pair: tuple[str, str], lenient: bool) -> None:
    with pytest.raises(BadRequest) as refused:
        parsed(pair, lenient=lenient)
    assert refused.value.issues[0].code == "not-supported"
    assert pair[0].split(":")[0] in refused.value.issues[0].diagnostics


@pytest.mark.parametrize(
    "pairs",
    [
        [("_count", "-1")],
        [("_count", "ten")],
        [("_count", "²")],
        [("_count", "1"), ("_count", "2")],
        [("_total", "some")],
        [("_summary", "maybe")],
        [("_include", "Task")],
        [("_include", "Task::owner")],
        [("_summary", "text"), ("_include", "Task:owner")],
        [("status", "a\0b")],
        [("status", "\ud800")],
        [("\ud800", "x")],
        [("status.code", "x")],
        [("patient:Organization.name", "x")],
        [("owner..name", "x")],
        [("owner.", "x")],
        [(".name", "x")],
        [("_has", "x")],
        [("_has:Task:owner", "x")],
        [("_has:Task::owner", "x")],
        [("_has:Patient:general-practitioner:name", "x")],
    ],
)
def test_what_does_not_fit_is_refused(pairs: list[tuple[str, str]]) -> None:
    with pytest.raises(BadRequest):
        parsed(*pairs)


@pytest.mark.parametrize(
    "pairs",
    [
        [("status", ",".join("abc" for _ in range(501)))],
        [("status", "a")] * 51,
        [("_sort", ",".join(["status"] * 9))],
        [("_include", f"Task:p{i}") for i in range(51)],
        [("_include", f"Task:p{i}") for i in range(26)] + [("_revinclude", f"Task:q{i}") for i in range(25)],
        [("part-of." * 201 + "status", "a")],
        [(":" * 201, "a")],
        [("_has:Task:part-of:" * 5 + "status", "a")],
    ],
)
def test_too_much_of_anything_is_too_costly(pairs: list[tuple[str, str]]) -> None:
    with pytest.raises(TooCostly):
        parsed(*pairs)


_NAMES = st.sampled_from(
    [
        "_id",
        "_lastUpdated",
        "code",
        "owner",
        "patient",
        "subject",
        ".name",
        "Patient",
        "_has:",
        "Task:",
        "_type",
        "_sort",
        "_count",
        "_include",
        "_total",
        "_summary",
        "_elements",
        "x",
        "a.b",
        ".",
        ":",
        "",
    ]
)


@given(
    st.lists(st.tuples(st.builds("".join, st.lists(_NAMES, max_size=5)), st.text(max_size=20))),
    st.booleans(),
    st.sampled_from([TASKS, SEVERAL]),
)
def test_any_query_is_read_or_refused(pairs: list[tuple[str, str]], lenient: bool, scope: Scope) -> None:
    try:
        request: Any = parsed(*pairs, lenient=lenient, scope=scope)
    except BadRequest:
        return
    assert request.self_query.isascii()
