"""A world and its judge: the same resources in a database, and before the oracle of tests/oracle."""

from collections.abc import Iterable
from typing import Any

from fhir_server.errors import BadRequest
from fhir_server.search import Page
from fhir_server.store.stored import Stored
from tests.contracts.search_world import SETTINGS, World
from tests.oracle import Answer, Oracle, Refused

JsonObject = dict[str, Any]
Name = tuple[str, str]


def write(world: World, units: Iterable[list[JsonObject]]) -> Oracle:
    """Write units of work, and give the oracle what was written."""
    records = []
    for unit in units:
        if not unit:
            world.now += 1_000_000  # the others are stamped as if it had been written
            continue
        stored = {name(world, found): found for found in world.write(unit)}
        for resource in unit:
            found = stored[resource["resourceType"], resource["id"]]
            records.append((found.pk, found.updated, resource))
    return Oracle(sorted(records, key=lambda record: record[0]), world.definitions, SETTINGS.fhir_base, world.now)


def name(world: World, stored: Stored) -> Name:
    """Type and id of a row."""
    names = {number: type_name for type_name, number in world.definitions.resource_types.items()}
    return names[stored.type_number], stored.resource_id


def answered(world: World, page: Page) -> Answer:
    """A page as the oracle would say it."""
    matches = [name(world, stored) for stored in page.matches]
    included = [name(world, stored) for stored in page.included]
    assert len(set(matches)) == len(matches)
    assert len(set(included)) == len(included)
    return Answer(matches, set(included), page.total)


def asked(world: World, search: str, *, lenient: bool = False) -> Answer | str:
    """What the server answers: everything on one page, or "refused"."""
    try:
        return answered(world, world.search(search, lenient=lenient))
    except BadRequest:
        return "refused"


def judged(judge: Oracle, search: str, *, lenient: bool = False) -> Answer | str:
    """What it should answer."""
    try:
        return judge.search(search, lenient=lenient)
    except Refused:
        return "refused"
