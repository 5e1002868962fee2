"""A unit of work is written whole, under one stamp, or not at all."""

from random import Random
from string import ascii_letters
from typing import Any

import pytest
import sqlalchemy as sa

from fhir_server.errors import BadRequest
from fhir_server.fhir import meta
from fhir_server.store import integrity, reading
from fhir_server.store.database import Database, Rows
from fhir_server.store.index_rows import bounded
from fhir_server.store.stored import Stored
from fhir_server.store.tables import ACCESS_TOKEN, INDEX_TABLES, INDEX_TOKEN, OUTBOX, WORK_ITEM
from fhir_server.store.unit_of_work import IndexRows, Reindexed, WriteConflict
from fhir_server.store.visibility import ALL_ROWS
from tests.builders.changes import (
    NOW,
    PATIENT,
    STATUS,
    TASK,
    TENANT,
    commit,
    created,
    deleted,
    index_rows,
    text_of,
    updated,
    work,
)


def current(rows: Rows, resource_id: str, type_number: int = PATIENT) -> Stored | None:
    return reading.read_current(rows, type_number, resource_id, tenant=TENANT, visible=ALL_ROWS)


def version(rows: Rows, resource_id: str, version_id: int) -> Stored | None:
    return reading.read_version(rows, PATIENT, resource_id, version_id, tenant=TENANT, visible=ALL_ROWS)


def all_of(rows: Rows, table: sa.Table, *names: str) -> list[tuple[Any, ...]]:
    columns = [table.columns[name] for name in names]
    return rows.rows(rows.sql(sa.select(*columns).order_by(*columns)), {})


def token_row(name: str) -> dict[str, Any]:
    return {
        "token_hash": name, "tenant": TENANT, "name": name, "organization": "", "scope": "read", "created": NOW,
        "expires": None, "revoked": None,
    }  # fmt: skip


def test_what_was_created_is_read_as_it_was_stored(database: Database) -> None:
    [stored] = commit(database, created("a"))
    head, tail = text_of("maple")
    assert stored == current(database, "a") == version(database, "a", 1)
    assert stored.body == meta.stamped(head, tail, 1, stored.updated)
    assert (stored.version_id, stored.updated, stored.deleted, stored.method) == (1, NOW, False, "POST")


@pytest.mark.parametrize("now", [0, 1, 999_999, 1_000_000, NOW, 1_790_000_000_000_001, 253_402_300_799_999_999])
def test_the_stamp_in_the_text_is_the_stamp(database: Database, now: int) -> None:
    [stored] = commit(database, created("a"), now=now)
    head, tail = text_of("maple")
    assert stored.updated == max(now, 1)
    assert current(database, "a") == stored
    assert stored.body == meta.stamped(head, tail, 1, stored.updated)


def test_text_is_kept_to_the_letter(database: Database) -> None:
    head, tail = '{"resourceType":"Patient","meta":{', '},"x":"é 😀 \\u0000 \\" $1 %s {} \\\\ \'\' NULL , {1,2}"}'
    [stored] = commit(database, created("a", head=head, tail=tail))
    found = current(database, "a")
    assert found is not None
    assert found.body == stored.body == meta.stamped(head, tail, 1, NOW)


def test_an_update_keeps_the_version_before_it(database: Database) -> None:
    [first] = commit(database, created("a"))
    [second] = commit(database, updated(first))
    assert current(database, "a") == second == version(database, "a", 2)
    assert version(database, "a", 1) == first
    assert second.updated > first.updated
    assert "oak" in second.body


def test_a_deleted_resource_is_a_tombstone_and_can_be_revived(database: Database) -> None:
    [first] = commit(database, created("a"))
    [second] = commit(database, deleted(first))
    assert (second.deleted, second.body, second.version_id) == (True, "", 2)
    assert current(database, "a") == second
    for table in INDEX_TABLES.values():
        assert all_of(database, table, "pk") == []
    [third] = commit(database, updated(second))
    assert current(database, "a") == third
    assert [version(database, "a", n) for n in (1, 2, 3, 4)] == [first, second, third, None]


