"""What the server holds and the caller may see: value sets, code systems, and which resources are parts of which.

https://hl7.org/fhir/R4/search.html#modifiers (`:in`, `:below` ...)  Everything is read in the state of the database in
which the search runs, under its predicate.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Select, and_, bindparam, select

from fhir_server import terminology
from fhir_server.definitions import Definitions
from fhir_server.errors import TooCostly
from fhir_server.search.kinds.kind import text
from fhir_server.search.sql.conditions import number
from fhir_server.search.sql.driving import drives
from fhir_server.search.sql.links import shown
from fhir_server.store.reading import read_current
from fhir_server.store.statements import Rows
from fhir_server.store.tables import INDEX_REFERENCE, RESOURCE
from fhir_server.store.visibility import Predicate
from fhir_server.terminology import Expansion

MOST_PARTS = 2_000


@dataclass(frozen=True, slots=True)
class HeldResources:
    """See `understanding.Held`."""

    rows: Rows
    definitions: Definitions
    base: str
    tenant: int
    visible: Predicate

    def is_there(self, type_name: str, resource_id: str) -> bool:
        """See `Held.is_there`."""
        number = self.definitions.resource_types[type_name]
        found = read_current(self.rows, number, resource_id, tenant=self.tenant, visible=self.visible)
        return found is not None and not found.deleted

    def value_set(self, reference: str) -> Expansion:
        """See `Held.value_set`."""
        return terminology.expand(
            self.rows,
            reference,
            definitions=self.definitions,
            tenant=self.tenant,
            visible=self.visible,
            base=self.base,
        )

    def codes(self, system: str, code: str, *, upward: bool) -> Sequence[str]:
        """See `Held.codes`."""
        find = terminology.ancestors if upward else terminology.descendants
        return sorted(
            find(self.rows, system, code, definitions=self.definitions, tenant=self.tenant, visible=self.visible)
        )

    def parts(self, type_name: str, resource_id: str, *, upward: bool) -> Sequence[str]:
        """See `Held.parts`."""
        definitions = self.definitions
        parameter = definitions.search_parameters[type_name][definitions.hierarchies[type_name]]
        key = ("parts", parameter.number, upward, self.visible.key)
        kind = definitions.resource_types[type_name]
        sql = self.rows.cached_sql(key, lambda: _parts(parameter.number, kind, self.visible, upward=upward))
        found = self.rows.rows(sql, {**self.visible.parameters, "tenant": self.tenant, "start": resource_id})
        if len(found) > MOST_PARTS:
            raise TooCostly(f"more than {MOST_PARTS} resources are parts of this one; name a smaller one")
        return sorted({resource_id, *(row[0] for row in found)})


def _parts(param: int, type_number: int, visible: Predicate, *, upward: bool) -> Select[Any]:
    """The ids that a first one leads to, each once, however the parts go in circles."""
    first = RESOURCE.alias("first")
    named = (first.c.tenant == bindparam("tenant"), first.c.type == number(type_number))
    start = select(first.c.pk).where(*named, first.c.resource_id == bindparam("start"), shown(first, visible))
    walk = start.cte("walk", recursive=True)
    here, row, other = RESOURCE.alias("here"), INDEX_REFERENCE.alias("row"), RESOURCE.alias("other")
    about = and_(row.c.param == number(param), row.c.target_type == number(type_number), row.c.target_base == text(""))
    if upward:
        points = and_(row.c.pk == walk.c.pk, about)
        named_by = and_(
            other.c.tenant == bindparam("tenant"),
            other.c.type == number(type_number),
            other.c.resource_id == row.c.target_id,
        )
        way = drives(drives(walk, row, points), other, named_by)
    else:
        points = and_(row.c.tenant == bindparam("tenant"), about, row.c.target_id == here.c.resource_id)
        way = drives(drives(drives(walk, here, here.c.pk == walk.c.pk), row, points), other, other.c.pk == row.c.pk)
    every = walk.union(select(other.c.pk).select_from(way).where(shown(other, visible)))
    found = RESOURCE.alias("found")
    listed = select(every.c.pk).limit(number(MOST_PARTS + 1)).subquery("listed")
    return select(found.c.resource_id).select_from(drives(listed, found, found.c.pk == listed.c.pk))
