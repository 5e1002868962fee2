"""From the pairs of a query to a SearchRequest."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fhir_server.errors import BadRequest, TooCostly
from fhir_server.search import escapes
from fhir_server.search.parse import parse
from fhir_server.search.request import Criterion, Include, SearchRequest, SortKey

KNOWN = ("_id", "_lastUpdated", "code", "owner", "patient", "status", "subject")


def parsed(*pairs: tuple[str, str], lenient: bool = False) -> SearchRequest:
    return parse("Task", pairs, known=KNOWN, lenient=lenient, page_size=100, max_page_size=1000)


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


@pytest.mark.parametrize("lenient", [True, False])
@pytest.mark.parametrize(
    "pair",
    [
        ("subject.name", "x"),
        ("subject:Patient.name", "x"),
        ("_has:Task:owner:status", "x"),
        ("_filter", "x"),
        ("_list", "1"),
        ("_type", "Task"),
        ("_include", "*"),
        ("_include", "Task:*"),
        ("_include:iterate", "Task:owner"),
        ("_sort:missing", "status"),
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
    ],
)
def test_too_much_of_anything_is_too_costly(pairs: list[tuple[str, str]]) -> None:
    with pytest.raises(TooCostly):
        parsed(*pairs)


_NAMES = st.sampled_from(
    [*KNOWN, "_sort", "_count", "_include", "_total", "_summary", "_elements", "x", "a.b", ":", ""]
)


@given(st.lists(st.tuples(st.builds("".join, st.lists(_NAMES, max_size=3)), st.text(max_size=20))), st.booleans())
def test_any_query_is_read_or_refused(pairs: list[tuple[str, str]], lenient: bool) -> None:
    try:
        request: Any = parsed(*pairs, lenient=lenient)
    except BadRequest:
        return
    assert request.self_query.isascii()