def test_a_version_beyond_any_number_is_not_found(database: Database) -> None:
    commit(database, created("a"))
    assert version(database, "a", 10**30) is None


def test_index_rows_are_those_of_the_current_version(database: Database) -> None:
    [a, b] = commit(database, created("a", index=index_rows("maple", many=3)), created("b", "birch"))
    assert len(all_of(database, INDEX_TOKEN, "pk")) == 4
    [after] = commit(database, updated(a, index=IndexRows(token=[(STATUS, "", "ash")])))
    assert all_of(database, INDEX_TOKEN, "pk", "code", "updated") == [
        (a.pk, "ash", after.updated),
        (b.pk, "birch-0", b.updated),
    ]
    for kind in ("reference", "string", "date", "uri"):
        assert all_of(database, INDEX_TABLES[kind], "pk") == [(b.pk,)]


def test_long_index_values_are_cut_as_a_search_cuts_them(database: Database) -> None:
    values = ["x" * 300, "x" * 301, "x" * 100_000, "é" * 5_000, "a\0b"]
    commit(database, created("a", index=IndexRows(token=[(STATUS, v, v) for v in values])))
    assert all_of(database, INDEX_TOKEN, "code") == sorted((bounded(v),) for v in values)
    assert len({bounded(v) for v in values}) == 5


def test_long_values_of_a_work_row_are_cut_like_those_of_index_rows(database: Database) -> None:
    values = ["".join(Random(1).choices(ascii_letters, k=20_000)), "a\0b", "x" * 300]
    commit(database, *(created(str(n), type_number=TASK, work=work(value)) for n, value in enumerate(values)))
    assert all_of(database, WORK_ITEM, "owner") == sorted((bounded(value),) for value in values)


def test_work_rows_follow_their_resource(database: Database) -> None:
    [a, b] = commit(
        database, created("a", type_number=TASK, work=work("o1")), created("b", type_number=TASK, work=work("o1"))
    )
    [a] = commit(database, updated(a, work=work("o2")))
    assert all_of(database, WORK_ITEM, "pk", "type", "owner", "updated") == [
        (a.pk, TASK, "o2", a.updated),
        (b.pk, TASK, "o1", b.updated),
    ]
    commit(database, updated(a, work=work("o3")), updated(b, work=None))
    assert all_of(database, WORK_ITEM, "pk", "owner") == [(a.pk, "o3")]
    [a] = [s for s in [current(database, "a", TASK)] if s is not None]
    commit(database, deleted(a))
    assert all_of(database, WORK_ITEM, "pk") == []


def test_each_change_leaves_one_outbox_row_in_order(database: Database) -> None:
    first = commit(database, *(created(f"r{n}") for n in range(5)))
    second = commit(database, deleted(first[3]), created("z"), updated(first[1]))
    rows = all_of(database, OUTBOX, "seq", "pk", "type", "resource_id", "version_id", "method", "updated", "tenant")
    assert [row[1:] for row in rows] == [
        (s.pk, s.type_number, s.resource_id, s.version_id, s.method, s.updated, TENANT) for s in first + second
    ]


def test_one_unit_of_work_has_one_stamp_and_its_versions_keep_their_places(database: Database) -> None:
    [old] = commit(database, created("old"))
    with database.unit_of_work(tenant=TENANT, now=NOW) as uow:
        assert [uow.change(created("a")), uow.change(updated(old))] == [0, 1]
        stamp = uow.flush()
        assert uow.change(created("b")) == 2
    assert [s.resource_id for s in uow.stored] == ["a", "old", "b"]
    assert {s.updated for s in uow.stored} == {stamp} == {uow.stamp}
    assert [current(database, s.resource_id) for s in uow.stored] == uow.stored


