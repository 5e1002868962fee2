"""Reading versions: the current one, one of them, and history, each under a visibility predicate.

https://hl7.org/fhir/R4/http.html#read, #vread and #history  A superseded version is visible when its resource is: the
predicate is about the row of `resource`, which every version is joined to.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import (
    BindParameter,
    ColumnElement,
    CompoundSelect,
    FromClause,
    Select,
    and_,
    bindparam,
    func,
    select,
    tuple_,
    union_all,
)

from fhir_server.fhir.dates import DateRange
from fhir_server.store.statements import Rows, is_one_of
from fhir_server.store.stored import Stored
from fhir_server.store.tables import RESOURCE, RESOURCE_HISTORY
from fhir_server.store.visibility import Predicate

COLUMNS = ("pk", "type", "resource_id", "version_id", "updated", "deleted", "method", "body")
"""The columns that `stored` takes, in its order."""

_LAST_VERSION = 2**31 - 1
_Shape = frozenset[str]


def stored(row: tuple[Any, ...]) -> Stored:
    """The version in a row of `COLUMNS`."""
    pk, type_number, resource_id, version_id, updated, deleted, method, body = row
    return Stored(pk, type_number, resource_id, version_id, updated, bool(deleted), method, body)


def columns_of(source: FromClause) -> list[ColumnElement[Any]]:
    """What to select from `resource` or its history, so that `stored` can take it."""
    return [source.c[name] for name in COLUMNS]


def read_current(rows: Rows, type_number: int, resource_id: str, *, tenant: int, visible: Predicate) -> Stored | None:
    """The current version, which may be a tombstone; None when there is none to be seen."""
    sql = rows.cached_sql(("read_current", visible.key), lambda: _current(visible))
    parameters = {**visible.parameters, "tenant": tenant, "type_number": type_number, "resource_id": resource_id}
    found = rows.rows(sql, parameters)
    return stored(found[0]) if found else None


def read_many(
    rows: Rows, type_number: int, resource_ids: Sequence[str], *, tenant: int, visible: Predicate
) -> dict[str, Stored]:
    """The current versions of many resources of a type, tombstones included, by id; those not to be seen are absent."""
    sql = rows.cached_sql(("read_many", visible.key), lambda: _many(visible))
    asked = {**visible.parameters, "tenant": tenant, "type_number": type_number, "resource_ids": list(resource_ids)}
    found = (stored(row) for row in rows.rows(sql, asked))
    return {version.resource_id: version for version in found}


def read_version(
    rows: Rows, type_number: int, resource_id: str, version_id: int, *, tenant: int, visible: Predicate
) -> Stored | None:
    """One version, current or superseded; None when there is none to be seen."""
    sql = rows.cached_sql(("read_version", visible.key), lambda: _version(visible))
    parameters = {
        **visible.parameters,
        "tenant": tenant,
        "type_number": type_number,
        "resource_id": resource_id,
        "version_id": version_id,
    }
    found = rows.rows(sql, parameters) if version_id <= _LAST_VERSION else []
    return stored(found[0]) if found else None


def read_history(  # noqa: PLR0913 (what the interaction's parameters say, and who asks)
    rows: Rows,
    *,
    tenant: int,
    type_number: int | None,
    resource_id: str | None,
    since: int | None,
    at: DateRange | None,
    before: tuple[int, int, int] | None,
    count: int,
    visible: Predicate,
) -> list[Stored]:
    """Versions of a resource, a type or everything, newest first.

    `before` is (updated, pk, version_id) of the last version of the page before; `since` is in epoch microseconds.
    `at` keeps the versions that were current at some time in the range.
    """
    parameters = _history_parameters(tenant, type_number, resource_id, since, at)
    if before is not None:
        parameters |= {"before_updated": before[0], "before_pk": before[1], "before_version": before[2]}
    shape = frozenset(parameters)
    sql = rows.cached_sql(("read_history", shape, visible.key), lambda: _page(shape, visible))
    return [stored(row) for row in rows.rows(sql, {**visible.parameters, **parameters, "count": count})]


def count_history(
    rows: Rows,
    *,
    tenant: int,
    type_number: int | None,
    resource_id: str | None,
    since: int | None = None,
    at: DateRange | None = None,
    visible: Predicate,
) -> int:
    """How many versions `read_history` would return without `before` and `count`."""
    parameters = _history_parameters(tenant, type_number, resource_id, since, at)
    shape = frozenset(parameters)
    sql = rows.cached_sql(("count_history", shape, visible.key), lambda: _count(shape, visible))
    total: int = rows.rows(sql, {**visible.parameters, **parameters})[0][0]
    return total


def _history_parameters(
    tenant: int, type_number: int | None, resource_id: str | None, since: int | None, at: DateRange | None
) -> dict[str, Any]:
    given: Mapping[str, Any] = {
        "tenant": tenant,
        "type_number": type_number,
        "resource_id": resource_id,
        "since": since,
        "at_low": None if at is None else at[0],
        "at_high": None if at is None else at[1],
    }
    return {name: value for name, value in given.items() if value is not None}


def _identified(resource: FromClause, visible: Predicate) -> ColumnElement[bool]:
    return and_(
        resource.c.tenant == bindparam("tenant"),
        resource.c.type == bindparam("type_number"),
        resource.c.resource_id == bindparam("resource_id"),
        visible.clause(resource),
    )


def _superseding(resource: FromClause, history: FromClause) -> ColumnElement[bool]:
    return and_(history.c.tenant == resource.c.tenant, history.c.pk == resource.c.pk)


def _current(visible: Predicate) -> Select[Any]:
    resource = RESOURCE.alias("resource")
    return select(*columns_of(resource)).where(_identified(resource, visible))


def _many(visible: Predicate) -> Select[Any]:
    resource = RESOURCE.alias("resource")
    return select(*columns_of(resource)).where(
        resource.c.tenant == bindparam("tenant"),
        resource.c.type == bindparam("type_number"),
        is_one_of(resource.c.resource_id, "resource_ids"),
        visible.clause(resource),
    )


def _version(visible: Predicate) -> CompoundSelect[Any]:
    wanted: BindParameter[int] = bindparam("version_id")
    resource, owner = RESOURCE.alias("resource"), RESOURCE.alias("owner")
    history = RESOURCE_HISTORY.alias("history")
    current = select(*columns_of(resource)).where(_identified(resource, visible), resource.c.version_id == wanted)
    superseded = (
        select(*columns_of(history))
        .join_from(owner, history, _superseding(owner, history))
        .where(_identified(owner, visible), history.c.version_id == wanted)
    )
    return union_all(current, superseded)


def _page(shape: _Shape, visible: Predicate) -> Select[Any]:
    # Each branch is cut to a page of its own, so that each can walk its index backwards and stop.
    pages = [_newest(branch).subquery() for branch in _branches(shape, visible)]
    versions = union_all(*(select(page) for page in pages)).subquery("versions")
    return _newest(select(*columns_of(versions)))


def _newest(versions: Select[Any]) -> Select[Any]:
    order = [versions.selected_columns[name].desc() for name in ("updated", "pk", "version_id")]
    return versions.order_by(*order).limit(bindparam("count"))


def _count(shape: _Shape, visible: Predicate) -> Select[Any]:
    counts = [select(func.count()).select_from(b.subquery()).scalar_subquery() for b in _branches(shape, visible)]
    return select(counts[0] + counts[1])


def _branches(shape: _Shape, visible: Predicate) -> tuple[Select[Any], Select[Any]]:
    resource, owner = RESOURCE.alias("resource"), RESOURCE.alias("owner")
    history = RESOURCE_HISTORY.alias("history")
    current = select(*columns_of(resource)).where(*_conditions(shape, resource), visible.clause(resource))
    superseded = (
        select(*columns_of(history))
        .join_from(history, owner, _superseding(owner, history))
        .where(*_conditions(shape, history), visible.clause(owner))
    )
    if "resource_id" in shape:  # the id leads to the row of `resource`, and from there to its versions
        superseded = superseded.where(*_conditions(shape & {"tenant", "type_number", "resource_id"}, owner))
    if "at_low" in shape:
        superseded = superseded.where(_end(history, owner) > bindparam("at_low"))
    return current, superseded


def _conditions(shape: _Shape, versions: FromClause) -> list[ColumnElement[bool]]:
    place = tuple_(versions.c.updated, versions.c.pk, versions.c.version_id)
    last = tuple_(bindparam("before_updated"), bindparam("before_pk"), bindparam("before_version"))
    conditions = {
        "tenant": versions.c.tenant == bindparam("tenant"),
        "type_number": versions.c.type == bindparam("type_number"),
        "resource_id": versions.c.resource_id == bindparam("resource_id"),
        "since": versions.c.updated >= bindparam("since"),
        "at_high": versions.c.updated < bindparam("at_high"),
        "before_updated": and_(versions.c.updated <= bindparam("before_updated"), place < last),
    }
    return [condition for name, condition in conditions.items() if name in shape]


def _end(history: FromClause, owner: FromClause) -> ColumnElement[int]:
    """When a superseded version ceased to be current: the time of the next one."""
    following = RESOURCE_HISTORY.alias("following")
    next_updated = (
        select(following.c.updated)
        .where(_superseding(owner, following), following.c.version_id == history.c.version_id + 1)
        .scalar_subquery()
    )
    return func.coalesce(next_updated, owner.c.updated)
