"""Value sets and code systems that the server holds, expanded and followed, on both databases."""

from collections.abc import Iterator
from typing import Any

import pytest
import sqlalchemy as sa

from fhir_server.errors import BadRequest, TooCostly
from fhir_server.store.visibility import ALL_ROWS, Predicate
from fhir_server.terminology import Expansion, ancestors, descendants, expand
from tests.conftest import ENGINES
from tests.contracts.search_world import SETTINGS, TENANT, World, opened_world

NEEDS, ELSEWHERE, SETS = "http://example.org/needs", "http://example.org/elsewhere", "http://example.org/vs/"
JsonObject = dict[str, Any]


def code_system(resource_id: str, *concepts: JsonObject, url: str = NEEDS, **members: Any) -> JsonObject:
    head = {"resourceType": "CodeSystem", "id": resource_id, "url": url, "status": "active", "content": "complete"}
    return {**head, "concept": list(concepts), **members}


def value_set(resource_id: str, *include: JsonObject, **members: Any) -> JsonObject:
    """A ValueSet whose URL ends with its id, unless another is given."""
    found = {"resourceType": "ValueSet", "id": resource_id, "url": SETS + resource_id, "status": "active"}
    exclude = members.pop("exclude", None)
    if include:
        found["compose"] = {"include": list(include)} | ({} if exclude is None else {"exclude": exclude})  # type: ignore[assignment]
    return {**found, **members}


def listed(*codes: str, system: str = NEEDS) -> JsonObject:
    return {"system": system, "concept": [{"code": code} for code in codes]}


def imported(*names: str) -> JsonObject:
    return {"valueSet": [SETS + name for name in names]}


def filtered(name: str, operator: str, value: str, system: str = NEEDS) -> JsonObject:
    return {"system": system, "filter": [{"property": name, "op": operator, "value": value}]}


FOOD = {"code": "food", "concept": [{"code": "hunger"}, {"code": "diet"}]}
OLD = {"code": "old", "property": [{"code": "inactive", "valueBoolean": True}]}
WHOLE = {"system": NEEDS}
RESOURCES = [
    code_system("needs", FOOD, {"code": "housing"}, OLD, version="1"),
    code_system(
        "partial", {"code": "a", "concept": [{"code": "b"}]}, url="http://example.org/part", content="fragment"
    ),
    code_system("empty", url="http://example.org/empty", content="not-present"),
    code_system("parts", FOOD, url="http://example.org/parts", hierarchyMeaning="part-of"),
    value_set("two", listed("food", "housing"), version="1"),
    value_set("all", WHOLE),
    value_set("elsewhere", {"system": ELSEWHERE}),
    value_set("below-food", filtered("concept", "is-a", "food")),
    value_set("both", imported("two", "below-food")),
    value_set("either", imported("two"), imported("below-food")),
    value_set("narrowed", WHOLE | imported("two")),
    value_set("narrowed-elsewhere", listed("x", "y", system=ELSEWHERE) | imported("elsewhere")),
    value_set("but", WHOLE, exclude=[filtered("concept", "descendent-of", "food"), imported("two")]),
    value_set("but-elsewhere", {"system": ELSEWHERE}, WHOLE, exclude=[{"system": ELSEWHERE}]),
    value_set("cut-elsewhere", {"system": ELSEWHERE}, exclude=[listed("x", system=ELSEWHERE)]),
    value_set("part", {"system": "http://example.org/part"}),
    value_set("of-version", WHOLE | {"version": "1"}),
    value_set("of-other-version", WHOLE | {"version": "2"}),
    value_set("active", compose={"inactive": False, "include": [WHOLE, listed("x", system=ELSEWHERE)]}),
    value_set("active-listed", compose={"inactive": False, "include": [listed("old", "food")]}),
    value_set("shipped", {"valueSet": ["http://hl7.org/fhir/ValueSet/administrative-gender"]}),
    value_set("itself", listed("food"), imported("itself")),
    value_set("round-1", imported("round-2")),
    value_set("round-2", {"valueSet": ["ValueSet/round-1"]}),
    value_set("wanting", listed("food"), imported("two", "nowhere")),
    value_set("wanting-deep", imported("wanting")),
    value_set("unknown-filter", filtered("concept", "is-a", "x", system=ELSEWHERE)),
    value_set("part-filter", filtered("concept", "is-a", "a", system="http://example.org/part")),
    value_set("regex", filtered("code", "regex", "(a+)+$")),
    value_set("list-and-filter", listed("food") | filtered("concept", "is-a", "food")),
    value_set("no-system", {"concept": [{"code": "food"}]}),
    value_set("nothing", {"id": "nothing"}),
    value_set("no-include", compose={"lockedDate": "2024-01-01"}),
    value_set("bare"),
    value_set(
        "expanded",
        expansion={
            "contains": [
                {"system": NEEDS, "code": "food", "contains": [{"system": NEEDS, "code": "diet"}]},
                {"system": NEEDS, "code": "group", "abstract": True, "contains": [{"system": "s", "code": "x"}]},
                {"display": "no code", "contains": [{"code": "no system"}]},
            ]
        },
    ),
    value_set("composed", listed("food"), expansion={"contains": [{"system": NEEDS, "code": "diet"}]}),
    value_set("half", expansion={"total": 2, "contains": [{"system": NEEDS, "code": "food"}]}),
    value_set("second-page", expansion={"offset": 10, "contains": [{"system": NEEDS, "code": "food"}]}),
]


