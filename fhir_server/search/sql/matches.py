"""Matches to SQL: one statement for a page, one for a total, the visibility predicate inside both.

https://hl7.org/fhir/R4/search.html#sort  In the order of the indexes a page needs no sort. In any other, the keys alone
are sorted, and the bodies fetched for one page.
"""

from typing import Any

from sqlalchemy import Label, Select, func, select, union
from sqlalchemy.sql.selectable import Subquery

from fhir_server.search.sql.conditions import number
from fhir_server.search.sql.order import Ordering, Window
from fhir_server.search.sql.walks import Walk, Way, walks_of
from fhir_server.store.reading import columns_of
from fhir_server.store.tables import RESOURCE


def page(way: Way, window: Window) -> Select[Any]:
    """The matches of a window: columns of a stored version, then the values of the sort keys."""
    ordering = Ordering(way.shape.order)
    walks = walks_of(way)
    if not ordering.is_by_time or not way.is_in_order or len(walks) > 1:
        return _ranked_page(way, walks, window)
    (walk,) = walks
    keys = _keys(way, walk, ordering)
    found: Select[Any] = select(*columns_of(walk.resource), *keys).select_from(walk.source).where(*walk.conditions)
    return ordering.cut(found, [key.element for key in keys], walk.by.c.pk, window)


def total(way: Way, limit: int | None) -> Select[Any]:
    """How many match; counting stops at a limit."""
    found: list[Select[Any]] = []
    for walk in walks_of(way):
        one = select(walk.by.c.pk).select_from(walk.source).where(*walk.conditions)
        found.append(one if limit is None else one.limit(number(limit)))
    return select(func.count()).select_from(_together(found, "matches"))


def _ranked_page(way: Way, walks: list[Walk], window: Window) -> Select[Any]:
    """Ranks the keys alone, and fetches the bodies of one page.

    In the order of the indexes each walk yields its own next page, and the next of them all are among these.
    """
    ordering = Ordering(way.shape.order)
    names = [f"key_{at}" for at in range(len(way.shape.order))]
    candidates = []
    for walk in walks:
        keys = _keys(way, walk, ordering)
        one: Select[Any] = select(walk.by.c.pk, *keys).select_from(walk.source).where(*walk.conditions)
        if ordering.is_by_time and way.is_in_order:
            one = ordering.cut(one, [key.element for key in keys], walk.by.c.pk, window)
        candidates.append(one)
    every = _together(candidates, "every")
    ranked = ordering.cut(select(every), [every.c[name] for name in names], every.c.pk, window).subquery("ranked")
    found, columns = RESOURCE.alias("found_one"), [ranked.c[name] for name in names]
    joined = select(*columns_of(found), *columns).join_from(ranked, found, found.c.pk == ranked.c.pk)
    return joined.order_by(*ordering.by(columns, ranked.c.pk))


def _together(found: list[Select[Any]], name: str) -> Subquery:
    """The rows of all selections, none twice."""
    if len(found) == 1:
        return found[0].subquery(name)
    return union(*(select(one.subquery(f"walk_{at}")) for at, one in enumerate(found))).subquery(name)


def _keys(way: Way, walk: Walk, ordering: Ordering) -> list[Label[Any]]:
    keys = ordering.values(walk.by, walk.resource)
    if ordering.is_by_time and not way.is_in_order:  # SQLite would rather walk the whole type in its order
        keys = [key + number(0) for key in keys]
    return [key.label(f"key_{at}") for at, key in enumerate(keys)]
