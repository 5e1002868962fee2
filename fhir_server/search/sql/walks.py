"""Walks: the ways through the indexes on which matches are found, newest or oldest first where the index is so ordered.

What drives is decided by `planner` and written in a `Drive`. The other conditions are probes (EXISTS), or comparisons
with the columns of a work row. Of several driving values each has a walk of its own, so that a page reads little more
than it returns. The one rule: the predicate is among the conditions of every walk.
"""

from dataclasses import dataclass
from itertools import product

from sqlalchemy import ColumnElement, FromClause, Table, bindparam, not_, select, tuple_

from fhir_server.search.kinds import KINDS
from fhir_server.search.plan import ConditionShape, Drive, LinkedShape, SearchShape
from fhir_server.search.sql import conditions
from fhir_server.search.sql.conditions import is_of, number
from fhir_server.search.sql.driving import drives
from fhir_server.search.sql.links import Probing, clause, is_named, keys, referred_to, shown
from fhir_server.store.tables import RESOURCE, WORK_ITEM
from fhir_server.store.visibility import Predicate

_Clauses = list[ColumnElement[bool]]
_ROW_COLUMNS = frozenset({"tenant", "pk", "param", "updated"})


@dataclass(frozen=True, slots=True)
class Walk:
    """Where matches come from: `by` is the table that drives, with `updated` and `pk`; `resource` has the rest."""

    source: FromClause
    by: FromClause
    resource: FromClause
    conditions: tuple[ColumnElement[bool], ...]


@dataclass(frozen=True, slots=True)
class Way:
    """What all statements of one search have in common: its shape, what drives, the predicate."""

    shape: SearchShape
    drive: Drive
    visible: Predicate

    @property
    def is_in_order(self) -> bool:
        """Whether each walk yields its matches in the order of their changes."""
        return self.drive.how in {"time", "value", "work"}


def walks_of(way: Way) -> list[Walk]:
    """One walk, or one for each value of what drives."""
    if way.drive.how == "value":
        return _by_value(way)
    if way.drive.how == "keys":
        return [_by_keys(way)]
    if way.drive.how == "work":
        return _by_work(way)
    resource = RESOURCE.alias("resource")
    return [_walk(way, resource, Probing(resource, resource), [_is_of_types(way, resource)], [])]


def _walk(way: Way, source: FromClause, at: Probing, first: _Clauses, last: _Clauses) -> Walk:
    """A walk with its probes between the other conditions: SQLite tries them in the order in which they are written."""
    probes = [
        clause(shape, f"c{place}", at, way.visible)
        for place, shape in enumerate(way.shape.conditions)
        if not (way.drive.how == "work" and _is_on_work(shape)) and place != way.drive.place
    ]
    around = (at.by.c.tenant == bindparam("tenant"), *first, *probes, *last, shown(at.resource, way.visible))
    return Walk(source, at.by, at.resource, around)


def _is_of_types(way: Way, row: FromClause) -> ColumnElement[bool]:
    return is_of(row.c.type, way.shape.type_numbers)


def _driving(way: Way) -> ConditionShape:
    shape = way.shape.conditions[way.drive.place]
    assert isinstance(shape, ConditionShape)
    return shape


def _by_value(way: Way) -> list[Walk]:
    shape, place = _driving(way), f"c{way.drive.place}"
    walks = []
    for param, (at, (name, count)) in product(shape.numbers, enumerate(shape.counts)):
        form = conditions.form_of(shape.kind, name)
        for one in range(count):
            row, resource = _table(shape).alias("driver"), RESOURCE.alias("resource")
            once = [] if form.is_unique else [_is_first(shape, param, place, (at, one), row)]
            first = [row.c.param == number(param), conditions.one_match(shape, place, (at, one), row)]
            source = row.join(resource, resource.c.pk == row.c.pk)
            walks.append(_walk(way, source, Probing(row, resource), first, once))
    return walks


def _by_keys(way: Way) -> Walk:
    shape, place, resource = way.shape.conditions[way.drive.place], f"c{way.drive.place}", RESOURCE.alias("resource")
    if isinstance(shape, LinkedShape) and shape.is_reverse:
        names = referred_to(shape, place, way.visible).subquery("names")
        source = drives(names, resource, is_named(names, resource))
    else:
        found = keys(shape, place, way.visible).subquery("found")
        source = drives(found, resource, resource.c.pk == found.c.pk)
    return _walk(way, source, Probing(resource, resource), [_is_of_types(way, resource)], [])


def _by_work(way: Way) -> list[Walk]:
    """The values of the driving columns pair by pair; what else is said of work rows is read from the same row."""
    shapes = way.shape.conditions
    driving = [(place, shapes[place]) for place in way.drive.places]
    walks = []
    for which in product(*(range(_work(shape)[1]) for _, shape in driving)):
        work, resource = WORK_ITEM.alias("work"), RESOURCE.alias("resource")
        first = [_is_of_types(way, work)]
        first += [
            work.c[_work(shape)[0]] == conditions.work_value(f"c{place}", at)
            for (place, shape), at in zip(driving, which, strict=True)
        ]
        first += [
            conditions.on_work(shape, f"c{place}", work)
            for place, shape in enumerate(shapes)
            if isinstance(shape, ConditionShape) and shape.work is not None and place not in way.drive.places
        ]
        source = work.join(resource, resource.c.pk == work.c.pk)
        walks.append(_walk(way, source, Probing(work, resource), first, []))
    return walks


def _is_on_work(shape: object) -> bool:
    """Whether a condition can be said of a work row."""
    return isinstance(shape, ConditionShape) and shape.work is not None


def _work(shape: object) -> tuple[str, int, bool]:
    assert isinstance(shape, ConditionShape)
    assert shape.work is not None
    return shape.work


def _is_first(
    shape: ConditionShape, param: int, place: str, which: tuple[int, int], row: FromClause
) -> ColumnElement[bool]:
    """Whether a row stands for its resource: it may have the same code of two systems, the same id of two types."""
    table, form = _table(shape), conditions.form_of(shape.kind, shape.counts[which[0]][0])
    other = table.alias("other")
    differing = [c.name for c in table.columns if c.name not in {*_ROW_COLUMNS, *form.columns, *form.fixed}]
    earlier = tuple_(*(other.c[name] for name in differing)) < tuple_(*(row.c[name] for name in differing))
    same = (other.c.pk == row.c.pk, other.c.param == number(param), conditions.one_match(shape, place, which, other))
    return not_(select(number(1)).select_from(other).where(*same, earlier).exists())


def _table(shape: ConditionShape) -> Table:
    table = KINDS[shape.kind].table
    assert table is not None
    return table
