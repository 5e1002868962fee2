"""Searches that mean harm: an answer or a 4xx, never a failure of the database."""

from collections.abc import Iterator

import pytest

from fhir_server.errors import BadRequest, TooCostly
from tests.conftest import ENGINES
from tests.contracts.search_world import World, opened_world


@pytest.fixture(scope="module", params=ENGINES)
def world(request: pytest.FixtureRequest) -> Iterator[World]:
    with opened_world(request) as world:
        world.write([{"resourceType": "Task", "id": "t", "status": "draft", "owner": {"reference": "Organization/o"}}])
        yield world


def _joined(values: Iterator[str]) -> str:
    return ",".join(values)


@pytest.mark.parametrize(
    "query",
    [
        "owner=" + _joined(f"https://e{i}.org/fhir/Organization/{i}" for i in range(500)),
        "code="
        + _joined(f"s{i}%7C{i}" for i in range(500))
        + "&_sort=status,code,-owner,requester,_id,authored-on,focus",
        "&".join("owner=" + _joined(f"https://e{i}.org/Organization/{j}" for j in range(8)) for i in range(50)),
        "&".join(f"authored-on=ge20{i:02}" for i in range(50)),
        "&".join(f"owner:missing={truth}" for _ in range(25) for truth in ("true", "false")),
        "_id=" + _joined(str(i) for i in range(500)),
        "status=" + "x" * 100_000,
        "owner=" + "x" * 100_000,
        "owner=https://x.org/" + "y/" * 1000 + "Organization/1",
        "_profile=" + "http://" * 5_000,
        "status=';DROP TABLE resource;--",
        "status=%25%27%22:c0_0_0_0 $1",
        "authored-on=ap0001",
        "authored-on=ap9999-12-31T23:59:59.999999Z",
        "_lastUpdated=le9999",
        "_count=999999999999",
        "status=\U0010ffff&owner=\U0010ffff",
    ],
)
def test_an_answer_within_bounds(world: World, query: str) -> None:
    assert len(world.search(f"Task?{query}&_total=accurate").matches) <= 1


@pytest.mark.parametrize(
    "query",
    [
        "status=" + _joined(str(i) for i in range(10_000)),
        "&".join(f"status={i}" for i in range(100)),
        "authored-on=" + _joined(f"ge{1900 + i}" for i in range(60)),
        "_sort=" + _joined("status" for _ in range(100)),
    ],
)
def test_too_much_is_said_to_be_too_costly(world: World, query: str) -> None:
    with pytest.raises(TooCostly):
        world.search(f"Task?{query}")


@pytest.mark.parametrize(
    "query", ["status=%00", "_cursor=" + "A" * 100_000, ".".join("subject" * 50) + "=1", "_include=*"]
)
def test_what_makes_no_sense_is_refused(world: World, query: str) -> None:
    with pytest.raises(BadRequest):
        world.search(f"Task?{query}")


def test_values_too_long_for_an_index_are_found_whole(world: World) -> None:
    url, other = ("http://example.org/" + "x" * 5_000 + end for end in ("1", "2"))
    world.write([{"resourceType": "Questionnaire", "id": "long", "status": "draft", "url": url, "title": "é" * 5_000}])
    assert world.ids(f"Questionnaire?url={url}") == ["long"]
    assert world.ids(f"Questionnaire?url={other}") == []
    assert world.ids("Questionnaire?title=eee") == ["long"]
    assert world.ids(f"Questionnaire?title:exact={'é' * 5_000}") == ["long"]
    assert world.ids(f"Questionnaire?title:exact={'é' * 5_001}") == []
