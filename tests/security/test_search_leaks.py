"""What may not be seen leaves no trace in any search: every case, asked twice.

Once where a part of the world is hidden by the predicate, once where it was never written; matches, order, totals,
includes, warnings, refusals and pages must be the same, and those of the oracle, which never heard of the hidden part.
https://hl7.org/fhir/R4/security.html#access-denied
"""

import random
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any

import pytest

from fhir_server.errors import BadRequest
from fhir_server.search import Page
from fhir_server.store.visibility import ALL_ROWS, Predicate
from tests.cases import searches
from tests.conftest import ENGINES
from tests.contracts import judging
from tests.contracts.search_world import World, opened_world
from tests.oracle import Answer, Oracle

JsonObject = dict[str, Any]
Name = tuple[str, str]
PAGE = 3
SHARES = {"sqlite": 0.5, "postgresql": 0.25}
"""How much is hidden: with the half gone, few chains are left whole; with a quarter, most are."""
ASKED = [case for case in searches.cases() if "refused" not in case]
_SIZED = ("_count", "_summary=count", "_total")
PAGED = [c for c in ASKED if not any(word in c["search"] for word in _SIZED) and "lenient" not in c]


@dataclass(frozen=True, slots=True)
class Twins:
    """A world with hidden rows, one without them, and what the oracle says of either."""

    hiding: World
    visible: Predicate
    lacking: World
    knows_all: Oracle
    knows_visible: Oracle


def names_of(unit: list[JsonObject]) -> list[Name]:
    return [(resource["resourceType"], resource["id"]) for resource in unit]


@pytest.fixture(scope="module", params=ENGINES)
def twins(request: pytest.FixtureRequest) -> Iterator[Twins]:
    chance = random.Random(20)
    names = [name for unit in searches.units() for name in names_of(unit)]
    hidden = set(chance.sample(names, int(len(names) * SHARES[request.param])))
    seen = [[r for r in unit if not hidden.intersection(names_of([r]))] for unit in searches.units()]
    with ExitStack() as stack:
        hiding, lacking = (stack.enter_context(opened_world(request)) for _ in range(2))
        knows_all = judging.judge(hiding, judging.write(hiding, searches.units()))
        knows_visible = judging.judge(lacking, judging.write(lacking, seen))
        pks = [hiding.versions[name][0] for name in sorted(hidden)]
        yield Twins(hiding, judging.hides(pks), lacking, knows_all, knows_visible)


def answer(world: World, case: JsonObject, visible: Predicate) -> tuple[Any, ...]:
    """All that an answer says, or why there is none."""
    try:
        page = world.search(case["search"], visible=visible, lenient=case.get("lenient", False))
    except BadRequest as refused:
        return ("refused", refused.issues)
    return (judging.answered(world, page), page.self_query, page.next_query is None, page.warnings)


def pages(world: World, search: str, visible: Predicate) -> list[tuple[Any, ...]]:
    found = [world.search(search, visible=visible)]
    while found[-1].next_query is not None:
        found.append(world.search(f"{search.partition('?')[0]}?{found[-1].next_query}", visible=visible))
    return [told(world, page) for page in found]


def told(world: World, page: Page) -> tuple[Any, ...]:
    return (judging.answered(world, page), page.warnings)


@pytest.mark.parametrize("case", ASKED, ids=searches.case_id)
def test_an_answer_is_that_of_a_world_without_the_hidden(twins: Twins, case: JsonObject) -> None:
    seen = answer(twins.hiding, case, twins.visible)
    assert seen == answer(twins.lacking, case, ALL_ROWS)
    should = judging.judged(twins.knows_visible, case["search"], lenient=case.get("lenient", False))
    if isinstance(should, str) or isinstance(seen[0], str):
        assert seen[0] == should
        return
    size = searches.page_size(case)
    assert seen[0] == Answer(should.matches[:size], should.included, should.total)


@pytest.mark.parametrize("case", PAGED, ids=searches.case_id)
def test_pages_and_totals_are_those_of_a_world_without_the_hidden(twins: Twins, case: JsonObject) -> None:
    search = f"{case['search']}{'&' if '?' in case['search'] else '?'}_total=accurate&_count={PAGE}"
    should = judging.judged(twins.knows_visible, search)
    if isinstance(should, str):
        with pytest.raises(BadRequest):
            twins.hiding.search(search, visible=twins.visible)
        return
    seen = pages(twins.hiding, search, twins.visible)
    assert seen == pages(twins.lacking, search, ALL_ROWS)
    assert [name for found, _ in seen for name in found.matches] == should.matches
    assert {found.total for found, _ in seen} == {len(should.matches)}
    assert {len(found.matches) for found, _ in seen[:-1]} <= {PAGE}


def test_many_cases_would_show_a_leak(twins: Twins) -> None:
    judges = (twins.knows_all, twins.knows_visible)
    told_apart = [c for c in ASKED if len({repr(judging.judged(judge, c["search"])) for judge in judges}) == 2]
    assert len(told_apart) > len(ASKED) / 3
