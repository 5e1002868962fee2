"""The searches that US Core and the Gravity guide ask for, on both databases.

https://hl7.org/fhir/us/core/STU7/CapabilityStatement-us-core-server.html and
http://hl7.org/fhir/us/sdoh-clinicalcare  The rows are those of tests/cases/guide_searches.json.
"""

import csv
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from fhir_server.errors import BadRequest
from tests.cases import guide_searches
from tests.cases.parameters import Case, cases_of, minimal
from tests.cases.parameters.together import Together, referring, together
from tests.conftest import ENGINES
from tests.contracts.search_world import JsonObject, World, opened_world
from tests.shared_parts import definitions

ENABLED = definitions().server
ROWS = [row for row in guide_searches.read() if row["type"] in ENABLED]
TYPES = sorted({row["type"] for row in ROWS})
DAY = r"=([a-z]{2})?\d{4}-\d\d-\d\d$"
SECOND = r"=([a-z]{2})?\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(Z|%2B\d\d:\d\d)$"
FORMS = {
    "token": (r"=[^|]+$", r"=[^|]+\|[^|]+$"),
    "reference": (r"=r-\d+$", r"=[A-Z][A-Za-z]+/r-\d+$"),
    "date": (DAY, SECOND),
    "string": (),
}
"""How US Core wants values of a kind to be taken; see guide_searches.REQUIREMENTS."""


@dataclass(frozen=True, slots=True)
class Companions:
    """A pair of resources of which one comes along with the other: how it is asked for, and whom it should bring."""

    query: str
    label: str
    brought: str
    resources: tuple[JsonObject, ...]


def rows_of(type_name: str, member: str) -> list[dict[str, Any]]:
    return [row for row in ROWS if row["type"] == type_name and member in row]


@cache
def cases(type_name: str, code: str) -> list[Case]:
    """The cases of a parameter, that find something."""
    return [c for c in cases_of(type_name, definitions()) if c.parameter.code == code and c.finding]


@cache
def asked_together(type_name: str) -> list[Together]:
    """One resource for each set of parameters that a guide wants searched together."""
    sets = {tuple(row["search"]): None for row in rows_of(type_name, "search") if len(row["search"]) > 1}
    return [together(type_name, list(codes), n, definitions()) for n, codes in enumerate(sets, start=1)]


@cache
def companions(type_name: str) -> list[Companions]:
    """For each include and reverse include of a type what it brings."""
    found = []
    for number, include in enumerate(dict.fromkeys(row["include"] for row in rows_of(type_name, "include"))):
        source, code, *target = definitions().include_aliases.get(include, include).split(":")
        parameter = definitions().search_parameters[source][code]
        brought = minimal(
            [*target, *(t for t in parameter.targets if t in ENABLED), "Patient"][0], f"brought-{number}", definitions()
        )
        asking = referring(parameter, f"asking-{number}", brought, definitions())
        found.append(_companions(f"_include={include}", asking, brought))
    for number, include in enumerate(dict.fromkeys(row["revinclude"] for row in rows_of(type_name, "revinclude"))):
        source, code = include.split(":")
        asked = minimal(type_name, f"referred-to-{number}", definitions())
        by = f"by-{type_name}-{number}"
        brought = referring(definitions().search_parameters[source][code], by, asked, definitions())
        found.append(_companions(f"_revinclude={include}", asked, brought))
    return found


def _companions(label: str, asking: JsonObject, brought: JsonObject) -> Companions:
    query = f"{asking['resourceType']}?_id={asking['id']}"
    return Companions(query, label, f"{brought['resourceType']}/{brought['id']}", (asking, brought))


def chained(type_name: str, code: str, chain: str) -> tuple[str, str, tuple[JsonObject, ...]]:
    """A search through a reference that finds, one that does not, and the resources for it."""
    parameter = definitions().search_parameters[type_name][code]
    target_type = next(name for name in parameter.targets if name in ENABLED)
    case = cases(target_type, chain)[0]
    link = referring(parameter, f"chained-{chain}", case.resource, definitions())
    label = f"{type_name}?{code}:{target_type}."
    finding, not_finding = (label + text.partition("?")[2] for text in (case.finding, case.not_finding))
    return finding, not_finding, (case.resource, link)


CHAINS = [
    chained(*link)
    for link in dict.fromkeys((r["type"], r["parameter"], chain) for r in ROWS for chain in r.get("chains", {}))
]


@pytest.fixture(scope="module", params=ENGINES)
def world(request: pytest.FixtureRequest) -> Iterator[World]:
    with opened_world(request) as world:
        for name in TYPES:
            world.write(case.resource for case in cases_of(name, definitions()))
            world.write(made.resource for made in asked_together(name))
        for made in (made for name in TYPES for made in companions(name)):
            world.write(made.resources)
        for _, _, resources in CHAINS:
            world.write(resources)
        yield world


def found(world: World, query: str) -> list[str]:
    """The ids that a search finds, or why it was refused."""
    try:
        return world.ids(f"{query}&_count=1000")
    except BadRequest as refused:
        return [f"refused: {refused.issues[0].diagnostics}"]


def wrong(world: World, query: str, resource_id: str, *, finds: bool) -> list[str]:
    """What is wrong with the answer to a search, if anything."""
    ids = found(world, query)
    if (resource_id in ids) == finds and not any(text.startswith("refused") for text in ids):
        return []
    return [f"{query} should {'find' if finds else 'not find'} {resource_id}, found: {', '.join(ids[:4]) or 'nothing'}"]


