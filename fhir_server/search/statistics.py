"""How many index rows a value has, counted as far as it matters, and remembered for a while.

The counts choose a way through the indexes and nothing else, so they are those of all rows, whoever asks; no answer
depends on them. They are kept in each process: a wrong one makes a search slower, never wrong.
"""

import hashlib
from collections.abc import Hashable
from typing import Any

from sqlalchemy import Select, func, select

from fhir_server.search.plan import Condition, ConditionShape
from fhir_server.search.sql import conditions
from fhir_server.search.sql.conditions import number
from fhir_server.store.statements import Rows

FEW_ROWS = 2_000
"""So many rows can be looked at for one page; where all ways have more, they are told apart up to MANY_ROWS."""
MANY_ROWS = 40_000
_KEPT_MICROSECONDS = 60_000_000
_MOST_KEPT = 20_000
_FEW_VALUES = 8
"""More of them are kept as their hash: thousands of searches for hundreds of values would fill the memory."""


class Statistics:
    """Counts by parameter and value, shared by the threads of a process."""

    __slots__ = ("_counts",)

    def __init__(self) -> None:
        self._counts: dict[Hashable, tuple[int, int]] = {}

    def count(self, rows: Rows, condition: Condition, *, tenant: int, now: int, cap: int = FEW_ROWS) -> int:
        """The rows that a condition on index rows finds; `cap` for that many and more. `now` in epoch microseconds."""
        found = self.known(condition, tenant=tenant, now=now, cap=cap)
        if found is None:
            found = self._counted(rows, condition, tenant, cap)
            self.remember(condition, found, tenant=tenant, now=now, cap=cap)
        return found

    def known(self, condition: Condition, *, tenant: int, now: int, cap: int) -> int | None:
        """The count, if it was made a short while ago."""
        found = self._counts.get(_key(condition, tenant, cap))
        return found[0] if found is not None and now - found[1] < _KEPT_MICROSECONDS else None

    def remember(self, condition: Condition, counted: int, *, tenant: int, now: int, cap: int) -> None:
        """Keep a count."""
        if len(self._counts) >= _MOST_KEPT:
            for old in list(self._counts)[: _MOST_KEPT // 10]:
                self._counts.pop(old, None)
        self._counts[_key(condition, tenant, cap)] = counted, now

    @staticmethod
    def _counted(rows: Rows, condition: Condition, tenant: int, cap: int) -> int:
        shape = condition.shape
        sql = rows.cached_sql(("statistics", shape, cap), lambda: _statement(shape, cap))
        counted: int = rows.rows(sql, {"tenant": tenant, **conditions.operands([condition])})[0][0]
        return counted


def _key(condition: Condition, tenant: int, cap: int) -> Hashable:
    values: Hashable = condition.alternatives
    if len(condition.alternatives) > _FEW_VALUES:
        values = hashlib.sha256(repr(condition.alternatives).encode("utf-8", "surrogatepass")).digest()
    return tenant, condition.numbers, values, cap


def _statement(shape: ConditionShape, cap: int) -> Select[Any]:
    some = conditions.index_rows(shape, "c0").limit(number(cap))
    return select(func.count()).select_from(some.subquery("some"))
