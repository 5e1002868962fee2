"""Which way a search takes through the indexes: chosen by what it names, and by how many rows each way has."""

from collections.abc import Iterator
from typing import Any
from urllib.parse import parse_qsl

import pytest

from fhir_server.search import Scope, read_request
from fhir_server.search.asking import Asking
from fhir_server.search.plan import Drive
from fhir_server.search.resolve import resolve
from fhir_server.search.statistics import FEW_ROWS
from fhir_server.store.visibility import ALL_ROWS
from tests.contracts.search_world import TENANT, World, opened_world

MANY = FEW_ROWS + 100


def observation(number: int) -> dict[str, Any]:
    """One of many: a status and a code that all have, a subject that few share."""
    return {
        "resourceType": "Observation", "id": f"b{number}", "status": "final",
        "code": {"coding": [{"code": "frequent"}, {"code": f"rare{number % 1000}"}]},
        "subject": {"reference": f"Patient/p{number % 1000}"},
        "effectiveDateTime": f"{1900 + number % 100}-01-01",
    }  # fmt: skip


@pytest.fixture(scope="module", params=["sqlite"])
def world(request: pytest.FixtureRequest) -> Iterator[World]:
    with opened_world(request) as world:
        world.write(observation(number) for number in range(MANY))
        world.write([{"resourceType": "Patient", "id": "p1", "name": [{"family": "Nord"}]}])
        yield world


def drive(world: World, query: str) -> Drive:
    """The way of a search as it runs, its links looked up first."""
    type_name, _, text = query.partition("?")
    request = read_request(Scope((type_name,)), parse_qsl(text), searching=world.searching, lenient=False)
    asking = Asking(world.database, world.searching, TENANT, ALL_ROWS, world.now)
    return asking.drive(asking.known(resolve(request, asking.understanding())))


@pytest.mark.parametrize(
    ("query", "way"),
    [
        ("Task", Drive("time")),
        ("Task?_lastUpdated=gt2020", Drive("time")),
        ("Task?_id=1", Drive("ids")),
        ("Task?_id=1&owner=Organization/o&status=draft", Drive("ids")),
        ("Task?_id:not=1", Drive("time")),
        ("Task?owner:missing=true", Drive("time")),
        ("Task?priority:not=urgent", Drive("time")),
    ],
)
def test_what_a_search_names_decides_before_anything_is_counted(world: World, query: str, way: Drive) -> None:
    assert drive(world, query) == way


@pytest.mark.parametrize(
    ("query", "places"),
    [
        ("Task?status=draft", (0,)),
        ("Task?owner=Organization/o&status=draft", (0, 1)),
        ("Task?status=draft,requested&owner=Organization/o", (1, 0)),
        ("Task?status=draft&patient=Patient/p", (1,)),
        ("Task?status=draft&_lastUpdated=gt2020&owner=Organization/o", (2, 0)),
    ],
)
def test_a_work_list_is_read_from_its_work_rows(world: World, query: str, places: tuple[int, ...]) -> None:
    assert drive(world, query) == Drive("work", places=places)


def test_work_rows_are_walked_a_few_times_only(world: World) -> None:
    statuses = "draft,requested,received,accepted,rejected,ready"
    query = f"Task?owner=Organization/a,Organization/b&status={statuses}"
    assert drive(world, query).places != (0, 1)
    assert drive(world, query.replace("Organization/a,", "")) == Drive("work", places=(0, 1))
    assert drive(world, f"Task?status={statuses},failed,completed,cancelled").how != "work"


@pytest.mark.parametrize(
    ("query", "way"),
    [
        ("Observation?code=frequent", Drive("value", 0)),
        ("Observation?code=frequent&code=rare7", Drive("value", 1)),
        ("Observation?code=rare7&code=frequent", Drive("value", 0)),
        ("Observation?status=final&subject=Patient/p7", Drive("value", 1)),
        ("Observation?subject:missing=false&code=frequent", Drive("value", 1)),
        ("Observation?code:not=frequent&subject=Patient/p7", Drive("value", 1)),
        ("Observation?code=frequent&date=1950", Drive("keys", 1)),
        ("Observation?code=frequent&date=gt1800", Drive("value", 0)),
        ("Observation?date=1950", Drive("keys", 0)),
        ("Observation?date=gt1800", Drive("time")),
        ("Observation?subject:Patient.family=nord&code=frequent", Drive("value", 0)),
    ],
)
def test_the_way_with_the_fewest_rows_is_taken(world: World, query: str, way: Drive) -> None:
    assert drive(world, query) == way


def test_values_that_are_many_are_collected(world: World) -> None:
    many = ",".join(f"rare{n}" for n in range(40))
    assert drive(world, f"Observation?code={many}") == Drive("keys", 0)


@pytest.mark.parametrize(
    "query",
    [
        "Observation?code=frequent&date=1950", "Observation?date=1950", "Observation?code=frequent&code=rare7",
        "Observation?subject:Patient.family=nord", "Observation?subject=Patient/p7&status=final",
    ],
)  # fmt: skip
def test_the_way_changes_no_answer(world: World, query: str) -> None:
    wanted = {
        "date=1950": lambda n: n % 100 == 50, "code=rare7": lambda n: n % 1000 == 7,
        "family=nord": lambda n: n % 1000 == 1, "subject=Patient/p7": lambda n: n % 1000 == 7,
    }  # fmt: skip
    tests = [test for part, test in wanted.items() if part in query]
    expected = [f"b{n}" for n in reversed(range(MANY)) if all(test(n) for test in tests)]
    assert sorted(world.ids(f"{query}&_count=1000")) == sorted(expected)
    assert world.search(f"{query}&_count=0").total == len(expected)
