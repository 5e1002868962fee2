"""A world and its judge: the same resources in a database, and before the oracle of tests/oracle."""

from collections.abc import Iterable
from typing import Any

import sqlalchemy as sa

from fhir_server.errors import BadRequest
from fhir_server.search import Page
from fhir_server.store.stored import Stored
from fhir_server.store.visibility import ALL_ROWS, Predicate
from tests.contracts.search_world import SETTINGS, World
from tests.oracle import Answer, Oracle, Refused

JsonObject = dict[str, Any]
Name = tuple[str, str]
Record = tuple[int, int, JsonObject]


def write(world: World, units: Iterable[list[JsonObject]]) -> list[Record]:
    """Write units of work; gives the key and the stamp of each resource."""
    records: list[Record] = []
    for unit in units:
        if not unit:
            world.now += 1_000_000  # the others are stamped as if it had been written
            continue
        stored = {name(world, found): found for found in world.write(unit)}
        for resource in unit:
            found = stored[resource["resourceType"], resource["id"]]
            records.append((found.pk, found.updated, resource))
    return records


def judge(world: World, records: Iterable[Record]) -> Oracle:
    """An oracle that knows these records, at the time that the world has now."""
    return Oracle(sorted(records, key=lambda record: record[0]), world.definitions, SETTINGS.fhir_base, world.now)


def hides(pks: list[int]) -> Predicate:
    """A predicate under which the rows of these keys are not there."""
    parameters = {f"visible_{n}": pk for n, pk in enumerate(pks)}

    def clause(resource: sa.FromClause) -> sa.ColumnElement[bool]:
        return resource.c.pk.not_in([sa.bindparam(name) for name in parameters])

    return Predicate(("hides", len(pks)), clause, parameters)


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


def asked(world: World, search: str, *, visible: Predicate = ALL_ROWS) -> Answer | str:
    """What the server answers: everything on one page, or "refused"."""
    try:
        return answered(world, world.search(search, visible=visible))
    except BadRequest:
        return "refused"


def judged(judge: Oracle, search: str, *, lenient: bool = False) -> Answer | str:
    """What it should answer."""
    try:
        return judge.search(search, lenient=lenient)
    except Refused:
        return "refused"
