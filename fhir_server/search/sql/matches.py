"""Matches to SQL: one statement for a page, one for a total, the visibility predicate inside both.

https://hl7.org/fhir/R4/search.html  The rows of the most selective equality drive the walk where there is one: their
index is ordered by (updated, pk) behind the value, so that a page of the newest needs no sort and reads little more
than it returns. The other conditions are probes (EXISTS): the order is never forced upon the database's planner.
"""

from dataclasses import dataclass
from typing import Any

from sqlalchemy import (
    ColumnElement,
    FromClause,
    Label,
    Select,
    Table,
    bindparam,
    func,
    not_,
    select,
    tuple_,
)

from fhir_server.search.kinds import KINDS
from fhir_server.search.plan import ConditionShape, SearchShape
from fhir_server.search.sql import conditions
from fhir_server.search.sql.conditions import number
from fhir_server.search.sql.order import Nulls, Ordering
from fhir_server.store.reading import columns_of
from fhir_server.store.tables import RESOURCE
from fhir_server.store.visibility import Predicate

_Clauses = list[ColumnElement[bool]]
_ROW_COLUMNS = frozenset({"tenant", "pk", "param", "updated"})


@dataclass(frozen=True, slots=True)
class _Walk:
    """Where matches come from: `by` is the table that drives, with `updated` and `pk`; `resource` has the rest."""

    source: FromClause
    by: FromClause
    resource: FromClause
    conditions: tuple[ColumnElement[bool], ...]

    def values(self, ordering: Ordering) -> list[ColumnElement[Any]]:
        """The sort keys of a row."""
        return ordering.values(self.by, self.resource)


def page(shape: SearchShape, *, after: Nulls | None, limit: int, visible: Predicate) -> Select[Any]:
    """The next matches: columns of a stored version, then the values of the sort keys."""
    ordering = Ordering(shape.order)
    walk = _walk(shape, visible)
    if not ordering.is_by_time:
        return _sorted_page(walk, ordering, after, limit)
    keys = walk.values(ordering)
    if _looks_up_ids(shape.conditions):  # SQLite would rather walk the whole type in its order
        keys = [key + number(0) for key in keys]
    found: Select[Any] = (
        select(*columns_of(walk.resource), *_labelled(keys)).select_from(walk.source).where(*walk.conditions)
    )
    if after is not None:
        found = found.where(ordering.after(keys, walk.by.c.pk, after))
    return found.order_by(*ordering.by(keys, walk.by.c.pk)).limit(number(limit))


def total(shape: SearchShape, *, limit: int | None, visible: Predicate) -> Select[Any]:
    """How many match; counting stops at a limit."""
    walk = _walk(shape, visible)
    found: Select[Any] = select(number(1).label("one")).select_from(walk.source).where(*walk.conditions)
    counted = found if limit is None else found.limit(number(limit))
    return select(func.count()).select_from(counted.subquery("matches"))


def _sorted_page(walk: _Walk, ordering: Ordering, after: Nulls | None, limit: int) -> Select[Any]:
    """Sorts the keys alone, and fetches the bodies of one page."""
    keys = _labelled(walk.values(ordering))
    every = select(walk.by.c.pk, *keys).select_from(walk.source).where(*walk.conditions).subquery("every")
    columns = [every.c[key.name] for key in keys]
    chosen = select(every).order_by(*ordering.by(columns, every.c.pk)).limit(number(limit))
    if after is not None:
        chosen = chosen.where(ordering.after(columns, every.c.pk, after))
    ranked = chosen.subquery("ranked")
    columns = [ranked.c[key.name] for key in keys]
    found = RESOURCE.alias("found")
    joined = select(*columns_of(found), *columns).join_from(ranked, found, found.c.pk == ranked.c.pk)
    return joined.order_by(*ordering.by(columns, ranked.c.pk))


def _labelled(keys: list[ColumnElement[Any]]) -> list[Label[Any]]:
    return [key.label(f"key_{at}") for at, key in enumerate(keys)]


def _walk(shape: SearchShape, visible: Predicate) -> _Walk:
    resource = RESOURCE.alias("resource")
    driver = _driver(shape.conditions)
    if driver is None:
        source: FromClause = resource
        by: FromClause = resource
        start, once = [resource.c.type == number(shape.type_number)], list[ColumnElement[bool]]()
    else:
        by = _table(shape.conditions[driver]).alias("driver")
        source = by.join(resource, resource.c.pk == by.c.pk)
        start, once = _driving(shape.conditions[driver], driver, by)
    probes = [
        conditions.clause(condition, place, by, resource)
        for place, condition in enumerate(shape.conditions)
        if place != driver
    ]
    shown = [not_(resource.c.deleted), visible.clause(resource)]
    return _Walk(source, by, resource, (by.c.tenant == bindparam("tenant"), *start, *probes, *once, *shown))


def _driver(shapes: tuple[ConditionShape, ...]) -> int | None:
    """The place of the condition to walk by: an equality with one value, of the kind that selects the fewest."""
    if _looks_up_ids(shapes):
        return None
    able = [place for place, shape in enumerate(shapes) if _can_drive(shape)]
    return min(able, key=lambda place: KINDS[shapes[place].kind].rank) if able else None


def _looks_up_ids(shapes: tuple[ConditionShape, ...]) -> bool:
    """Whether the search names its resources: nothing is more selective."""
    return any(shape.kind == "id" and shape.sense == "match" for shape in shapes)


def _can_drive(shape: ConditionShape) -> bool:
    if shape.sense != "match" or len(shape.counts) != 1 or shape.counts[0][1] != 1:
        return False
    kind = KINDS[shape.kind]
    return kind.table is not None and kind.sort_column in conditions.form_of(shape.kind, shape.counts[0][0]).columns


def _driving(shape: ConditionShape, place: int, row: FromClause) -> tuple[_Clauses, _Clauses]:
    """What selects the driving rows, and what keeps one of them for each resource."""
    selected = [row.c.param == number(shape.number), conditions.matches(shape, place, row)]
    form = conditions.form_of(shape.kind, shape.counts[0][0])
    if form.is_unique:
        return selected, []
    # The same code of two systems, the same id of two types: the first row stands for the resource.
    table = _table(shape)
    other = table.alias("other")
    differing = [c.name for c in table.columns if c.name not in {*_ROW_COLUMNS, *form.columns, *form.fixed}]
    earlier = tuple_(*(other.c[name] for name in differing)) < tuple_(*(row.c[name] for name in differing))
    same = (other.c.pk == row.c.pk, other.c.param == number(shape.number), conditions.matches(shape, place, other))
    return selected, [not_(select(number(1)).select_from(other).where(*same, earlier).exists())]


def _table(shape: ConditionShape) -> Table:
    table = KINDS[shape.kind].table
    assert table is not None
    return table
