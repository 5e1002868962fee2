"""Links that lead to few resources become references to these: then the index of references gives the page in order.

`subject:Patient.identifier=x` is looked up once, and searched like `subject=Patient/1`. A link that leads to many stays
as it is. The predicate is in the look-up: what the caller may not see is led to by nothing.
"""

from dataclasses import dataclass, replace
from typing import Any

from sqlalchemy import Select, and_, select

from fhir_server.search.kinds import KINDS
from fhir_server.search.plan import NOTHING, Alternative, AnyOf, Condition, ConditionShape, Linked, Node, Search
from fhir_server.search.sql import conditions
from fhir_server.search.sql.conditions import is_of, number
from fhir_server.search.sql.links import shown
from fhir_server.search.statistics import Statistics
from fhir_server.store.statements import Rows
from fhir_server.store.tables import RESOURCE
from fhir_server.store.visibility import Predicate

MOST_TARGETS = 64


@dataclass(frozen=True, slots=True)
class Looking:
    """Where targets are looked up, and for whom."""

    rows: Rows
    statistics: Statistics
    tenant: int
    now: int
    visible: Predicate


def with_known_targets(search: Search, looking: Looking) -> Search:
    """The same search, its links to few resources replaced by references to them."""
    if not any(isinstance(node, Linked) for node in search.conditions):
        return search
    return replace(search, conditions=tuple(_known(node, looking) for node in search.conditions))


def _known(node: Node, looking: Looking) -> Node:
    if isinstance(node, AnyOf):
        return replace(node, options=tuple(_known(option, looking) for option in node.options))
    if not isinstance(node, Linked):
        return node
    node = replace(node, tail=_known(node.tail, looking))
    if node.is_reverse or node.url_numbers or not isinstance(node.tail, Condition) or not _is_rare_kind(node.tail):
        return node
    found = _targets(node, node.tail, looking)
    if found is None:
        return node
    alternatives = tuple(Alternative("type and id", (resource_id, type_number)) for type_number, resource_id in found)
    return Condition("reference", node.numbers, "match", alternatives or (NOTHING,))


def _is_rare_kind(tail: Condition) -> bool:
    """Whether a look-up tells more than is known: an identifier leads to few anyway, in the same statement."""
    if tail.is_identifying:
        return False
    return KINDS[tail.kind].table is not None and tail.sense == "match"


def _targets(node: Linked, tail: Condition, looking: Looking) -> list[tuple[int, str]] | None:
    """The visible resources that a link leads to, None when they are too many to say."""
    remembered = {"tenant": looking.tenant, "now": looking.now, "cap": MOST_TARGETS}
    if (looking.statistics.known(tail, **remembered) or 0) >= MOST_TARGETS:
        return None
    shape, visible = tail.shape, looking.visible
    sql = looking.rows.cached_sql(
        ("targets", shape, node.type_numbers, visible.key), lambda: _statement(shape, node.type_numbers, visible)
    )
    asked = {**visible.parameters, "tenant": looking.tenant, **conditions.operands([tail])}
    found = looking.rows.rows(sql, asked)
    if len(found) >= MOST_TARGETS:
        looking.statistics.remember(tail, len(found), **remembered)
        return None
    return sorted({(row[0], row[1]) for row in found if row[0] is not None})


def _statement(shape: ConditionShape, type_numbers: tuple[int, ...], visible: Predicate) -> Select[Any]:
    """Up to so many index rows, each with its resource where the caller may see it."""
    other = RESOURCE.alias("other")
    some = conditions.index_rows(shape, "c0").limit(number(MOST_TARGETS)).subquery("some")
    seen = and_(other.c.pk == some.c.pk, is_of(other.c.type, type_numbers), shown(other, visible))
    return select(other.c.type, other.c.resource_id).select_from(some.outerjoin(other, seen))
