"""Which way through the indexes a search takes: chosen by how many rows each way would read.

The choice is part of a statement's key. What it weighs: an equality is walked in the order of time, so a page of a
frequent value is as cheap as one of a rare value, unless other conditions fail often; anything else is collected and
sorted, which is right for few rows only; work rows are in the order of time for owner and status together.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from fhir_server.search.kinds import KINDS
from fhir_server.search.plan import AnyOf, Condition, ConditionShape, Drive, Linked, Node, Search, SearchShape, Shape
from fhir_server.search.sql import conditions
from fhir_server.search.sql.links import has_keys
from fhir_server.search.statistics import FEW_ROWS, MANY_ROWS, Statistics
from fhir_server.store.statements import Rows

MAX_WALKS = 8
MAX_PROBES = 64
"""How many conditions may stand in all walks of a search together."""
WORK_INDEXES = (("patient",), ("owner", "status"), ("status",))
"""The leading columns of the indexes of work rows, the most selective first."""
_TIME = Drive("time")


@dataclass(frozen=True, slots=True)
class Asker:
    """What counting needs: where, whose rows, and when."""

    rows: Rows
    statistics: Statistics
    tenant: int
    now: int

    def count(self, condition: Condition, cap: int) -> int:
        """See `Statistics.count`."""
        return self.statistics.count(self.rows, condition, tenant=self.tenant, now=self.now, cap=cap)


def drive_of(search: Search, asker: Asker) -> Drive:
    """The way that reads the fewest rows, as far as counting tells."""
    shape = search.shape
    if _names_ids(shape):
        return Drive("ids")
    work = _work_drive(shape)
    candidates = [place for place in range(len(search.conditions)) if _can_walk(search, place)]
    others = [place for place, node in enumerate(shape.conditions) if place not in candidates and has_keys(node)]
    if work is not None and work.places and not _beats_work(shape, work, others):
        return work
    if len(candidates) == 1 and not others and work is None:
        return Drive("value", candidates[0])
    return _by_counts(search, candidates, others, work, asker)


def _by_counts(
    search: Search, candidates: Sequence[int], others: Sequence[int], work: Drive | None, asker: Asker
) -> Drive:
    counts = {place: _estimate(search.conditions[place], asker, FEW_ROWS) for place in (*candidates, *others)}
    best = min(counts, key=lambda place: (counts[place], place in others, place), default=None)
    if best is not None and counts[best] < FEW_ROWS:
        return Drive("value" if best in candidates else "keys", best)
    if work is not None:
        return work
    if len(candidates) > 1:
        further = {place: _estimate(search.conditions[place], asker, MANY_ROWS) for place in candidates}
        return Drive("value", min(further, key=lambda place: (further[place], _rank(search, place))))
    return Drive("value", candidates[0]) if candidates else _TIME


def _estimate(node: Node, asker: Asker, cap: int) -> int:
    """The rows that would be collected for a node, `cap` for that many and more."""
    if isinstance(node, Condition):
        if node.is_identifying and node.sense == "match":
            return len(node.alternatives)
        return asker.count(node, cap) if KINDS[node.kind].table is not None and node.sense == "match" else cap
    if isinstance(node, Linked):
        return _estimate(node.tail, asker, cap)
    return min(cap, sum(_estimate(option, asker, cap) for option in node.options))


def _names_ids(shape: SearchShape) -> bool:
    """Whether the search names its resources: nothing is more selective."""
    return any(isinstance(c, ConditionShape) and c.kind == "id" and c.sense == "match" for c in shape.conditions)


def _can_walk(search: Search, place: int) -> bool:
    """Whether an index is ordered by time behind every value of a condition, and its values are few."""
    node = search.conditions[place]
    if isinstance(node, (Linked, AnyOf)):
        return False
    kind = KINDS[node.kind]
    if kind.table is None or node.sense != "match" or not kind.sort_column:
        return False
    shape = node.shape
    walks = len(shape.numbers) * sum(count for _, count in shape.counts)
    if not 0 < walks <= min(MAX_WALKS, max(1, MAX_PROBES // len(search.conditions))):
        return False
    return all(kind.sort_column in conditions.form_of(shape.kind, name).columns for name, _ in shape.counts)


def _rank(search: Search, place: int) -> int:
    node = search.conditions[place]
    return KINDS[node.kind].rank if isinstance(node, Condition) else 0


def _work_drive(shape: SearchShape) -> Drive | None:
    """The index of work rows that fits: equalities on its leading columns, few walks."""
    if len(shape.type_numbers) != 1:
        return None
    columns: dict[str, int] = {}
    counts: dict[str, int] = {}
    for place, condition in enumerate(shape.conditions):
        if isinstance(condition, ConditionShape) and condition.work is not None and not condition.work[2]:
            columns.setdefault(condition.work[0], place)
            counts.setdefault(condition.work[0], condition.work[1])
    for leading in WORK_INDEXES:
        if all(column in columns for column in leading):
            walks = 1
            for column in leading:
                walks *= counts[column]
            if walks <= MAX_WALKS:
                return Drive("work", places=tuple(columns[column] for column in leading))
    return None


def _beats_work(shape: SearchShape, work: Drive, others: Sequence[int]) -> bool:
    """Whether another condition may be more selective than the index of work rows: one that is not said of them."""
    rest = [c for place, c in enumerate(shape.conditions) if place not in work.places and not _is_cheap(c)]
    return bool(rest or others)


def _is_cheap(shape: Shape) -> bool:
    """Whether a condition is read from the work row itself."""
    return isinstance(shape, ConditionShape) and (shape.work is not None or shape.kind == "updated")