@pytest.fixture(scope="module", params=ENGINES)
def world(request: pytest.FixtureRequest) -> Iterator[World]:
    with opened_world(request) as world:
        world.write_each(RESOURCES)
        yield world


@pytest.fixture(params=ENGINES)
def empty(request: pytest.FixtureRequest) -> Iterator[World]:
    """A world of the test's own."""
    with opened_world(request) as world:
        yield world


def members(world: World, reference: str, visible: Predicate = ALL_ROWS, **options: int) -> Expansion:
    return expand(
        world.database, reference, definitions=world.definitions, tenant=TENANT, visible=visible,
        base=SETTINGS.fhir_base, **options,
    )  # fmt: skip


def codes(world: World, reference: str, visible: Predicate = ALL_ROWS) -> str:
    """The codes of the system of needs alone, as one text."""
    found = members(world, reference, visible)
    assert found.systems == frozenset()
    assert {system for system, _ in found.codes} <= {NEEDS}
    return " ".join(sorted(code for _, code in found.codes))


def refusal(world: World, reference: str, visible: Predicate = ALL_ROWS) -> tuple[str, str]:
    with pytest.raises(BadRequest) as refused:
        members(world, reference, visible)
    (issue,) = refused.value.issues
    return issue.code, issue.diagnostics


def related(world: World, walk: Any, system: str, code: str, visible: Predicate = ALL_ROWS, **options: int) -> str:
    found = walk(world.database, system, code, definitions=world.definitions, tenant=TENANT, visible=visible, **options)
    return " ".join(sorted(found))


def hiding(*resource_ids: str) -> Predicate:
    """What a policy that hides resources by id yields."""
    parameters = {f"visible_{number}": name for number, name in enumerate(resource_ids)}

    def clause(resource: sa.FromClause) -> sa.ColumnElement[bool]:
        return sa.and_(*(resource.c.resource_id != sa.bindparam(name) for name in parameters))

    return Predicate(("hiding", len(resource_ids)), clause, parameters)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("two", "food housing"),
        ("all", "diet food housing hunger old"),
        ("below-food", "diet food hunger"),
        ("both", "food"),
        ("either", "diet food housing hunger"),
        ("narrowed", "food housing"),
        ("but", "old"),
        ("but-elsewhere", "diet food housing hunger old"),
        ("of-version", "diet food housing hunger old"),
        ("active-listed", "food"),
        ("composed", "food"),
    ],
)
def test_members(world: World, name: str, expected: str) -> None:
    assert codes(world, SETS + name) == expected


