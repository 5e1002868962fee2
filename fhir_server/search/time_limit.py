"""The time of one search: look-ups, page, includes and total together take no longer than the setting says.

The clock is looked at before each statement. In the first tenth of the time the limit that every reading connection
has anyway will do; later a statement gets what is left, so that a search ends within eleven tenths. Inside a unit of
work the limit of its connection (`database_timeout_ms`) is the one that holds in that first tenth.
"""

import time
from collections.abc import Callable, Hashable, Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ClauseElement

from fhir_server.errors import TimeLimit
from fhir_server.settings import Settings
from fhir_server.store.statements import Dialect, Rows, Sql


@dataclass(frozen=True, slots=True)
class TimedRows:
    """`Rows` until a moment of the monotonic clock, in seconds; `hurried_from` that on, statements get what is left."""

    source: Rows
    hurried_from: float
    until: float

    @property
    def dialect(self) -> Dialect:
        """See `Rows.dialect`."""
        return self.source.dialect

    def sql(self, statement: ClauseElement) -> Sql:
        """See `Rows.sql`."""
        return self.source.sql(statement)

    def cached_sql(self, key: Hashable, build: Callable[[], ClauseElement]) -> Sql:
        """See `Rows.cached_sql`."""
        return self.source.cached_sql(key, build)

    def rows(
        self, sql: Sql, parameters: Mapping[str, Any], *, within_seconds: float | None = None
    ) -> list[tuple[Any, ...]]:
        """See `Rows.rows`; raises TimeLimit when the time of the search is up."""
        now = time.monotonic()
        if now >= self.hurried_from:
            left = self.until - now
            if left <= 0:
                raise TimeLimit("the search took longer than its time limit")
            within_seconds = left if within_seconds is None else min(left, within_seconds)
        return self.source.rows(sql, parameters, within_seconds=within_seconds)


def timed(rows: Rows, settings: Settings) -> TimedRows:
    """The rows, for one search that begins now."""
    seconds = min(settings.search_timeout_ms, settings.database_timeout_ms) / 1000
    now = time.monotonic()
    return TimedRows(rows, now + seconds / 10, now + seconds)
