"""Figures beside a floor are worth as much as the floor: its SQL must select what the search selects.

On a small population, both servers as they run in a benchmark, on both databases.
"""

import os
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import pytest

from benchmarks import loaded, population, searches, serving, shares
from benchmarks.keepers import Keeper, PostgresqlKeeper, SqliteKeeper
from benchmarks.population import BIG, Population
from benchmarks.searches import Both
from benchmarks.shapes import SHAPES, Asked
from tests.conftest import ENGINES

PEOPLE = Population(1_000)


@dataclass(frozen=True, slots=True)
class Bench:
    """Both servers, and how many resources were loaded for them."""

    both: Both
    resources: int


@pytest.fixture(scope="module", params=ENGINES)
def bench(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bench]:
    folder = tmp_path_factory.mktemp("bench")
    keeper: Keeper = (
        SqliteKeeper(folder)
        if request.param == "sqlite"
        else PostgresqlKeeper(request.getfixturevalue("postgresql_url"), f"fhir_loaded_{os.getpid()}")
    )
    # By one process: what is written first is then older, as `referrals` has it.
    with loaded.opened(keeper, PEOPLE, folder, jobs=1) as database, searches.running(database, folder) as both:
        yield Bench(both, database.loading.resources)
    keeper.remove(database.key)


@pytest.mark.parametrize("name", list(SHAPES))
def test_the_floor_finds_what_the_server_finds(bench: Bench, name: str) -> None:
    shape = SHAPES[name]
    requests = shape.requests(PEOPLE, bench.both.next_of)
    pad = searches.agreed(bench.both, shape, requests)
    for one in requests[:: len(requests) // 3 or 1]:
        by_server = bench.both.ask(one.path)[1]
        by_floor = bench.both.ask_floor(searches.floor_path(shape, one, pad))[1]
        assert len(by_floor) == pytest.approx(len(by_server), rel=0.01)


def test_everything_was_loaded(bench: Bench) -> None:
    assert bench.resources == sum(1 for _ in PEOPLE.resources())


def test_a_deep_page_is_deep(bench: Bench) -> None:
    (*_, last) = SHAPES["deep-page"].requests(PEOPLE, bench.both.next_of)
    _, newest = bench.both.ask(f"Task?owner={BIG}&_count=20")
    assert not {*searches.keys(bench.both.ask(last.path)[1])[1:]} & {*searches.keys(newest)[1:]}


def by_floor(bench: Bench, name: str, one: Asked) -> list[str]:
    status, page = bench.both.ask_floor(searches.floor_path(SHAPES[name], one, 0))
    assert status == 200
    return list(searches.keys(page)[1:])


def asked(bench: Bench, name: str) -> list[Asked]:
    requests = SHAPES[name].requests(PEOPLE, bench.both.next_of)
    return requests[:: max(1, len(requests) // 7)]


def referrals() -> Iterator[tuple[dict[str, object], dict[str, object]]]:
    """The newest first."""
    return (PEOPLE.referral(number) for number in reversed(range(PEOPLE.tasks)))


def test_a_chain_through_the_identifier_by_hand(bench: Bench) -> None:
    people = {population.mrn(n): population.person(n) for n in range(PEOPLE.patients)}
    for one in asked(bench, "chain-identifier"):
        person = people[one.values["code"]]
        wanted = [f"ServiceRequest/{r['id']}" for r, _ in referrals() if r["subject"] == {"reference": person}]
        assert by_floor(bench, "chain-identifier", one) == wanted
        assert len(wanted) == population.TASKS_OF_PATIENT


def test_a_chain_through_the_category_by_hand(bench: Bench) -> None:
    for one in asked(bench, "chain-category"):
        category = [{"coding": [{"system": shares.CATEGORIES, "code": one.values["code"]}]}]
        owner = {"reference": f"Organization/{one.values['owner']}"}
        wanted = [f"Task/{t['id']}" for r, t in referrals() if t["owner"] == owner and r["category"] == category]
        assert by_floor(bench, "chain-category", one) == wanted[:20]
        assert len(wanted) >= 25


def test_reverse_chains_by_hand(bench: Bench) -> None:
    for one in asked(bench, "has"):
        owner = {"reference": f"Organization/{one.values['owner']}"}
        served = {str(t["for"]["reference"]) for _, t in referrals() if t["owner"] == owner}  # type: ignore[index]
        wanted = [p for n in reversed(range(PEOPLE.patients)) if (p := population.person(n)) in served]
        assert by_floor(bench, "has", one) == wanted[:20]
        assert len(wanted) >= 20


def test_what_is_kept_is_found_again_and_without_traces(tmp_path: Path) -> None:
    keeper = SqliteKeeper(tmp_path)
    with loaded.opened(keeper, PEOPLE, tmp_path, None) as first:
        serving.command("tokens", "create", "--organization", "bench", "--scope", "read", database=first.url)
    with loaded.opened(keeper, PEOPLE, tmp_path, None) as second:
        assert second == first
        with closing(sqlite3.connect(second.url.removeprefix("sqlite:///"))) as connection:
            assert connection.execute("SELECT count(*) FROM access_token").fetchall() == [(0,)]
            assert connection.execute("SELECT count(*) FROM sqlite_stat1").fetchall() > [(0,)]
