"""Chains and `_has` to SQL: whether a resource is linked to another that satisfies a condition, and which are.

https://hl7.org/fhir/R4/search.html#chaining and #has  The one rule: every resource on the way is one that the caller
may see and that is not deleted, by the same predicate as the matches.
"""

from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, FromClause, Select, and_, bindparam, not_, or_, select, union

from fhir_server.search.kinds import KINDS
from fhir_server.search.kinds.kind import text
from fhir_server.search.plan import AnyShape, ConditionShape, LinkedShape, Shape
from fhir_server.search.sql.conditions import index_rows, is_of, leaf, number
from fhir_server.search.sql.driving import drives
from fhir_server.store.tables import INDEX_REFERENCE, INDEX_URI, RESOURCE
from fhir_server.store.visibility import Predicate


@dataclass(frozen=True, slots=True)
class Probing:
    """A resource that is looked at: the table that drives, with its `pk` and `updated`, and its row of `resource`."""

    by: FromClause
    resource: FromClause


def shown(resource: FromClause, visible: Predicate) -> ColumnElement[bool]:
    """Whether a resource exists for the caller."""
    return and_(not_(resource.c.deleted), visible.clause(resource))


def clause(shape: Shape, place: str, at: Probing, visible: Predicate) -> ColumnElement[bool]:
    """The condition on a resource, whatever it is."""
    if isinstance(shape, ConditionShape):
        return leaf(shape, place, at.by, at.resource)
    if isinstance(shape, AnyShape):
        return or_(*(clause(o, f"{place}_o{n}", at, visible) for n, o in enumerate(shape.options)))
    found = [_by_reference(shape, place, at, visible)]
    if shape.url_numbers:
        found.append(_by_url(shape, place, at, visible))
    return or_(*found)


def _by_reference(shape: LinkedShape, place: str, at: Probing, visible: Predicate) -> ColumnElement[bool]:
    row, other = INDEX_REFERENCE.alias(f"link_{place}"), RESOURCE.alias(f"other_{place}")
    tail = clause(shape.tail, f"{place}_t", Probing(row if shape.is_reverse else other, other), visible)
    if shape.is_reverse:
        joined = row.join(other, other.c.pk == row.c.pk)
        here = and_(
            row.c.tenant == bindparam("tenant"),
            row.c.target_id == at.resource.c.resource_id,
            row.c.target_type == at.resource.c.type,
        )
    else:
        joined = row.join(other, is_named(row, other))
        here = row.c.pk == at.by.c.pk
    probe = (
        select(number(1))
        .select_from(joined)
        .where(here, is_of(row.c.param, shape.numbers), row.c.target_base == text(""))
    )
    return probe.where(is_of(other.c.type, shape.type_numbers), tail, shown(other, visible)).exists()


def _by_url(shape: LinkedShape, place: str, at: Probing, visible: Predicate) -> ColumnElement[bool]:
    """A canonical names its target by the target's `url`."""
    row, other = INDEX_REFERENCE.alias(f"named_{place}"), RESOURCE.alias(f"owner_{place}")
    url = INDEX_URI.alias(f"url_{place}")
    names = and_(
        url.c.tenant == bindparam("tenant"), is_of(url.c.param, shape.url_numbers), url.c.value == row.c.target_id
    )
    tail = clause(shape.tail, f"{place}_t", Probing(other, other), visible)
    if shape.is_reverse:
        linked = url.join(row, and_(row.c.tenant == bindparam("tenant"), names, row.c.target_type == number(0)))
        joined = linked.join(other, other.c.pk == row.c.pk)
        here = url.c.pk == at.by.c.pk
    else:
        joined = row.join(url, names).join(other, other.c.pk == url.c.pk)
        here = and_(row.c.pk == at.by.c.pk, row.c.target_type == number(0))
    probe = select(number(1)).select_from(joined).where(here, is_of(row.c.param, shape.numbers))
    return probe.where(is_of(other.c.type, shape.type_numbers), tail, shown(other, visible)).exists()


def keys(shape: Shape, place: str, visible: Predicate) -> Select[Any]:
    """The `pk` of every resource for which the condition holds; only of its index rows and those it is linked to."""
    if isinstance(shape, ConditionShape):
        return select(index_rows(shape, place).subquery(f"rows_{place}").c.pk).distinct()
    if isinstance(shape, AnyShape):
        every = union(*(keys(o, f"{place}_o{n}", visible) for n, o in enumerate(shape.options)))
        return select(every.subquery(f"any_{place}").c.pk)
    return _linked_keys(shape, place, visible)


def _linked_keys(shape: LinkedShape, place: str, visible: Predicate) -> Select[Any]:
    if shape.is_reverse:
        names = referred_to(shape, place, visible).subquery(f"names_{place}")
        target = RESOURCE.alias(f"target_{place}")
        return select(target.c.pk).select_from(drives(names, target, is_named(names, target)))
    found = keys(shape.tail, f"{place}_t", visible).subquery(f"found_{place}")
    other, row = RESOURCE.alias(f"other_{place}"), INDEX_REFERENCE.alias(f"link_{place}")
    points = and_(
        row.c.tenant == bindparam("tenant"),
        is_of(row.c.param, shape.numbers),
        row.c.target_base == text(""),
        row.c.target_id == other.c.resource_id,
        row.c.target_type == other.c.type,
    )
    way = drives(drives(found, other, other.c.pk == found.c.pk), row, points)
    seen = (is_of(other.c.type, shape.type_numbers), shown(other, visible))
    return select(row.c.pk).distinct().select_from(way).where(*seen)


def referred_to(shape: LinkedShape, place: str, visible: Predicate) -> Select[Any]:
    """The types and ids that a reverse link leads to, each once."""
    found = keys(shape.tail, f"{place}_t", visible).subquery(f"found_{place}")
    other, row = RESOURCE.alias(f"other_{place}"), INDEX_REFERENCE.alias(f"link_{place}")
    way = drives(drives(found, other, other.c.pk == found.c.pk), row, row.c.pk == other.c.pk)
    about = (is_of(row.c.param, shape.numbers), row.c.target_base == text(""))
    seen = (is_of(other.c.type, shape.type_numbers), shown(other, visible))
    return select(row.c.target_type, row.c.target_id).distinct().select_from(way).where(*about, *seen)


def is_named(names: FromClause, resource: FromClause) -> ColumnElement[bool]:
    """Whether a resource has one of the types and ids."""
    return and_(
        resource.c.tenant == bindparam("tenant"),
        resource.c.type == names.c.target_type,
        resource.c.resource_id == names.c.target_id,
    )


def has_keys(shape: Shape) -> bool:
    """Whether `keys` can answer: not for what is true of an absence, nor for columns of the resource itself."""
    if isinstance(shape, AnyShape):
        return all(has_keys(option) for option in shape.options)
    if isinstance(shape, LinkedShape):
        return not shape.url_numbers and has_keys(shape.tail)
    return KINDS[shape.kind].table is not None and shape.sense == "match"