@pytest.mark.parametrize(
    ("name", "listed_codes", "systems"),
    [
        ("elsewhere", set(), {ELSEWHERE}),
        ("narrowed-elsewhere", {(ELSEWHERE, "x"), (ELSEWHERE, "y")}, set()),
        ("part", set(), {"http://example.org/part"}),
        ("of-other-version", set(), {NEEDS}),
        ("active", {(NEEDS, code) for code in ("food", "hunger", "diet", "housing")} | {(ELSEWHERE, "x")}, set()),
        ("expanded", {(NEEDS, "food"), (NEEDS, "diet"), ("s", "x")}, set()),
    ],
)
def test_members_of_other_systems(
    world: World, name: str, listed_codes: set[tuple[str, str]], systems: set[str]
) -> None:
    assert members(world, SETS + name) == Expansion(frozenset(listed_codes), frozenset(systems))


def test_required_value_sets_of_the_standard(world: World) -> None:
    url, system = "http://hl7.org/fhir/ValueSet/administrative-gender", "http://hl7.org/fhir/administrative-gender"
    expected = Expansion(frozenset((system, code) for code in ("male", "female", "other", "unknown")))
    assert members(world, url) == members(world, f"{url}|4.0.1") == members(world, f"{SETS}shipped") == expected
    assert refusal(world, f"{url}|5.0.0")[0] == "not-found"


@pytest.mark.parametrize("reference", ["ValueSet/two", f"{SETTINGS.fhir_base}/ValueSet/two", f"{SETS}two|1"])
def test_other_ways_to_name_a_value_set(world: World, reference: str) -> None:
    assert codes(world, reference) == "food housing"


@pytest.mark.parametrize(
    "reference",
    [
        "", "|", "two", "ValueSet/unknown", "CodeSystem/needs", NEEDS, f"{SETS}unknown", f"{SETS}two|2",
        f"{SETS}two|active", f"{SETS}tw",
        "https://other.example.org/fhir/ValueSet/two", "ValueSet/two/_history/1", "ValueSet/two|2", "ValueSet?_id=two",
        "#two", "\0", "x" * 5_000,
    ],
)  # fmt: skip
def test_what_is_not_held_is_refused_by_name(world: World, reference: str) -> None:
    expected = f"value set {reference[:200]}: the server holds no such value set"
    assert refusal(world, reference) == ("not-found", expected)


@pytest.mark.parametrize(
    ("name", "code", "why"),
    [
        ("itself", "not-supported", "compose.include[1].valueSet[0]: the value set imports itself"),
        ("round-1", "not-supported", "the value set imports itself"),
        (
            "wanting",
            "not-found",
            "compose.include[1].valueSet[1]: the server holds no value set http://example.org/vs/nowhere",
        ),
        ("wanting-deep", "not-found", "compose.include[0].valueSet[0] > compose.include[1].valueSet[1]: the server"),
        ("cut-elsewhere", "not-found", "compose.exclude: codes are excluded from a code system"),
        ("unknown-filter", "not-found", "compose.include[0]: the server does not hold all of code system"),
        ("part-filter", "not-found", "compose.include[0]: the server does not hold all of code system"),
        ("regex", "not-supported", "compose.include[0].filter[0]: the operator regex is not supported"),
        ("list-and-filter", "invalid", "compose.include[0]: codes need a system, and either a list or filters"),
        ("no-system", "invalid", "compose.include[0]: codes need a system"),
        ("nothing", "invalid", "compose.include[0]: neither a system nor a value set is named"),
        ("no-include", "invalid", "compose: nothing is included"),
        ("bare", "not-found", "expansion: the value set has neither compose nor expansion"),
        ("half", "not-found", "expansion: the stored expansion is not complete"),
        ("second-page", "not-found", "expansion: the stored expansion is not complete"),
    ],
)
def test_what_cannot_be_told_is_refused_with_its_place(world: World, name: str, code: str, why: str) -> None:
    found, diagnostics = refusal(world, SETS + name)
    assert found == code
    assert diagnostics.startswith(f"value set {SETS}{name}: ")
    assert why in diagnostics


