"""The order of matches, and the place in it after which a page begins.

https://hl7.org/fhir/R4/search.html#sort  Of several values the one that comes first in the key's direction counts;
resources without a value come last in both directions; ties are broken by the key of the row, in the direction of the
last sort key. A place is the values of all keys and the row's key: nothing is skipped or shown twice while rows stay.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import (
    BindParameter,
    ColumnElement,
    FromClause,
    Select,
    and_,
    bindparam,
    false,
    func,
    or_,
    select,
    tuple_,
)

from fhir_server.search.kinds import KINDS
from fhir_server.search.kinds.kind import text
from fhir_server.search.plan import OrderKey
from fhir_server.search.sql.conditions import is_of, number, numbers_of

Place = Sequence[str | int | None]
Nulls = tuple[bool, ...]
"""Which values of a place are absent: all of a place that the SQL depends on."""


@dataclass(frozen=True, slots=True)
class Window:
    """The part of an order that a page shows: what comes after a place (None: the beginning), up to a limit."""

    after: Nulls | None
    limit: int


@dataclass(frozen=True, slots=True)
class Ordering:
    """The keys of an order."""

    keys: tuple[OrderKey, ...]

    @property
    def is_by_time(self) -> bool:
        """Whether the order is that of the indexes."""
        return len(self.keys) == 1 and self.keys[0].kind == "updated"

    @property
    def is_descending(self) -> bool:
        """The direction in which ties are broken."""
        return self.keys[-1].descending

    def values(self, by: FromClause, resource: FromClause) -> list[ColumnElement[Any]]:
        """The value of each key for a row of the table that drives, and its resource."""
        return [_value(key, by, resource) for key in self.keys]

    def by(self, values: Sequence[ColumnElement[Any]], pk: ColumnElement[int]) -> list[ColumnElement[Any]]:
        """The ORDER BY."""
        directed = [
            value.desc() if key.descending else value.asc() for key, value in zip(self.keys, values, strict=True)
        ]
        placed = [d.nulls_last() if key.numbers else d for key, d in zip(self.keys, directed, strict=True)]
        return [*placed, pk.desc() if self.is_descending else pk.asc()]

    def cut(
        self, found: Select[Any], values: Sequence[ColumnElement[Any]], pk: ColumnElement[int], window: Window
    ) -> Select[Any]:
        """The rows of a window, in order."""
        if window.after is not None:
            found = found.where(self._after(values, pk, window.after))
        return found.order_by(*self.by(values, pk)).limit(number(window.limit))

    def _after(self, values: Sequence[ColumnElement[Any]], pk: ColumnElement[int], nulls: Nulls) -> ColumnElement[bool]:
        """Whether a row comes after the place in the parameters "after_0", "after_1" ...; the last is its key."""
        if self.is_by_time:
            return self._after_in_time(values[0], pk)
        columns, directions = [*values, pk], [*(key.descending for key in self.keys), self.is_descending]
        alternatives: list[ColumnElement[bool]] = []
        equal_so_far: list[ColumnElement[bool]] = []
        for at, (column, descending) in enumerate(zip(columns, directions, strict=True)):
            is_null = at < len(nulls) and nulls[at]
            place: BindParameter[Any] = bindparam(f"after_{at}")
            nullable = at < len(self.keys) and bool(self.keys[at].numbers)
            beyond = false() if is_null else _beyond(column, place, descending=descending, nullable=nullable)
            alternatives.append(and_(*equal_so_far, beyond))
            equal_so_far.append(column.is_(None) if is_null else column == place)
        return or_(*alternatives)

    def _after_in_time(self, updated: ColumnElement[int], pk: ColumnElement[int]) -> ColumnElement[bool]:
        """Both a bound of the index and the exact place."""
        row, place = tuple_(updated, pk), tuple_(bindparam("after_0"), bindparam("after_1"))
        if self.is_descending:
            return and_(updated <= bindparam("after_0"), row < place)
        return and_(updated >= bindparam("after_0"), row > place)


def _value(key: OrderKey, by: FromClause, resource: FromClause) -> ColumnElement[Any]:
    if key.kind == "updated":
        return by.c.updated
    kind = KINDS[key.kind]
    if kind.table is None:
        return resource.c[kind.sort_column]
    row = kind.table.alias()
    column = row.c[kind.sort_column]
    first = func.max(column) if key.descending else func.min(column)
    found = (
        select(first).select_from(row).where(row.c.pk == by.c.pk, is_of(row.c.param, numbers_of(key.kind, key.numbers)))
    )
    found = found.where(*(row.c[name] == text(value) for name, value in kind.sort_fixed.items()))
    if kind.sort_below is not None:
        found = found.where(column < number(kind.sort_below))
    if kind.has_empty_rows:
        found = found.where(column != "")
    return found.scalar_subquery()


def _beyond(
    column: ColumnElement[Any], place: ColumnElement[Any], *, descending: bool, nullable: bool
) -> ColumnElement[bool]:
    further = column < place if descending else column > place
    return or_(further, column.is_(None)) if nullable else further


def operands(place: Place | None) -> dict[str, Any]:
    """The values of the parameters of a place; absent ones are written into the SQL instead."""
    return {f"after_{at}": value for at, value in enumerate(place or ()) if value is not None}
