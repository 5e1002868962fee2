"""Rows that note what is asked of them: which statements a search runs, how often, and what they take."""

import time
from collections.abc import Callable, Hashable, Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ClauseElement

from fhir_server.store.statements import Dialect, Rows, Sql


@dataclass(frozen=True, slots=True)
class Ran:
    """One run of a statement: `key` is the one under which it was compiled, None where there was none."""

    key: Hashable
    sql: Sql
    parameters: Mapping[str, Any]
    rows: int
    microseconds: int


class Watching:
    """A `Rows` that passes everything on to another; `ran` is what it was asked to run, in order."""

    __slots__ = ("_keys", "_rows", "ran")

    def __init__(self, rows: Rows) -> None:
        self._rows = rows
        self._keys: dict[Sql, Hashable] = {}
        self.ran: list[Ran] = []

    @property
    def dialect(self) -> Dialect:
        """See `Rows.dialect`."""
        return self._rows.dialect

    def sql(self, statement: ClauseElement) -> Sql:
        """See `Rows.sql`."""
        return self._rows.sql(statement)

    def cached_sql(self, key: Hashable, build: Callable[[], ClauseElement]) -> Sql:
        """See `Rows.cached_sql`."""
        found = self._rows.cached_sql(key, build)
        self._keys[found] = key
        return found

    def rows(
        self, sql: Sql, parameters: Mapping[str, Any], *, within_seconds: float | None = None
    ) -> list[tuple[Any, ...]]:
        """See `Rows.rows`."""
        began = time.perf_counter_ns()
        found = self._rows.rows(sql, parameters, within_seconds=within_seconds)
        microseconds = (time.perf_counter_ns() - began) // 1_000
        self.ran.append(Ran(self._keys.get(sql), sql, dict(parameters), len(found), microseconds))
        return found
