"""Pages: joined they are the whole, whatever the order; links cannot be forged; writers in between do no harm."""

import random
from collections.abc import Iterator
from typing import Any
from urllib.parse import parse_qs

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fhir_server.errors import BadRequest
from fhir_server.store.visibility import ALL_ROWS, Predicate
from tests.conftest import ENGINES
from tests.contracts.search_world import World, opened_world

EVEN_ROWS = Predicate("even rows", lambda resource: resource.c.pk % 2 == 0)
STATUSES = ("requested", "accepted", "completed")
SORTS = ("_lastUpdated", "_id", "status", "authored-on", "owner", "code", "requester", "identifier")


def task(number: int, chance: random.Random) -> dict[str, Any]:
    """A Task whose values repeat, come in several, or are absent."""
    resource: dict[str, Any] = {
        "resourceType": "Task", "id": f"t{number:03}", "intent": "order", "status": chance.choice(STATUSES),
    }  # fmt: skip
    if chance.random() < 0.7:
        resource["authoredOn"] = f"2026-0{chance.randrange(1, 4)}"
    if chance.random() < 0.7:
        resource["owner"] = {"reference": f"Organization/{chance.choice('abc')}"}
    if chance.random() < 0.5:
        codings = [{"code": chance.choice("xyz"), "system": chance.choice(("", "s"))} for _ in range(3)]
        resource["code"] = {"coding": codings} if chance.random() < 0.8 else {"text": "no code"}
    if chance.random() < 0.6:
        resource["identifier"] = [{"value": chance.choice("ÄaB")}, {"value": chance.choice("12")}]
    return resource


@pytest.fixture(scope="module", params=ENGINES)
def world(request: pytest.FixtureRequest) -> Iterator[World]:
    chance = random.Random(7)
    with opened_world(request) as world:
        tasks = [task(number, chance) for number in range(60)]
        world.write(tasks[:20])  # one stamp for all: ties
        world.write_each(tasks[20:])
        world.delete("Task", "t005")
        yield world


_KEYS = st.builds(lambda name, minus: f"{minus}{name}", st.sampled_from(SORTS), st.sampled_from(["", "-"]))
_CRITERIA = st.sampled_from([
    "", "status=requested", "owner=a", "code=x", "code=x&status:not=accepted", "status=requested,completed",
    "code=x,y,s%7Cz&owner:missing=false", "owner=a,b,Organization/b,nobody&status=requested,accepted,completed",
    "identifier=A,B,1,2,3,4,5,6,7,8,9", "code=s%7C,x",
])  # fmt: skip


@settings(max_examples=40)
@given(st.lists(_KEYS, max_size=3), _CRITERIA, st.integers(3, 25), st.sampled_from([ALL_ROWS, EVEN_ROWS]))
def test_pages_joined_equal_the_unpaged_answer(
    world: World, keys: list[str], criteria: str, count: int, visible: Predicate
) -> None:
    query = f"Task?{criteria}&_sort={','.join(keys)}&_total=accurate"
    whole = world.search(f"{query}&_count=1000", visible=visible)
    pages = world.pages(f"{query}&_count={count}", visible=visible)
    joined = [stored for page in pages for stored in page.matches]
    assert joined == whole.matches
    assert [len(page.matches) for page in pages[:-1]] == [count] * (len(pages) - 1)
    assert {page.total for page in pages} == {len(joined)}
    assert len({stored.pk for stored in joined}) == len(joined)


@settings(max_examples=30)
@given(st.sampled_from(["authored-on", "status", "_id"]), st.booleans())
def test_the_order_is_that_of_the_values_and_absent_ones_come_last(world: World, name: str, descending: bool) -> None:
    chance = random.Random(7)
    tasks = {t["id"]: t for t in (task(number, chance) for number in range(60))}
    member = {"authored-on": "authoredOn", "status": "status", "_id": "id"}[name]
    found = [tasks[i].get(member) for i in world.ids(f"Task?_sort={'-' if descending else ''}{name}&_count=1000")]
    present = [value for value in found if value is not None]
    assert present == sorted(present, reverse=descending)
    assert found == present + [None] * (len(found) - len(present))


def test_a_page_asked_for_again_is_answered_again(world: World) -> None:
    first = world.search("Task?_count=10&_sort=status")
    again = [world.search(f"Task?{first.next_query}") for _ in range(2)]
    assert again[0] == again[1]
    assert again[0].self_query == first.next_query


