"""_include and _revinclude to SQL: what resources refer to, and what refers to them, one step.

https://hl7.org/fhir/R4/search.html#revinclude  The predicate is on the included row: what the caller may not see is
not included, as if it were not there. References to other servers are skipped. The parameter "pks" lists the resources
to start from, "seen" what the page has already.
"""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import CTE, ColumnElement, FromClause, Select, and_, bindparam, not_, or_, select

from fhir_server.search.kinds.kind import text
from fhir_server.search.plan import Inclusion
from fhir_server.search.sql.conditions import is_of, number
from fhir_server.search.sql.driving import drives
from fhir_server.search.sql.links import shown
from fhir_server.store.reading import columns_of
from fhir_server.store.statements import is_one_of
from fhir_server.store.tables import INDEX_REFERENCE, RESOURCE
from fhir_server.store.visibility import Predicate


def included(inclusions: Sequence[Inclusion], *, limit: int, visible: Predicate) -> Select[Any]:
    """What the resources refer to."""
    row, target = INDEX_REFERENCE.alias("row"), RESOURCE.alias("target")
    pointed_at = and_(
        target.c.tenant == bindparam("tenant"),
        target.c.type == row.c.target_type,
        target.c.resource_id == row.c.target_id,
    )
    wanted = (
        select(_key(target))
        .distinct()
        .select_from(drives(row, target, pointed_at))
        .where(is_one_of(row.c.pk, "pks"), _followed(inclusions, row), row.c.target_base == text(""))
        .where(_is_new(target, visible))
    )
    return _stored(wanted, limit)


def including(inclusions: Sequence[Inclusion], *, limit: int, visible: Predicate) -> Select[Any]:
    """What refers to the resources."""
    here, row, source = RESOURCE.alias("here"), INDEX_REFERENCE.alias("row"), RESOURCE.alias("source")
    points_here = and_(
        row.c.tenant == bindparam("tenant"),
        _followed(inclusions, row),
        row.c.target_id == here.c.resource_id,
        row.c.target_type == here.c.type,
        row.c.target_base == text(""),
    )
    wanted = (
        select(_key(source))
        .distinct()
        .select_from(drives(drives(here, row, points_here), source, source.c.pk == row.c.pk))
        .where(is_one_of(here.c.pk, "pks"), _is_new(source, visible))
    )
    return _stored(wanted, limit)


def _is_new(resource: FromClause, visible: Predicate) -> ColumnElement[bool]:
    return and_(not_(is_one_of(resource.c.pk, "seen")), shown(resource, visible))


def _followed(inclusions: Sequence[Inclusion], row: FromClause) -> ColumnElement[bool]:
    """The reference parameters to follow, each to a type or to any: one condition a type, of maybe hundreds."""
    anywhere = {i.number for i in inclusions if not i.target_type}
    by_type: dict[int, set[int]] = {}
    for inclusion in inclusions:
        if inclusion.number not in anywhere:
            by_type.setdefault(inclusion.target_type, set()).add(inclusion.number)
    wanted = [
        and_(row.c.target_type == number(target), is_of(row.c.param, sorted(numbers)))
        for target, numbers in sorted(by_type.items())
    ]
    if anywhere:
        wanted.append(is_of(row.c.param, sorted(anywhere)))
    return and_(is_of(row.c.param, sorted({i.number for i in inclusions})), or_(*wanted))


def _key(resource: FromClause) -> ColumnElement[int]:
    """The key as an expression: for a bare column SQLite would rather read all resources in its order."""
    return (resource.c.pk + number(0)).label("pk")


def _stored(wanted: Select[Any], limit: int) -> Select[Any]:
    """The versions behind keys that were chosen first, and their limit with them."""
    chosen: CTE = wanted.order_by("pk").limit(number(limit)).cte("chosen")
    resource = RESOURCE.alias("resource")
    return select(*columns_of(resource)).join_from(chosen, resource, resource.c.pk == chosen.c.pk)