@pytest.mark.parametrize(
    ("walk", "code", "expected"),
    [
        (descendants, "food", "diet food hunger"),
        (descendants, "diet", "diet"),
        (ancestors, "diet", "diet food"),
        (ancestors, "food", "food"),
        (descendants, "unknown", "unknown"),
        (ancestors, "unknown", "unknown"),
    ],
)
def test_what_is_below_and_above(world: World, walk: Any, code: str, expected: str) -> None:
    assert related(world, walk, NEEDS, code) == related(world, walk, f"{NEEDS}|1", code) == expected


def test_the_hierarchy_of_a_fragment_is_followed(world: World) -> None:
    assert related(world, descendants, "http://example.org/part", "a") == "a b"


@pytest.mark.parametrize("walk", [descendants, ancestors])
@pytest.mark.parametrize(
    ("system", "code", "why"),
    [
        (ELSEWHERE, "not-found", "is not held by this server"),
        ("", "not-found", "is not held by this server"),
        (f"{NEEDS}|2", "not-found", "is not held by this server"),
        (f"{SETS}two", "not-found", "is not held by this server"),
        ("http://example.org/empty", "not-found", "is held without its concepts"),
        ("http://example.org/parts", "not-supported", "its hierarchy means something else than is-a"),
    ],
)
def test_what_cannot_be_followed_is_refused_by_name(world: World, walk: Any, system: str, code: str, why: str) -> None:
    with pytest.raises(BadRequest) as refused:
        related(world, walk, system, "food")
    (issue,) = refused.value.issues
    assert issue.code == code
    assert issue.diagnostics.startswith(f"code system {system}")
    assert issue.diagnostics.endswith(why)


def test_the_version_decides_else_the_newest_change(empty: World) -> None:
    url = f"{SETS}x"
    empty.write_each([value_set(f"v{n}", listed(f"code-{n}"), url=url, version=str(n)) for n in (1, 3, 2)])
    assert [codes(empty, f"{url}{suffix}") for suffix in ("", "|1", "|2", "|3")] == [
        "code-2", "code-1", "code-2", "code-3",
    ]  # fmt: skip
    empty.write([value_set("v1", listed("code-1b"), url=url, version="1")])
    assert [codes(empty, f"{url}{suffix}") for suffix in ("", "|1")] == ["code-1b", "code-1b"]
    empty.delete("ValueSet", "v1")
    assert codes(empty, url) == "code-2"
    assert refusal(empty, f"{url}|1")[0] == refusal(empty, "ValueSet/v1")[0] == "not-found"


def test_the_standard_is_not_overruled(empty: World) -> None:
    url = "http://hl7.org/fhir/ValueSet/administrative-gender"
    before = members(empty, url)
    empty.write([value_set("own", listed("food"), url=url)])
    assert members(empty, url) == before
    assert codes(empty, "ValueSet/own") == "food"


def test_a_code_system_of_a_hidden_version_gives_way_to_the_one_seen(empty: World) -> None:
    empty.write_each([code_system("seen", {"code": "a"}), code_system("unseen", {"code": "b"})])
    empty.write([value_set("all", WHOLE)])
    assert codes(empty, "ValueSet/all") == "b"
    assert codes(empty, "ValueSet/all", hiding("unseen")) == "a"
    empty.delete("CodeSystem", "unseen")
    assert codes(empty, "ValueSet/all") == "a"