def test_a_stale_version_writes_nothing_at_all(database: Database) -> None:
    [first] = commit(database, created("a"))
    commit(database, updated(first))
    with pytest.raises(WriteConflict), database.unit_of_work(tenant=TENANT, now=NOW) as uow:  # noqa: PT012
        uow.change(created("new"))
        uow.change(updated(first, "elm"))
        uow.insert(ACCESS_TOKEN, token_row("t"))
    assert current(database, "new") is None
    assert all_of(database, ACCESS_TOKEN, "name") == []
    assert len(all_of(database, OUTBOX, "seq")) == 2
    assert len(all_of(database, INDEX_TOKEN, "pk")) == 1


def test_a_version_that_skips_one_is_refused(database: Database) -> None:
    [first] = commit(database, created("a"))
    with pytest.raises(WriteConflict):
        commit(database, updated(first, version_id=3))


def test_an_id_can_be_taken_once(database: Database) -> None:
    commit(database, created("a"))
    with pytest.raises(WriteConflict):
        commit(database, created("b"), created("a"))
    assert current(database, "b") is None
    commit(database, created("a", type_number=TASK))


def test_two_changes_of_one_resource_do_not_fit_in_one_flush(database: Database) -> None:
    [first] = commit(database, created("a"))
    with pytest.raises(WriteConflict):
        commit(database, updated(first), updated(first))
    with pytest.raises(WriteConflict):
        commit(database, created("b"), created("b"))
    assert current(database, "a") == first


def test_raising_rolls_back_what_was_flushed(database: Database) -> None:
    with pytest.raises(KeyError), database.unit_of_work(tenant=TENANT, now=NOW) as uow:  # noqa: PT012
        uow.change(created("a"))
        uow.flush()
        assert current(uow, "a") is not None
        assert current(database, "a") is None
        raise KeyError
    assert current(database, "a") is None
    assert all_of(database, OUTBOX, "seq") == []
    assert len(commit(database, created("a"))) == 1


def test_a_unit_reads_what_others_committed_until_it_enters_the_order(database: Database) -> None:
    with database.unit_of_work(tenant=TENANT, now=NOW) as uow:
        assert current(uow, "a") is None
        uow.enter_write_order()
        assert current(uow, "a") is None
        uow.change(created("a"))
        assert current(uow, "a") is None
        uow.flush()
        assert current(uow, "a") == uow.stored[0]


def test_an_empty_unit_of_work_leaves_nothing(database: Database) -> None:
    with database.unit_of_work(tenant=TENANT, now=NOW) as uow:
        assert uow.flush() == 0
    assert (uow.stamp, uow.stored) == (0, [])
    [stored] = commit(database, created("a"))
    assert stored.updated == NOW


def test_rows_of_other_tables_come_with_the_unit(database: Database) -> None:
    with database.unit_of_work(tenant=TENANT, now=NOW) as uow:
        for name in ("t1", "t2"):
            uow.insert(ACCESS_TOKEN, token_row(name))
    assert uow.stamp == 0
    assert all_of(database, ACCESS_TOKEN, "name", "expires", "created") == [("t1", None, NOW), ("t2", None, NOW)]
    with pytest.raises(WriteConflict), database.unit_of_work(tenant=TENANT, now=NOW) as uow:
        uow.insert(ACCESS_TOKEN, token_row("t1"))


def test_columns_that_carry_the_stamp_are_filled(database: Database) -> None:
    row = {"pk": 5, "tenant": TENANT, "type": PATIENT, "resource_id": "a", "version_id": 1, "method": "POST"}
    with database.unit_of_work(tenant=TENANT, now=NOW) as uow:
        uow.insert(OUTBOX, row)
        uow.insert(OUTBOX, {**row, "pk": 6})
    assert all_of(database, OUTBOX, "seq", "pk", "updated") == [(1, 5, NOW), (2, 6, NOW)]


