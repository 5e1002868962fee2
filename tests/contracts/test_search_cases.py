"""The searches of tests/cases/search.yaml, on both databases."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from fhir_server.errors import BadRequest
from tests.conftest import ENGINES
from tests.contracts.search_world import World, opened_world

CASES: dict[str, Any] = yaml.safe_load((Path(__file__).parents[1] / "cases" / "search.yaml").read_text("utf-8"))


@pytest.fixture(scope="module", params=ENGINES)
def world(request: pytest.FixtureRequest) -> Iterator[World]:
    with opened_world(request) as world:
        world.write_each(CASES["resources"])
        yield world


@pytest.mark.parametrize("case", CASES["cases"], ids=lambda case: case["search"])
def test_case(world: World, case: dict[str, Any]) -> None:
    if "refused" in case:
        with pytest.raises(BadRequest) as refused:
            world.search(case["search"])
        assert case["refused"] in refused.value.issues[0].diagnostics
        return
    page = world.search(case["search"])
    found = [stored.resource_id for stored in page.matches]
    assert len(found) == len(set(found))
    if "orders" in case:
        assert found == case["orders"]
    else:
        assert sorted(found) == sorted(case["finds"])
    names = {number: name for name, number in world.definitions.resource_types.items()}
    included = [f"{names[stored.type_number]}/{stored.resource_id}" for stored in page.included]
    assert sorted(included) == sorted(case.get("includes", []))
    assert page.total == case.get("total")
    assert page.next_query is None or "_count" in case["search"]
