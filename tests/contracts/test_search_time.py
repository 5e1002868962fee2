"""_lastUpdated to the microsecond, and dates by the standard's rules, judged by a naive reading of them."""

import json
import random
from collections.abc import Iterator
from urllib.parse import quote

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fhir_server.fhir.dates import DateRange, format_instant, parse_range
from tests.conftest import ENGINES
from tests.contracts.search_world import World, opened_world

Range = tuple[int, int]


@pytest.fixture(scope="module", params=ENGINES)
def world(request: pytest.FixtureRequest) -> Iterator[World]:
    chance = random.Random(3)
    with opened_world(request) as world:
        world.write_each(
            {"resourceType": "Observation", "id": f"o{number}", "effectiveDateTime": _random_date(chance)}
            for number in range(40)
        )
        world.write(
            {"resourceType": "Observation", "id": f"p{number}", "effectivePeriod": _random_period(chance)}
            for number in range(20)
        )
        yield world


def _random_date(chance: random.Random) -> str:
    full = f"2026-0{chance.randrange(1, 3)}-0{chance.randrange(1, 4)}T0{chance.randrange(3)}:00:0{chance.randrange(2)}"
    return chance.choice(["2026", full[:7], full[:10], full + "Z", full + ".5Z", full + "+01:00"])


def _random_period(chance: random.Random) -> dict[str, str]:
    start, end = sorted([_random_date(chance), _random_date(chance)], key=lambda text: parse_range(text).low)
    return chance.choice([{"start": start, "end": end}, {"start": start}, {"end": end}])


def _stored(effective: dict[str, str] | str) -> DateRange:
    if isinstance(effective, str):
        return parse_range(effective)
    low = parse_range(effective["start"]).low if "start" in effective else -(10**30)
    return DateRange(low, parse_range(effective["end"]).high if "end" in effective else 10**30)


def _matches(prefix: str, value: Range, found: Range) -> bool:
    """The table of prefixes in the standard, over half-open ranges, said as it says it."""
    contains = value[0] <= found[0] and found[1] <= value[1]
    above = found[1] > value[1]  # the range above the value intersects the one found
    below = found[0] < value[0]
    return {
        "eq": contains, "ne": not contains, "gt": above, "lt": below, "ge": above or contains, "le": below or contains,
        "sa": found[0] >= value[1], "eb": found[1] <= value[0],
    }[prefix]  # fmt: skip


_DATES = st.builds(lambda seed: _random_date(random.Random(seed)), st.integers(0, 10_000))
_PREFIXES = st.sampled_from(["eq", "ne", "gt", "lt", "ge", "le", "sa", "eb"])


@settings(max_examples=60)
@given(_PREFIXES, _DATES)
def test_dates_match_by_the_table_of_prefixes(world: World, prefix: str, date: str) -> None:

    every = {s.resource_id: json.loads(s.body) for s in world.search("Observation?_count=1000").matches}
    expected = {
        resource_id
        for resource_id, resource in every.items()
        if _matches(
            prefix, parse_range(date), _stored(resource.get("effectiveDateTime") or resource["effectivePeriod"])
        )
    }
    assert set(world.ids(f"Observation?date={prefix}{quote(date)}&_count=1000")) == expected


@settings(max_examples=60)
@given(_PREFIXES, st.integers(0, 59), st.sampled_from([27, 23, 21, 19, 16]), st.integers(-2, 2))
def test_last_updated_matches_by_the_same_table(world: World, prefix: str, which: int, digits: int, off: int) -> None:
    every = world.search("Observation?_count=1000").matches
    instant = format_instant(every[which].updated + off)
    value = instant if digits == 27 else f"{instant[:digits]}Z"
    asked = parse_range(value)
    expected = [s.pk for s in every if _matches(prefix, asked, (s.updated, s.updated + 1))]
    assert [s.pk for s in world.search(f"Observation?_lastUpdated={prefix}{value}&_count=1000").matches] == expected


def test_a_client_that_polls_after_what_it_saw_gets_what_is_newer_only(world: World) -> None:
    every = world.search("Observation?_sort=_lastUpdated&_count=1000").matches
    for seen in every:
        query = f"Observation?_lastUpdated=gt{format_instant(seen.updated)}&_sort=_lastUpdated&_count=1000"
        assert [s.pk for s in world.search(query).matches] == [s.pk for s in every if s.updated > seen.updated]
