"""The searches of tests/cases/search/ on both databases, judged twice: by what is written there, and by the oracle."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from fhir_server.errors import BadRequest
from tests.cases import searches
from tests.conftest import ENGINES
from tests.contracts import judging
from tests.contracts.search_world import World, opened_world
from tests.oracle import Oracle


@pytest.fixture(scope="module", params=ENGINES)
def judged(request: pytest.FixtureRequest) -> Iterator[tuple[World, Oracle]]:
    with opened_world(request) as world:
        yield world, judging.judge(world, judging.write(world, searches.units()))


@pytest.mark.parametrize("case", searches.cases(), ids=searches.case_id)
def test_case(judged: tuple[World, Oracle], case: dict[str, Any]) -> None:
    world, judge = judged
    lenient = case.get("lenient", False)
    should = judging.judged(judge, case["search"], lenient=lenient)
    if "refused" in case:
        with pytest.raises(BadRequest) as refused:
            world.search(case["search"], lenient=lenient)
        assert case["refused"] in refused.value.issues[0].diagnostics
        assert should == "refused"
        return
    page = world.search(case["search"], lenient=lenient)
    answer = judging.answered(world, page)
    found, wanted = ["/".join(name) for name in answer.matches], searches.names(case)
    assert found == wanted if "orders" in case else sorted(found) == sorted(wanted)
    assert {"/".join(name) for name in answer.included} == set(case.get("includes", ()))
    assert page.total == case.get("total")
    assert page.next_query is None or "_count" in case["search"]
    assert bool(page.warnings) == lenient
    assert not isinstance(should, str)
    assert answer == replace(should, matches=should.matches[: searches.page_size(case)])
