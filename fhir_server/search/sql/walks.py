"""Walks: the ways through the indexes on which matches are found, newest or oldest first.

The rows of the most selective equality drive where there is one: their index is ordered by (updated, pk) behind the
value, so that a page reads little more than it returns. Of several values each has a walk of its own. The other
conditions are probes (EXISTS): the order is never forced upon the database's planner. The one rule: the predicate is
among the conditions of every walk.
"""

from dataclasses import dataclass

from sqlalchemy import ColumnElement, FromClause, Table, bindparam, not_, select, tuple_

from fhir_server.search.kinds import KINDS
from fhir_server.search.plan import ConditionShape, SearchShape
from fhir_server.search.sql import conditions
from fhir_server.search.sql.conditions import number
from fhir_server.store.tables import RESOURCE
from fhir_server.store.visibility import Predicate

MAX_PROBES = 64
"""How many conditions may stand in all walks of a search together."""
_Clauses = list[ColumnElement[bool]]
_ROW_COLUMNS = frozenset({"tenant", "pk", "param", "updated"})


@dataclass(frozen=True, slots=True)
class Walk:
    """Where matches come from: `by` is the table that drives, with `updated` and `pk`; `resource` has the rest."""

    source: FromClause
    by: FromClause
    resource: FromClause
    conditions: tuple[ColumnElement[bool], ...]


def walks_of(shape: SearchShape, visible: Predicate) -> list[Walk]:
    """One walk, or one for each value of the driving condition."""
    driver = _driver(shape.conditions)
    if driver is None:
        resource = RESOURCE.alias("resource")
        around = [resource.c.type == number(shape.type_number)], _shown(resource, visible)
        return [_walk(shape, None, resource, resource, around)]
    driving = shape.conditions[driver]
    walks = []
    for at, (name, count) in enumerate(driving.counts):
        form = conditions.form_of(driving.kind, name)
        for one in range(count):
            row, resource = _table(driving).alias("driver"), RESOURCE.alias("resource")
            once = [] if form.is_unique else [_is_first(driving, driver, (at, one), row)]
            around = _selected(driving, driver, (at, one), row), [*once, *_shown(resource, visible)]
            walks.append(_walk(shape, driver, row, resource, around))
    return walks


def _walk(
    shape: SearchShape, driver: int | None, by: FromClause, resource: FromClause, around: tuple[_Clauses, _Clauses]
) -> Walk:
    """A walk with its probes between the other conditions: SQLite tries them in the order in which they are written."""
    first, last = around
    probes = [
        conditions.clause(condition, place, by, resource)
        for place, condition in enumerate(shape.conditions)
        if place != driver
    ]
    source = resource if driver is None else by.join(resource, resource.c.pk == by.c.pk)
    return Walk(source, by, resource, (by.c.tenant == bindparam("tenant"), *first, *probes, *last))


def _shown(resource: FromClause, visible: Predicate) -> _Clauses:
    return [not_(resource.c.deleted), visible.clause(resource)]


def _driver(shapes: tuple[ConditionShape, ...]) -> int | None:
    """The place of the condition to walk by: an equality with few values, of the kind that selects the fewest."""
    if looks_up_ids(shapes):
        return None
    limit = min(conditions.FEW, max(1, MAX_PROBES // len(shapes) if shapes else 1))
    able = [
        (KINDS[shape.kind].rank, _values(shape), place)
        for place, shape in enumerate(shapes)
        if _can_drive(shape) and _values(shape) <= limit
    ]
    return min(able)[-1] if able else None


def looks_up_ids(shapes: tuple[ConditionShape, ...]) -> bool:
    """Whether the search names its resources: nothing is more selective."""
    return any(shape.kind == "id" and shape.sense == "match" for shape in shapes)


def _can_drive(shape: ConditionShape) -> bool:
    """Whether an index is ordered by time behind every value of the condition."""
    kind = KINDS[shape.kind]
    if kind.table is None or shape.sense != "match":
        return False
    return all(kind.sort_column in conditions.form_of(shape.kind, name).columns for name, _ in shape.counts)


def _values(shape: ConditionShape) -> int:
    return sum(count for _, count in shape.counts)


def _selected(shape: ConditionShape, place: int, which: tuple[int, int], row: FromClause) -> _Clauses:
    return [row.c.param == number(shape.number), conditions.one_match(shape, place, which, row)]


def _is_first(shape: ConditionShape, place: int, which: tuple[int, int], row: FromClause) -> ColumnElement[bool]:
    """Whether a row stands for its resource: it may have the same code of two systems, the same id of two types."""
    table, form = _table(shape), conditions.form_of(shape.kind, shape.counts[which[0]][0])
    other = table.alias("other")
    differing = [c.name for c in table.columns if c.name not in {*_ROW_COLUMNS, *form.columns, *form.fixed}]
    earlier = tuple_(*(other.c[name] for name in differing)) < tuple_(*(row.c[name] for name in differing))
    same = (other.c.pk == row.c.pk, *_selected(shape, place, which, other))
    return not_(select(number(1)).select_from(other).where(*same, earlier).exists())


def _table(shape: ConditionShape) -> Table:
    table = KINDS[shape.kind].table
    assert table is not None
    return table
