"""Explaining a search: what it tells is what the search does, on both databases, and the page itself is not run."""

from collections.abc import Iterator

import pytest

from fhir_server.errors import BadRequest, NotFound
from fhir_server.interactions.parameters import pairs
from fhir_server.search import read_request
from fhir_server.search.explain import Explanation, explain, measure
from fhir_server.search.scopes import scope_of
from fhir_server.store.visibility import ALL_ROWS
from tests.conftest import ENGINES
from tests.contracts.search_world import TENANT, World, opened_world


@pytest.fixture(scope="module", params=ENGINES)
def world(request: pytest.FixtureRequest) -> Iterator[World]:
    with opened_world(request) as world:
        world.write_each([
            {"resourceType": "Patient", "id": "p", "name": [{"family": "Ash"}]},
            {"resourceType": "Organization", "id": "o", "name": "Oak"},
            {"resourceType": "Task", "id": "t", "status": "requested", "owner": {"reference": "Organization/o"},
             "for": {"reference": "Patient/p"}},
        ])  # fmt: skip
        yield world


def explained(world: World, query: str, *, runs: bool = False) -> Explanation:
    path, _, text = query.partition("?")
    scope = scope_of(path, world.searching.names)
    request = read_request(scope, pairs(text), searching=world.searching, lenient=False)
    told = measure if runs else explain
    return told(
        world.database, request, searching=world.searching, tenant=TENANT, visible=ALL_ROWS, now=world.now
    )  # fmt: skip


@pytest.mark.parametrize(
    ("query", "way"),
    [
        ("Task?owner=Organization/o&status=requested", "work"),
        ("Task?owner=Organization/o", "value"),
        ("Task?_id=t", "ids"),
        ("Task", "time"),
        ("Patient?family=as", "keys"),
        ("Task?owner.name=oak", "value"),
        ("?_type=Patient,Task&_id=t", "ids"),
        ("Patient/p/ServiceRequest?status=active", ""),
    ],
)
def test_the_way_is_told_and_its_statement_has_a_plan(world: World, query: str, way: str) -> None:
    found = explained(world, f"{query}{'&' if '?' in query else '?'}_total=accurate&_count=5")
    assert found.drive.partition(":")[0] == way or not way
    assert [statement.name for statement in found.statements] == ["page", "accurate total"]
    assert all(statement.plan and statement.sql for statement in found.statements)


def test_a_link_that_was_looked_up_is_told_with_its_count(world: World) -> None:
    found = explained(world, "Task?owner.name=oak")
    assert any("leads to 1 resource" in line for line in found.links)
    assert any("run once" in statement.note for statement in found.before)


def test_the_statement_is_the_one_that_the_search_runs(world: World) -> None:
    query = "Task?owner=Organization/o&_count=5"
    (page,) = explained(world, query).statements
    world.search(query)
    compiled = [sql.text for sql in world.database._statements._statements.values()]  # type: ignore[attr-defined]
    assert page.sql in compiled


def test_measuring_runs_what_explaining_only_plans(world: World) -> None:
    query = "Task?owner=Organization/o&_include=Task:patient&_total=accurate"
    planned, measured = explained(world, query), explained(world, query, runs=True)
    assert [s.name for s in planned.statements] == [s.name for s in measured.statements]
    for before, after in zip(planned.statements, measured.statements, strict=True):
        assert before.sql == after.sql
        assert any("time" in line.lower() for line in after.plan)
        assert not any("actual" in line or line.startswith("time:") for line in before.plan)


def test_what_a_search_refuses_is_refused(world: World) -> None:
    with pytest.raises(BadRequest):
        explained(world, "Task?nothing=1")
    for path in ("Nothing?a=1", "Task/1?a=1", "Task/1/Patient?a=1"):
        with pytest.raises(NotFound):
            explained(world, path)