def test_small_tables_can_be_changed_inside(database: Database) -> None:
    with database.unit_of_work(tenant=TENANT, now=NOW) as uow:
        uow.insert(ACCESS_TOKEN, token_row("t1"))
    revoke = (
        sa.update(ACCESS_TOKEN)
        .where(ACCESS_TOKEN.c.name == sa.bindparam("wanted"))
        .values(revoked=sa.bindparam("moment"))
        .returning(ACCESS_TOKEN.c.name)
    )
    parameters = {"wanted": "t1", "moment": 7}
    with pytest.raises(KeyError), database.unit_of_work(tenant=TENANT, now=NOW) as uow:  # noqa: PT012
        assert uow.rows(uow.sql(revoke), parameters) == [("t1",)]
        raise KeyError
    assert all_of(database, ACCESS_TOKEN, "revoked") == [(None,)]
    with database.unit_of_work(tenant=TENANT, now=NOW) as uow:
        uow.rows(uow.sql(revoke), parameters)
        uow.rows(uow.sql(sa.update(ACCESS_TOKEN).values(scope="write")), {})
    assert all_of(database, ACCESS_TOKEN, "revoked", "scope") == [(7, "write")]


def test_large_units_are_one(database: Database) -> None:
    old = commit(database, *(created(f"old{n}") for n in range(600)))
    changes = [created(f"new{n}", f"w{n}") for n in range(700)] + [updated(s, "fir") for s in old]
    stored = commit(database, *changes)
    assert {s.updated for s in stored} == {NOW + 1}
    assert [s.resource_id for s in stored] == [c.resource_id for c in changes]
    for place in (0, 699, 700, 1_299):
        assert current(database, stored[place].resource_id) == stored[place]
    pks = [row[1] for row in all_of(database, OUTBOX, "seq", "pk")]
    assert pks == [s.pk for s in old + stored]
    assert len(all_of(database, INDEX_TOKEN, "pk")) == 1_300
    with pytest.raises(WriteConflict):
        commit(database, *(created(f"late{n}") for n in range(600)), *(updated(s) for s in old))
    assert current(database, "late0") is None


def test_one_thread_has_one_unit_of_work(database: Database) -> None:
    with database.unit_of_work(tenant=TENANT, now=NOW) as uow:
        with pytest.raises(RuntimeError), database.unit_of_work(tenant=TENANT, now=NOW):
            pass
        uow.change(created("a"))
    assert current(database, "a") is not None


def test_a_snapshot_sees_one_state(database: Database) -> None:
    commit(database, created("a"))
    with database.snapshot() as rows:
        assert current(rows, "a") is not None
        commit(database, created("b"))
        assert current(rows, "b") is None
    assert current(database, "b") is not None
    with pytest.raises(KeyError), database.snapshot() as rows:
        raise KeyError
    with database.snapshot(), pytest.raises(RuntimeError), database.snapshot():
        pass
    assert current(database, "b") is not None


def test_only_a_unit_of_work_can_write(database: Database) -> None:
    statement = database.sql(sa.delete(OUTBOX))
    commit(database, created("a"))
    with pytest.raises(Exception, match="read"):
        database.rows(statement, {})
    with database.snapshot() as rows, pytest.raises(Exception, match="read"):
        rows.rows(statement, {})
    assert len(all_of(database, OUTBOX, "seq")) == 1


@pytest.mark.parametrize("resource_id", ["a\0b", "\0", "😀", "'; DROP TABLE resource; --", "%", "x" * 100_000])
def test_strange_ids_are_not_found(database: Database, resource_id: str) -> None:
    commit(database, created("a"))
    assert current(database, resource_id) is None


def test_half_a_character_is_refused(database: Database) -> None:
    with pytest.raises(BadRequest):
        current(database, "\ud800")
    with pytest.raises(BadRequest), database.unit_of_work(tenant=TENANT, now=NOW) as uow:
        current(uow, "\ud800")


def reindexed(there: Stored, word: str, **fields: Any) -> Reindexed:
    return Reindexed(there.pk, there.type_number, there.updated, index_rows(word), **fields)


def replace(database: Database, *every: Reindexed) -> list[Stored]:
    with database.unit_of_work(tenant=TENANT, now=NOW + 5) as uow:
        for one in every:
            uow.reindex(one)
    assert uow.stamp == 0
    return uow.stored


