"""What the database says of its own index: the parameters that are indexed, and how far a reindexing has come.

The rule: whoever changes these tables is in the write order, so that what was read there still holds at the commit.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ClauseElement, ColumnElement, Table, and_, bindparam, delete, func, select, tuple_

from fhir_server.store.database import Rows, UnitOfWork, is_one_of
from fhir_server.store.tables import INDEXED_PARAMETER, REINDEX_PROGRESS, RESOURCE

INVALID = ""
"""The fingerprint of rows that fit no definitions."""
LAST_STAMP = 2**63 - 1


@dataclass(frozen=True, slots=True)
class Position:
    """How far a reindexing has come: the stamp and the pk of the last resource that was done.

    `until` is the stamp of the last one to do; what was written after it has its rows already.
    """

    goal: str
    until: int = LAST_STAMP
    updated: int = 0
    pk: int = 0


@dataclass(frozen=True, slots=True)
class Waiting:
    """A resource to be indexed anew."""

    pk: int
    updated: int
    body: str


def fingerprints(rows: Rows, *, tenant: int) -> dict[int, dict[int, str]]:
    """The stored fingerprints: by type number, by number of the parameter."""
    table = INDEXED_PARAMETER.c
    sql = rows.cached_sql(
        "index.fingerprints",
        lambda: select(table.type, table.number, table.fingerprint).where(table.tenant == bindparam("tenant")),
    )
    found: dict[int, dict[int, str]] = {}
    for type_number, number, fingerprint in rows.rows(sql, {"tenant": tenant}):
        found.setdefault(type_number, {})[number] = fingerprint
    return found


def mark(uow: UnitOfWork, type_number: int, wanted: Mapping[int, str], *, tenant: int) -> None:
    """All current resources of the type have their rows under these fingerprints, and under no others."""
    sql = uow.cached_sql("index.unmark", lambda: delete(INDEXED_PARAMETER).where(*_of_type(INDEXED_PARAMETER)))
    uow.rows(sql, {"tenant": tenant, "type_number": type_number})
    _insert(uow, type_number, wanted, tenant=tenant)


def invalidate(uow: UnitOfWork, type_number: int, numbers: Collection[int], *, tenant: int) -> None:
    """Some resources may soon lack rows of these parameters, or have others."""
    condition = (*_of_type(INDEXED_PARAMETER), is_one_of(INDEXED_PARAMETER.c.number, "numbers"))
    sql = uow.cached_sql("index.invalidate", lambda: delete(INDEXED_PARAMETER).where(*condition))
    uow.rows(sql, {"tenant": tenant, "type_number": type_number, "numbers": sorted(numbers)})
    _insert(uow, type_number, dict.fromkeys(numbers, INVALID), tenant=tenant)


def positions(rows: Rows, *, tenant: int) -> dict[int, Position]:
    """The reindexings that are under way or were broken off, by type number."""
    table = REINDEX_PROGRESS.c
    sql = rows.cached_sql(
        "index.positions",
        lambda: select(table.type, table.goal, table.until, table.last_updated, table.last_pk).where(
            table.tenant == bindparam("tenant")
        ),
    )
    return {found[0]: Position(*found[1:]) for found in rows.rows(sql, {"tenant": tenant})}


def move(uow: UnitOfWork, type_number: int, position: Position, *, tenant: int, now: int) -> None:
    """Save where the reindexing of a type is."""
    forget(uow, type_number, tenant=tenant)
    row = {
        "tenant": tenant, "type": type_number, "goal": position.goal, "until": position.until,
        "last_updated": position.updated,
        "last_pk": position.pk, "saved": now,
    }  # fmt: skip
    uow.insert(REINDEX_PROGRESS, row)


def forget(uow: UnitOfWork, type_number: int, *, tenant: int) -> None:
    """The reindexing of the type is done, or worth nothing any more."""
    sql = uow.cached_sql("index.forget", lambda: delete(REINDEX_PROGRESS).where(*_of_type(REINDEX_PROGRESS)))
    uow.rows(sql, {"tenant": tenant, "type_number": type_number})


def waiting(rows: Rows, type_number: int, position: Position, *, tenant: int, limit: int) -> list[Waiting]:
    """The next resources after the position, in the order of their stamps."""
    sql = rows.cached_sql("index.waiting", _waiting)
    given = {**_after(type_number, position, tenant), "most": limit}
    return [Waiting(*found) for found in rows.rows(sql, given)]


def count_waiting(rows: Rows, type_number: int, position: Position, *, tenant: int) -> int:
    """How many resources of the type are left to do."""
    sql = rows.cached_sql(
        "index.count_waiting", lambda: select(func.count()).select_from(RESOURCE).where(*_comes_after())
    )
    return int(rows.rows(sql, _after(type_number, position, tenant))[0][0])


def has_resources(rows: Rows, type_number: int, *, tenant: int) -> bool:
    """Whether the type has any resource, deleted ones included."""
    sql = rows.cached_sql("index.has_resources", lambda: select(RESOURCE.c.pk).where(*_of_type(RESOURCE)).limit(1))
    return bool(rows.rows(sql, {"tenant": tenant, "type_number": type_number}))


def last_stamp(rows: Rows, type_number: int, *, tenant: int) -> int:
    """The stamp of the newest version of the type, 0 without any."""
    sql = rows.cached_sql("index.last_stamp", lambda: select(func.max(RESOURCE.c.updated)).where(*_of_type(RESOURCE)))
    return rows.rows(sql, {"tenant": tenant, "type_number": type_number})[0][0] or 0


def _insert(uow: UnitOfWork, type_number: int, found: Mapping[int, str], *, tenant: int) -> None:
    for number, fingerprint in found.items():
        row = {"tenant": tenant, "type": type_number, "number": number, "fingerprint": fingerprint}
        uow.insert(INDEXED_PARAMETER, row)


def _of_type(table: Table) -> tuple[ColumnElement[bool], ...]:
    return table.c.tenant == bindparam("tenant"), table.c.type == bindparam("type_number")


def _waiting() -> ClauseElement:
    columns = RESOURCE.c.pk, RESOURCE.c.updated, RESOURCE.c.body
    found = select(*columns).where(*_comes_after())
    return found.order_by(RESOURCE.c.updated, RESOURCE.c.pk).limit(bindparam("most"))


def _comes_after() -> tuple[ColumnElement[bool], ...]:
    last = tuple_(bindparam("updated"), bindparam("pk"))
    after = and_(RESOURCE.c.updated >= bindparam("updated"), tuple_(RESOURCE.c.updated, RESOURCE.c.pk) > last)
    return (*_of_type(RESOURCE), after, RESOURCE.c.updated <= bindparam("until"), RESOURCE.c.deleted.is_(False))


def _after(type_number: int, position: Position, tenant: int) -> dict[str, Any]:
    return {
        "tenant": tenant, "type_number": type_number, "updated": position.updated, "pk": position.pk,
        "until": position.until,
    }  # fmt: skip