def report(failures: list[str]) -> None:
    """Fail with every wrong answer, one a line."""
    if failures:
        pytest.fail("\n".join([f"{len(failures)} searches answer wrongly:", *dict.fromkeys(failures)]), pytrace=False)


@pytest.mark.parametrize("type_name", TYPES)
def test_each_parameter_of_a_guide_finds(world: World, type_name: str) -> None:
    failures = []
    for code in dict.fromkeys(row["search"][0] for row in rows_of(type_name, "search") if len(row["search"]) == 1):
        for case in cases(type_name, code) or pytest.fail(f"{type_name} has no parameter {code}"):
            failures += wrong(world, case.finding, case.resource["id"], finds=True)
            failures += wrong(world, case.not_finding, case.resource["id"], finds=False)
    report(failures)


@pytest.mark.parametrize("type_name", [name for name in TYPES if asked_together(name)])
def test_parameters_of_a_guide_are_searched_together(world: World, type_name: str) -> None:
    failures = []
    for made in asked_together(type_name):
        failures += wrong(world, made.finding, made.resource["id"], finds=True)
        for query in made.not_finding:
            failures += wrong(world, query, made.resource["id"], finds=False)
    report(failures)


@pytest.mark.parametrize("type_name", [name for name in TYPES if rows_of(name, "parameter")])
def test_alternatives_and_repetitions(world: World, type_name: str) -> None:
    failures = []
    for code in dict.fromkeys(row["parameter"] for row in rows_of(type_name, "parameter")):
        case = cases(type_name, code)[0]
        yes, no = (text.partition("?")[2] for text in (case.finding, case.not_finding))
        value = yes.partition("=")[2]
        for query, finds in (
            (f"{no},{value}", True),
            (f"{yes}&{yes}", True),
            (f"{yes}&{no}", False),
            (f"{no},{value}&{no}", False),
        ):
            failures += wrong(world, f"{type_name}?{query}", case.resource["id"], finds=finds)
    report(failures)


@pytest.mark.parametrize("type_name", [name for name in TYPES if rows_of(name, "prefixes")])
def test_prefixes_of_dates(world: World, type_name: str) -> None:
    failures = []
    for row in rows_of(type_name, "prefixes"):
        for case in cases(type_name, row["parameter"]):
            for prefix in row["prefixes"]:
                searches = [s for s in case.searches if f"={prefix}" in s.query]
                assert {s.finds for s in searches} == {True, False}
                for search in searches:
                    failures += wrong(world, search.query, case.resource["id"], finds=search.finds)
    report(failures)


@pytest.mark.parametrize("type_name", [name for name in TYPES if rows_of(name, "parameter")])
def test_forms_of_values(world: World, type_name: str) -> None:
    """Code and system with code (@55), id and type with id (@58), days (@61), seconds with their zone (@62)."""
    failures = []
    for code in dict.fromkeys(row["parameter"] for row in rows_of(type_name, "parameter") if row["parameter"] != "_id"):
        for case in cases(type_name, code):
            plain = [s.query for s in case.searches if s.finds and ":" not in s.query.partition("=")[0]]
            for form in forms(case):
                query = next((q for q in plain if re.search(form, q)), None)
                assert query is not None, (case.path, form)
                failures += wrong(world, query, case.resource["id"], finds=True)
    report(failures)


def forms(case: Case) -> tuple[str, ...]:
    """How values of a parameter may be written; a date has no seconds to be found by, a canonical no type and id."""
    return {"date": (DAY,), "canonical": ()}.get(case.type, FORMS[case.parameter.kind])


@pytest.mark.parametrize("type_name", [name for name in TYPES if companions(name)])
def test_includes_bring_what_they_name(world: World, type_name: str) -> None:
    names = {number: name for name, number in definitions().resource_types.items()}
    failures = []
    for made in companions(type_name):
        brought = {
            label: [f"{names[s.type_number]}/{s.resource_id}" for s in world.search(made.query + label).included]
            for label in ("", f"&{made.label}")
        }
        if brought != {"": [], f"&{made.label}": [made.brought]}:
            failures.append(f"{made.query}&{made.label} should bring {made.brought}, brings {brought}")
    report(failures)


@pytest.mark.parametrize("chain", CHAINS, ids=lambda chain: chain[0])
def test_chains(world: World, chain: tuple[str, str, tuple[JsonObject, ...]]) -> None:
    finding, not_finding, (_, link) = chain
    report(wrong(world, finding, link["id"], finds=True) + wrong(world, not_finding, link["id"], finds=False))


def test_the_rows_are_those_of_the_packages(shared_folder: Path) -> None:
    assert guide_searches.read() == guide_searches.extracted(shared_folder / "fhir-packages")


def test_the_requirements_exist(shared_folder: Path) -> None:
    with (shared_folder / "spec" / "requirements" / "us-core-7.0.0.csv").open(encoding="utf-8", newline="") as file:
        known = {line["id"] for line in csv.DictReader(file)}
    named = {i for ids in (*guide_searches.REQUIREMENTS.values(), *guide_searches.OF_PARAMETERS.values()) for i in ids}
    assert named - known == set()
