"""What was understood of a search is remembered, but for what it means only now."""

from collections.abc import Iterator

import pytest

from fhir_server.fhir.dates import DAY
from tests.conftest import ENGINES
from tests.contracts.search_world import World, opened_world


@pytest.fixture(params=ENGINES)
def world(request: pytest.FixtureRequest) -> Iterator[World]:
    with opened_world(request) as world:
        yield world


@pytest.mark.parametrize("query", ["Observation?value-date=ap2020", "Observation?code-value-date=c$ap2020"])
def test_approximate_means_something_else_later(world: World, query: str) -> None:
    code = {"coding": [{"code": "c"}]}
    observation = {"resourceType": "Observation", "id": "o", "status": "final", "code": code}
    world.write([{**observation, "valueDateTime": "2015-06-01"}])
    assert world.ids(query) == []
    world.now += 100 * 365 * DAY
    assert world.ids(query) == ["o"]
