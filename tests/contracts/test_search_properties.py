"""Whatever is asked of whatever is there, both databases answer as the oracle does; pages joined are the whole.

https://hl7.org/fhir/R4/search.html
"""

from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.conftest import ENGINES
from tests.contracts import judging, made_up_resources, made_up_searches
from tests.contracts.search_world import World, opened_world
from tests.oracle import Answer, Oracle

SEEDS = (1, 2, 3)


class Judged:
    """Worlds of different resources, each with its judge; a plain class, which nobody prints when a test fails."""

    def __init__(self, worlds: list[tuple[World, Oracle]]) -> None:
        self.worlds = worlds


_SLOW_START = settings(suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])


@pytest.fixture(scope="module", params=ENGINES)
def judged(request: pytest.FixtureRequest) -> Iterator[Judged]:
    with opened_world(request) as one, opened_world(request) as two, opened_world(request) as three:
        pairs = zip((one, two, three), SEEDS, strict=True)
        yield Judged([(world, judging.write(world, made_up_resources.units(seed))) for world, seed in pairs])


@settings(_SLOW_START, max_examples=400)
@given(search=made_up_searches.searches(), seed=st.sampled_from(range(len(SEEDS))))
def test_every_answer_is_the_oracles(judged: Judged, search: str, seed: int) -> None:
    world, judge = judged.worlds[seed]
    assert judging.asked(world, search) == judging.judged(judge, search)


@settings(_SLOW_START, max_examples=80)
@given(search=made_up_searches.searches(), seed=st.sampled_from(range(len(SEEDS))), count=st.integers(1, 4))
def test_pages_joined_are_the_whole(judged: Judged, search: str, seed: int, count: int) -> None:
    world, judge = judged.worlds[seed]
    should = judging.judged(judge, f"{search}&_total=accurate")
    assert isinstance(should, Answer)
    pages = [judging.answered(world, page) for page in world.pages(f"{search}&_total=accurate&_count={count}")]
    assert [name for page in pages for name in page.matches] == should.matches
    assert [len(page.matches) for page in pages[:-1]] == [count] * (len(pages) - 1)
    assert {page.total for page in pages} == {should.total}


def test_what_is_made_up_is_worth_asking(judged: Judged) -> None:
    """Most searches have an answer, and enough of them one that is neither empty nor everything."""
    telling = 0

    @settings(_SLOW_START, max_examples=200, derandomize=True)
    @given(search=made_up_searches.searches())
    def ask(search: str) -> None:
        nonlocal telling
        _, judge = judged.worlds[0]
        answer = judge.search(search)
        telling += 0 < len(answer.matches) < len(judge.search(search.partition("?")[0] + "?").matches)

    ask()
    assert telling > 25
