"""Whatever is asked of whatever is there or may be seen, both databases answer as the oracle does, on pages or on one.

https://hl7.org/fhir/R4/search.html
"""

import random
from collections.abc import Iterator
from contextlib import ExitStack

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.conftest import ENGINES
from tests.contracts import judging, made_up_resources, made_up_searches
from tests.contracts.search_world import World, opened_world
from tests.oracle import Answer

SEEDS = (1, 2, 3)


class Judged:
    """A world with its judge, and one who knows only what may be seen; no dataclass, which hypothesis would print."""

    def __init__(self, world: World, seed: int) -> None:
        records = judging.write(world, made_up_resources.units(seed))
        hidden = set(random.Random(seed).sample([pk for pk, _, _ in records], len(records) // 4))
        self.world = world
        self.judge = judging.judge(world, records)
        self.visible = judging.hides(sorted(hidden))
        self.judge_of_visible = judging.judge(world, [record for record in records if record[0] not in hidden])


_SLOW_START = settings(suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])


@pytest.fixture(scope="module", params=ENGINES)
def worlds(request: pytest.FixtureRequest) -> Iterator[list[Judged]]:
    with ExitStack() as stack:
        yield [Judged(stack.enter_context(opened_world(request)), seed) for seed in SEEDS]


_EVERY_WORLD = st.sampled_from(range(len(SEEDS)))


@settings(_SLOW_START, max_examples=400)
@given(search=made_up_searches.searches(), number=_EVERY_WORLD)
def test_every_answer_is_the_oracles(worlds: list[Judged], search: str, number: int) -> None:
    judged = worlds[number]
    assert judging.asked(judged.world, search) == judging.judged(judged.judge, search)


@settings(_SLOW_START, max_examples=200)
@given(search=made_up_searches.searches(), number=_EVERY_WORLD)
def test_what_is_hidden_might_as_well_not_be_there(worlds: list[Judged], search: str, number: int) -> None:
    judged = worlds[number]
    seen = judging.asked(judged.world, f"{search}&_total=accurate", visible=judged.visible)
    assert seen == judging.judged(judged.judge_of_visible, f"{search}&_total=accurate")


@settings(_SLOW_START, max_examples=80)
@given(search=made_up_searches.searches(), number=_EVERY_WORLD, count=st.integers(1, 4))
def test_pages_joined_are_the_whole(worlds: list[Judged], search: str, number: int, count: int) -> None:
    world = worlds[number].world
    should = judging.judged(worlds[number].judge, f"{search}&_total=accurate")
    assert isinstance(should, Answer)
    pages = [judging.answered(world, page) for page in world.pages(f"{search}&_total=accurate&_count={count}")]
    assert [name for page in pages for name in page.matches] == should.matches
    assert [len(page.matches) for page in pages[:-1]] == [count] * (len(pages) - 1)
    assert {page.total for page in pages} == {should.total}


def test_what_is_made_up_is_worth_asking(worlds: list[Judged]) -> None:
    """Most searches have an answer, and enough of them one that is neither empty nor everything."""
    telling = 0

    @settings(_SLOW_START, max_examples=200, derandomize=True)
    @given(search=made_up_searches.searches())
    def ask(search: str) -> None:
        nonlocal telling
        judge = worlds[0].judge
        answer = judge.search(search)
        telling += 0 < len(answer.matches) < len(judge.search(search.partition("?")[0] + "?").matches)

    ask()
    assert telling > 25