def test_index_rows_are_replaced_without_a_new_version(database: Database) -> None:
    [a, b] = commit(database, created("a", type_number=TASK, work=work("o1")), created("b"))
    history = all_of(database, OUTBOX, "seq", "pk", "version_id")
    assert replace(database, reindexed(a, "elm", work=work("o2" * 1_000))) == []
    assert all_of(database, INDEX_TOKEN, "pk", "code", "updated") == [
        (a.pk, "elm-0", a.updated),
        (b.pk, "maple-0", b.updated),
    ]
    assert all_of(database, WORK_ITEM, "pk", "owner", "updated") == [(a.pk, bounded("o2" * 1_000), a.updated)]
    assert current(database, "a", TASK) == a
    assert all_of(database, OUTBOX, "seq", "pk", "version_id") == history
    [after] = commit(database, created("c"))
    assert after.updated == a.updated + 1
    assert integrity.check(database) == []


def test_every_kind_of_index_row_is_replaced(database: Database) -> None:
    index = IndexRows(
        token=[(1, "s", "c")], reference=[(2, 3, "t", "b")], string=[(4, "f", "x" * 301)], date=[(5, 6, 7)],
        uri=[(8, "u\0")], quantity=[(9, "u", "l", "h")], composite=[(10, "c", "s", "t", "d", 11, "l", "h")],
        position=[(12, 0.25, -1.0, 1e-17)],
    )  # fmt: skip
    [a] = commit(database, created("a", index=index))
    written = {name: all_of(database, table, *table.columns.keys()) for name, table in INDEX_TABLES.items()}
    assert all(len(rows) == 1 for rows in written.values())
    replace(database, Reindexed(a.pk, PATIENT, a.updated, IndexRows()))
    assert [all_of(database, table, "pk") for table in INDEX_TABLES.values()] == [[]] * len(INDEX_TABLES)
    replace(database, Reindexed(a.pk, PATIENT, a.updated, index))
    assert {name: all_of(database, table, *table.columns.keys()) for name, table in INDEX_TABLES.items()} == written


def test_rows_of_a_version_that_is_not_current_are_left_alone(database: Database) -> None:
    [a, b, c] = commit(database, *(created(name) for name in "abc"))
    [newer, _] = commit(database, updated(a, "oak"), deleted(b))
    replace(database, *(reindexed(there, "elm") for there in (a, b, c)))
    assert all_of(database, INDEX_TOKEN, "pk", "code", "updated") == [
        (newer.pk, "oak-0", newer.updated),
        (c.pk, "elm-0", c.updated),
    ]
    assert integrity.check(database) == []


def test_a_change_of_the_same_unit_keeps_its_rows(database: Database) -> None:
    [a, b] = commit(database, created("a"), created("b"))
    with database.unit_of_work(tenant=TENANT, now=NOW) as uow:
        uow.reindex(reindexed(a, "elm"))
        uow.reindex(reindexed(b, "elm"))
        uow.change(updated(a, "oak"))
        uow.flush()
        assert all_of(uow, INDEX_TOKEN, "pk", "code") == [(a.pk, "oak-0"), (b.pk, "elm-0")]
    assert integrity.check(database) == []


def test_raising_keeps_the_index_rows_as_they_were(database: Database) -> None:
    [a] = commit(database, created("a"))
    with pytest.raises(KeyError), database.unit_of_work(tenant=TENANT, now=NOW) as uow:  # noqa: PT012
        uow.reindex(reindexed(a, "elm"))
        uow.flush()
        raise KeyError
    assert all_of(database, INDEX_TOKEN, "code") == [("maple-0",)]


def test_rows_of_another_tenant_are_left_alone(database: Database) -> None:
    [a] = commit(database, created("a"))
    with database.unit_of_work(tenant=TENANT + 1, now=NOW) as uow:
        uow.reindex(reindexed(a, "elm"))
    assert all_of(database, INDEX_TOKEN, "code") == [("maple-0",)]
