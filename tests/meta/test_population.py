"""The population that searches are measured on: the same twice, in the shares that it declares, alike at every size."""

import itertools
import json
from collections import Counter, defaultdict
from typing import Any

import pytest

from benchmarks import population, shares
from benchmarks.population import Population

JsonObject = dict[str, Any]
OWN_DECKS = 5  # of fifty: what a tail owner has


def by_type(people: Population) -> dict[str, list[JsonObject]]:
    found: dict[str, list[JsonObject]] = defaultdict(list)
    for resource in people.resources():
        found[resource["resourceType"]].append(resource)
    return found


def test_the_same_comes_twice_and_every_id_once() -> None:
    first, second = (list(Population(1_000).resources()) for _ in range(2))
    assert [json.dumps(r) for r in first] == [json.dumps(r) for r in second]
    assert len({(r["resourceType"], r["id"]) for r in first}) == len(first)


def test_a_large_one_is_a_stream() -> None:
    begun = itertools.islice(Population(1_000_000).resources(), 3)
    assert [r["resourceType"] for r in begun] == ["Organization", "Practitioner", "PractitionerRole"]


@pytest.mark.parametrize("tasks", [0, 500, 1_500, 1_001_000])
def test_sizes_whose_shares_would_not_come_out_are_refused(tasks: int) -> None:
    with pytest.raises(ValueError, match=r"multiple|names"):
        Population(tasks)


@pytest.mark.parametrize("tasks", [1_000, 10_000])
def test_shares_are_as_declared(tasks: int) -> None:
    found = by_type(Population(tasks))
    assert len(found["Task"]) == len(found["ServiceRequest"]) == tasks
    statuses = Counter(task["status"] for task in found["Task"])
    wanted = {status: percent * tasks // 100 for status, percent in shares.STATUS_SHARES.items()}
    assert {status: statuses[status] - count for status, count in wanted.items()} == pytest.approx(
        dict.fromkeys(wanted, 0), abs=tasks * 0.012
    )
    owners = Counter(task["owner"]["reference"] for task in found["Task"])
    assert owners[population.BIG] == tasks // 5
    assert {owners[f"Organization/hub-{n}"] for n in range(population.HUBS)} == {tasks * 3 // 100}


@pytest.mark.parametrize("tasks", [1_000, 10_000])
def test_what_is_searched_is_as_large_at_every_size(tasks: int) -> None:
    people = Population(tasks)
    found = by_type(people)
    requests = {f"ServiceRequest/{r['id']}": r for r in found["ServiceRequest"]}
    for number in (0, people.helpers - 1):
        own = [task for task in found["Task"] if task["owner"]["reference"] == population.helper(number)]
        assert Counter(task["status"] for task in own) == {
            s: p // 2 * OWN_DECKS for s, p in shares.STATUS_SHARES.items()
        }
        categories = (requests[task["focus"]["reference"]]["category"][0]["coding"][0]["code"] for task in own)
        assert Counter(categories) == {c: p // 2 * OWN_DECKS for c, p in shares.CATEGORY_SHARES.items()}
    assert set(Counter(task["for"]["reference"] for task in found["Task"]).values()) == {population.TASKS_OF_PATIENT}
    prefixes = Counter(p["name"][0]["family"].lower()[:7] for p in found["Patient"])
    assert prefixes == {shares.prefix(n): population.PATIENTS_OF_FAMILY for n in range(people.families)}
    times = sorted(task["authoredOn"] for task in found["Task"])
    assert times == [people.authored(place) for place in range(tasks)]


def test_references_lead_to_what_is_there() -> None:
    found = by_type(Population(1_000))
    there = {f"{name}/{r['id']}" for name, resources in found.items() for r in resources}
    for task in found["Task"]:
        assert {task[member]["reference"] for member in ("focus", "for", "owner", "requester")} <= there
    for request in found["ServiceRequest"]:
        assert {request[member]["reference"] for member in ("subject", "requester")} <= there


def test_all_names_differ_in_what_is_searched() -> None:
    prefixes = {shares.prefix(n) for n in range(shares.FAMILIES)}
    assert len(prefixes) == shares.FAMILIES
    assert {given.lower()[:7] for given in shares.GIVEN} & prefixes == set()


def test_a_task_is_as_large_as_those_of_the_guide() -> None:
    sizes = [len(json.dumps(t, separators=(",", ":"))) for t in by_type(Population(1_000))["Task"]]
    assert min(sizes) > 2_300
    assert max(sizes) < 3_200
