"""History and the visibility predicate: what is hidden is not there, in any version, on any page, in any count."""

from collections.abc import Sequence

import pytest
import sqlalchemy as sa

from fhir_server.fhir.dates import DateRange
from fhir_server.store import reading
from fhir_server.store.database import Database
from fhir_server.store.stored import Stored
from fhir_server.store.visibility import ALL_ROWS, Predicate
from tests.builders.changes import NOW, PATIENT, TASK, TENANT, commit, created, deleted, updated

HALF = Predicate("half", lambda r: r.c.pk % 2 == sa.bindparam("visible_rest"), {"visible_rest": 0})
NOTHING = Predicate("nothing", lambda r: sa.false())


@pytest.fixture
def versions(database: Database) -> list[Stored]:
    """Every version of six resources of two types, in the order of their commits."""
    ids = [f"r{n}" for n in range(6)]
    stored = commit(database, *(created(i, type_number=PATIENT if n < 4 else TASK) for n, i in enumerate(ids)))
    latest = {s.resource_id: s for s in stored}
    for step, i in enumerate(("r1", "r4", "r1", "r0", "r1", "r5", "r2", "r1")):
        change = deleted(latest[i]) if step in {3, 6} else updated(latest[i])
        [latest[i]] = commit(database, change, now=NOW + 1_000 * (step + 1))
        stored.append(latest[i])
    return stored


def newest_first(versions: Sequence[Stored]) -> list[Stored]:
    return sorted(versions, key=lambda v: (v.updated, v.pk, v.version_id), reverse=True)


def history(
    database: Database,
    *,
    type_number: int | None = None,
    resource_id: str | None = None,
    since: int | None = None,
    at: DateRange | None = None,
    count: int = 100,
    visible: Predicate = ALL_ROWS,
) -> list[Stored]:
    """All pages of `count` versions, joined; checks the total on the way."""
    found: list[Stored] = []
    before = None
    while True:
        page = reading.read_history(
            database, tenant=TENANT, type_number=type_number, resource_id=resource_id, since=since, at=at,
            before=before, count=count, visible=visible,
        )  # fmt: skip
        assert len(page) <= count
        found += page
        if not page:
            break
        before = (page[-1].updated, page[-1].pk, page[-1].version_id)
    total = reading.count_history(
        database, tenant=TENANT, type_number=type_number, resource_id=resource_id, since=since, at=at, visible=visible
    )
    assert total == len(found)
    return found


@pytest.mark.parametrize("count", [1, 2, 3, 5, 100])
def test_pages_joined_are_the_whole(database: Database, versions: list[Stored], count: int) -> None:
    assert history(database, count=count) == newest_first(versions)
    for number in (PATIENT, TASK):
        of_type = [v for v in versions if v.type_number == number]
        assert history(database, type_number=number, count=count) == newest_first(of_type)
    for name in ("r0", "r1", "r3"):
        of_instance = [v for v in versions if v.resource_id == name]
        assert history(database, type_number=PATIENT, resource_id=name, count=count) == newest_first(of_instance)
    assert history(database, type_number=TASK, resource_id="r1", count=count) == []


def test_since_is_inclusive(database: Database, versions: list[Stored]) -> None:
    for since in (0, NOW, NOW + 1, NOW + 3_000, NOW + 3_001, NOW + 9_000):
        expected = newest_first([v for v in versions if v.updated >= since])
        assert history(database, since=since) == expected
        assert history(database, type_number=PATIENT, resource_id="r1", since=since) == [
            v for v in expected if v.resource_id == "r1"
        ]


def test_at_keeps_what_was_current_in_the_range(database: Database, versions: list[Stored]) -> None:
    ends = {}
    following: dict[str, int] = {}
    for v in reversed(versions):
        ends[v.resource_id, v.version_id] = following.get(v.resource_id, 10**18)
        following[v.resource_id] = v.updated
    for low in (0, NOW, NOW + 1_000, NOW + 2_999, NOW + 3_000, NOW + 20_000):
        for width in (1, 1_000, 5_000):
            at = DateRange(low, low + width)
            expected = [v for v in versions if v.updated < at.high and ends[v.resource_id, v.version_id] > at.low]
            assert history(database, at=at, count=3) == newest_first(expected)


def test_hidden_resources_have_no_versions(database: Database, versions: list[Stored]) -> None:
    shown = [v for v in versions if v.pk % 2 == 0]
    assert 0 < len(shown) < len(versions)
    assert history(database, visible=HALF, count=2) == newest_first(shown)
    assert history(database, visible=NOTHING) == []
    for v in versions:
        is_shown = v if v.pk % 2 == 0 else None
        assert is_shown == reading.read_version(
            database, v.type_number, v.resource_id, v.version_id, tenant=TENANT, visible=HALF
        )
        found = reading.read_current(database, v.type_number, v.resource_id, tenant=TENANT, visible=HALF)
        assert (found is not None) == (is_shown is not None)
        assert history(database, type_number=v.type_number, resource_id=v.resource_id, visible=HALF) == newest_first(
            [s for s in shown if s.resource_id == v.resource_id]
        )


def test_equal_keys_share_a_statement_but_not_values(database: Database, versions: list[Stored]) -> None:
    other = Predicate("half", HALF.clause, {"visible_rest": 1})
    odd = {v.resource_id for v in history(database, visible=other)}
    even = {v.resource_id for v in history(database, visible=HALF)}
    assert odd.isdisjoint(even)
    assert len(odd | even) == 6


def test_another_tenant_has_nothing(database: Database, versions: list[Stored]) -> None:
    v = versions[0]
    assert reading.read_current(database, v.type_number, v.resource_id, tenant=2, visible=ALL_ROWS) is None
    assert reading.read_version(database, v.type_number, v.resource_id, 1, tenant=2, visible=ALL_ROWS) is None
    assert reading.count_history(database, tenant=2, type_number=None, resource_id=None, visible=ALL_ROWS) == 0
