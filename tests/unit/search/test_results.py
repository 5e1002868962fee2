"""Result parameters: order, size, totals, what comes with the matches."""

import pytest

from fhir_server.errors import BadRequest
from fhir_server.search.request import Include, SortKey
from fhir_server.search.results import Results


def read(*pairs: tuple[str, str]) -> Results:
    results = Results()
    for label, value in pairs:
        name, _, modifier = label.partition(":")
        results.read(name, modifier, value)
    return results


@pytest.mark.parametrize(
    ("value", "include"),
    [
        ("Task:owner", Include("Task", "owner", "")),
        ("Task:owner:Organization", Include("Task", "owner", "Organization")),
        ("Task:*", Include("Task", "*", "")),
        ("Task:*:Organization", Include("Task", "*", "Organization")),
        ("*", Include("*", "*", "")),
    ],
)
def test_includes_in_both_directions_once_and_again(value: str, include: Include) -> None:
    results = read(("_include", value), ("_revinclude", value))
    assert results.includes == results.revincludes == [include]
    again = read(("_include:iterate", value), ("_revinclude:iterate", value))
    iterating = Include(include.source, include.name, include.target, iterates=True)
    assert again.includes == again.revincludes == [iterating]


@pytest.mark.parametrize("name", ["_include", "_revinclude", "_include:iterate"])
@pytest.mark.parametrize(
    "value", ["Task", "Task:", ":owner", "Task::Organization", "*:*", "*:owner", "Task:owner:*", "a:b:c:d", "**", ":"]
)
def test_an_include_of_another_form_is_told_the_forms(name: str, value: str) -> None:
    with pytest.raises(BadRequest, match="Type:parameter") as refused:
        read((name, value))
    assert str(refused.value).startswith(name.partition(":")[0])


@pytest.mark.parametrize(
    "pair",
    [
        ("_include:iterat", "Task:owner"),
        ("_include:recurse", "Task:owner"),
        ("_sort:iterate", "status"),
        ("_count:missing", "1"),
        ("_elements:not", "a"),
        ("_cursor:iterate", "a"),
    ],
)
def test_modifiers_that_do_not_fit_are_refused(pair: tuple[str, str]) -> None:
    with pytest.raises(BadRequest, match=pair[0]):
        read(pair)


def test_order_and_elements_add_up() -> None:
    results = read(("_sort", "a,-b"), ("_sort", "-c,"), ("_elements", "x, y,"), ("_elements", "z"))
    assert results.sort == [
        SortKey("a", descending=False), SortKey("b", descending=True), SortKey("c", descending=True),
    ]  # fmt: skip
    assert results.elements == ["x", "y", "z"]


@pytest.mark.parametrize("name", ["_count", "_total", "_summary", "_cursor"])
def test_what_may_stand_once_may_be_repeated_only_as_it_is(name: str) -> None:
    assert read((name, "1"), (name, "1")).single == {name: "1"}
    with pytest.raises(BadRequest, match="more than once"):
        read((name, "1"), (name, "2"))


@pytest.mark.parametrize(
    ("pairs", "count"),
    [
        ([], 20),
        ([("_count", "7")], 7),
        ([("_count", "0")], 0),
        ([("_count", "007")], 7),
        ([("_count", "51")], 50),
        ([("_count", "9" * 5000)], 50),
        ([("_summary", "count")], 0),
        ([("_summary", "count"), ("_count", "5")], 0),
    ],
)
def test_the_size_of_a_page(pairs: list[tuple[str, str]], count: int) -> None:
    assert read(*pairs).count(20, 50) == count


def test_the_size_of_a_page_is_never_larger_than_the_largest() -> None:
    assert read().count(100, 50) == 50


@pytest.mark.parametrize("value", ["-1", "+1", "1.0", "1e3", "ten", "²", "\u0661", " 1", "0x10"])
def test_a_size_that_is_no_whole_number_is_refused(value: str) -> None:
    with pytest.raises(BadRequest, match="_count"):
        _ = read(("_count", value)).count(20, 50)


def test_totals_and_summaries() -> None:
    assert (read().total, read().summary) == ("none", "")
    for total in ("none", "estimate", "accurate"):
        assert read(("_total", total)).total == total
    for summary in ("true", "text", "data", "count", "false"):
        assert read(("_summary", summary)).summary == summary
    with pytest.raises(BadRequest, match="_total is expected to be one of none, estimate, accurate"):
        _ = read(("_total", "many")).total
    with pytest.raises(BadRequest, match="_summary is expected to be one of"):
        _ = read(("_summary", "short")).summary


@pytest.mark.parametrize("include", ["_include", "_revinclude"])
def test_text_alone_comes_without_includes(include: str) -> None:
    with pytest.raises(BadRequest, match="_summary=text"):
        _ = read(("_summary", "text"), (include, "*")).summary