def test_a_page_may_be_larger_or_bring_more_than_the_one_before(world: World) -> None:
    first = world.search("Task?_count=10")
    position = parse_qs(first.next_query or "")["_cursor"][0]
    rest = world.search(f"Task?_count=1000&_pretty=true&_cursor={position}")
    assert [s.pk for s in first.matches + rest.matches] == [s.pk for s in world.search("Task?_count=1000").matches]


def test_a_link_of_another_search_or_caller_or_a_changed_one_is_refused(world: World) -> None:
    query = world.search("Task?status=requested&_count=3").next_query
    assert query is not None
    position = parse_qs(query)["_cursor"][0]
    world.search(f"Task?{query}")
    changed = position[:-4] + ("AAAA" if not position.endswith("AAAA") else "BBBB")
    for other in (
        f"Task?status=accepted&_cursor={position}",
        f"Task?status=requested&_sort=status&_cursor={position}",
        f"Task?_cursor={position}",
        f"ServiceRequest?status=requested&_cursor={position}",
        f"Task?status=requested&_cursor={changed}",
        "Task?status=requested&_cursor=e30",
    ):
        with pytest.raises(BadRequest):
            world.search(other)
    with pytest.raises(BadRequest):
        world.search(f"Task?{query}", caller="you")
    with pytest.raises(BadRequest):
        world.search(f"Task?{query}", tenant=2)


def test_hidden_rows_might_as_well_not_exist(world: World, request: pytest.FixtureRequest) -> None:
    for query in ("Task", "Task?status=requested", "Task?code=x&_sort=-authored-on", "Task?owner=a&_count=0"):
        seen = world.search(f"{query}{'&' if '?' in query else '?'}_total=accurate", visible=EVEN_ROWS)
        everything = world.search(query)
        assert seen.matches == [stored for stored in everything.matches if stored.pk % 2 == 0]
        if "_count=0" not in query:
            assert seen.total == len(seen.matches) < len(everything.matches)


def test_includes_and_criteria_of_conditional_interactions_obey_the_predicate(world: World) -> None:
    world.write([{"resourceType": "Organization", "id": name} for name in "abc"])
    number = world.definitions.resource_types["Organization"]
    every = world.search("Task?_include=Task:owner").included
    assert {s.resource_id for s in every} == {"a", "b", "c"}
    seen = world.search("Task?_include=Task:owner", visible=EVEN_ROWS).included
    assert seen == [s for s in every if s.pk % 2 == 0] != every
    for query, pages in (("Organization?_revinclude=Task:owner", world.search), ("Organization", world.search)):
        assert all(s.pk % 2 == 0 for s in pages(query, visible=EVEN_ROWS).included)
    odd = next(s for s in every if s.pk % 2 == 1)
    assert odd.type_number == number
    assert world.find(f"Organization?_id={odd.resource_id}") == [odd.resource_id]
    assert world.find(f"Organization?_id={odd.resource_id}", visible=EVEN_ROWS) == []


@pytest.mark.parametrize("criteria", ["", "name=", "_sort=name", "name=x&_count=1", "unknown=1"])
def test_criteria_that_select_nothing_in_particular_are_refused(world: World, criteria: str) -> None:
    with pytest.raises(BadRequest):
        world.find(f"Organization?{criteria}")


@pytest.mark.parametrize("engine", ENGINES)
def test_rows_that_nobody_wrote_appear_once_while_writers_write(engine: str, request: pytest.FixtureRequest) -> None:
    request.param = engine  # type: ignore[attr-defined]
    chance = random.Random(11)
    with opened_world(request) as world:
        tasks = [task(number, chance) for number in range(80)]
        world.write_each(tasks)
        for sort in ("-_lastUpdated", "_lastUpdated", "authored-on,-status", "-owner"):
            touched: set[str] = set()

            def write(touched: set[str] = touched) -> None:
                chosen = chance.sample(tasks, 3)
                world.write(chosen)
                touched.update(resource["id"] for resource in chosen)
                world.write([task(chance.randrange(1000, 9999), chance)])

            pages = world.pages(f"Task?_sort={sort}&_count=7", between=write)
            seen = [stored.resource_id for page in pages for stored in page.matches]
            quiet = {resource["id"] for resource in tasks} - touched
            assert sorted(found for found in seen if found in quiet) == sorted(quiet)