@pytest.mark.parametrize("reference", ["ValueSet/two", f"{SETS}two", f"{SETS}two|1", f"{SETS}both", f"{SETS}all"])
def test_what_is_hidden_answers_like_what_is_not_there(empty: World, reference: str) -> None:
    hidden = {"two", "needs"}
    empty.write(resource for resource in RESOURCES if resource["id"] not in hidden)
    absent = _answers(empty, reference, ALL_ROWS)
    empty.write(resource for resource in RESOURCES if resource["id"] in hidden)
    assert _answers(empty, reference, hiding(*hidden)) == absent
    assert _answers(empty, reference, ALL_ROWS) != absent


def _answers(world: World, reference: str, visible: Predicate) -> list[Any]:
    """What each function answers."""
    answers: list[Any] = []
    for ask in (
        lambda: members(world, reference, visible),
        lambda: related(world, descendants, NEEDS, "food", visible),
        lambda: related(world, ancestors, NEEDS, "diet", visible),
    ):
        try:
            answers.append(ask())
        except BadRequest as refused:
            answers.append(refused.issues)
    return answers


def test_other_tenants_hold_nothing_for_us(world: World) -> None:
    with pytest.raises(BadRequest):
        expand(
            world.database, f"{SETS}two", definitions=world.definitions, tenant=2, visible=ALL_ROWS,
            base=SETTINGS.fhir_base,
        )  # fmt: skip


def test_limits(world: World) -> None:
    assert len(members(world, f"{SETS}all", limit=5).codes) == 5
    with pytest.raises(TooCostly, match="more than 4 codes"):
        members(world, f"{SETS}all", limit=4)
    assert related(world, descendants, NEEDS, "food", limit=3) == "diet food hunger"
    with pytest.raises(TooCostly, match="more than 2 codes"):
        related(world, descendants, NEEDS, "food", limit=2)


def test_imports_have_a_greatest_depth(empty: World) -> None:
    empty.write([value_set("0", listed("food")), *(value_set(str(n), imported(str(n - 1))) for n in range(1, 11))])
    assert codes(empty, f"{SETS}8") == "food"
    assert refusal(empty, f"{SETS}9")[0] == "too-costly"


def test_a_web_of_imports_is_expanded_once_each(empty: World) -> None:
    web = [value_set(f"0-{n}", listed(f"code-{n}")) for n in range(8)]
    for level in range(1, 7):
        lower = [imported(f"{level - 1}-{n}") for n in range(8)]
        web += [value_set(f"{level}-{n}", *lower) for n in range(8)]
    empty.write(web)
    assert len(codes(empty, f"{SETS}6-0").split()) == 8


def test_a_crowd_of_imports_is_refused(empty: World) -> None:
    empty.write([value_set("crowd", *({"valueSet": [f"ValueSet/two?{n}"]} for n in range(300)), listed("a"))])
    empty.write([value_set(f"one-{n}", listed(f"c{n}")) for n in range(150)])
    empty.write([value_set("all-of-them", *(imported(f"one-{n}") for n in range(150)))])
    assert refusal(empty, f"{SETS}crowd")[0] == "not-found"
    assert refusal(empty, f"{SETS}all-of-them")[0] == "too-costly"


def test_a_large_code_system_is_narrowed_but_not_listed(empty: World) -> None:
    many = [{"code": f"c{n}"} for n in range(100_000)]
    empty.write(
        [code_system("large", {"code": "top", "concept": [{"code": "leaf"}]}, *many), value_set("whole", WHOLE)]
    )
    empty.write(
        [value_set("few", filtered("concept", "is-a", "top")), value_set("long", listed(*(c["code"] for c in many)))]
    )
    empty.write(
        [value_set("filters", {"system": NEEDS, "filter": filtered("concept", "is-a", "top")["filter"] * 1_000})]
    )
    assert codes(empty, f"{SETS}few") == "leaf top"
    for name in ("whole", "long", "filters"):
        assert refusal(empty, SETS + name)[0] == "too-costly"
    assert related(empty, ancestors, NEEDS, "leaf") == "leaf top"
