"""Every search parameter of every type that is switched on, on both databases: what finds a resource and what does not.

https://hl7.org/fhir/R4/searchparameter-registry.html  The resources and searches are those of tests/cases/parameters,
which docs/search-coverage.md lists.
"""

from collections.abc import Iterator

import pytest

from fhir_server.errors import BadRequest
from tests.cases.parameters import MINIMAL, Case, cases_of, minimal
from tests.conftest import ENGINES
from tests.contracts.search_world import World, opened_world
from tests.shared_parts import definitions, validator

TYPES = sorted(definitions().server)
CASES = {name: cases_of(name, definitions()) for name in TYPES}


@pytest.fixture(scope="module", params=ENGINES)
def world(request: pytest.FixtureRequest) -> Iterator[World]:
    with opened_world(request) as world:
        for name in TYPES:
            world.write(resource for case in CASES[name] for resource in (case.resource, *case.others))
            world.write([minimal(name, MINIMAL, world.definitions)])
        yield world


def found(world: World, query: str) -> list[str]:
    """The ids that a search finds, or why it was refused."""
    try:
        return world.ids(f"{query}&_count=1000")
    except BadRequest as refused:
        return [f"refused: {refused.issues[0].diagnostics}"]


def is_wrong(ids: list[str], resource_id: str, *, finds: bool) -> bool:
    return any(text.startswith("refused: ") for text in ids) or (resource_id in ids) != finds


def shown(query: str, resource_id: str, ids: list[str], expected: str) -> str:
    short = ids if len(ids) < 5 else [*ids[:4], f"and {len(ids) - 4} more"]
    return f"{query} should {expected} {resource_id}, found: {', '.join(short) or 'nothing'}"


def wrong_answers(world: World, case: Case) -> Iterator[str]:
    """The searches of a case that find the wrong thing."""
    resource_id = case.resource["id"]
    for search in case.searches:
        ids = found(world, search.query)
        if is_wrong(ids, resource_id, finds=search.finds):
            yield shown(search.query, resource_id, ids, "find" if search.finds else "not find")
    if case.finding:
        ids = found(world, case.finding)
        if case.is_unique and set(ids) - {resource_id}:
            yield shown(case.finding, resource_id, ids, "find only")
        for other in case.others:
            if is_wrong(ids, other["id"], finds=False):
                yield shown(case.finding, other["id"], ids, "not find")


def report(failures: list[str]) -> None:
    """Fail with every wrong answer, one a line."""
    if failures:
        pytest.fail("\n".join([f"{len(failures)} searches answer wrongly:", *failures]), pytrace=False)


@pytest.mark.parametrize("type_name", TYPES)
def test_each_parameter_finds_its_resource_and_not_another(world: World, type_name: str) -> None:
    report([text for case in CASES[type_name] for text in wrong_answers(world, case)])


@pytest.mark.parametrize("type_name", TYPES)
def test_a_resource_without_the_element_is_missing_it(world: World, type_name: str) -> None:
    failures = []
    for case in CASES[type_name]:
        label = f"{type_name}?{case.parameter.code}"
        expected = {f"{label}:missing=true": not case.is_required, f"{label}:missing=false": case.is_required}
        if case.parameter.kind == "token" and not case.is_required:
            expected[case.finding.replace("=", ":not=", 1)] = True
        for query, finds in expected.items():
            ids = found(world, query)
            if is_wrong(ids, MINIMAL, finds=finds):
                failures.append(shown(query, MINIMAL, ids, "find" if finds else "not find"))
    report(failures)


@pytest.mark.parametrize("type_name", TYPES)
def test_the_resources_are_valid(type_name: str) -> None:
    made = [resource for case in CASES[type_name] for resource in (case.resource, *case.others)]
    issues = {resource["id"]: validator(100).issues(resource) for resource in made}
    assert {name: found for name, found in issues.items() if found} == {}


@pytest.mark.parametrize("type_name", TYPES)
def test_no_parameter_is_without_a_search_that_finds(type_name: str) -> None:
    covered = {case.parameter.code for case in CASES[type_name] if case.finding and case.not_finding}
    assert covered == set(definitions().search_parameters[type_name])
