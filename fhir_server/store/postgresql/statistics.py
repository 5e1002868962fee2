"""Statistics of a young database, without which PostgreSQL guesses which index finds a row.

https://www.postgresql.org/docs/current/planner-stats.html  Autovacuum looks once a minute. A database that fills faster
would until then run plans that were made for empty tables, and keep them: a read by id through the index of its type
took fifteen times as long. So the writers themselves ask for statistics, a few times while a database is small.
"""

import threading
from contextlib import suppress

import psycopg

from fhir_server.errors import Unavailable
from fhir_server.store.postgresql.errors import ConnectionLost
from fhir_server.store.postgresql.link import PostgresqlLink
from fhir_server.store.unit_of_work import Retryable

_AFTER = (50, 500, 5_000)
_STALE = """
SELECT quote_ident(relname) FROM pg_class
WHERE relnamespace = current_schema()::regnamespace AND relkind = 'r' AND pg_has_role(relowner, 'USAGE')
AND pg_relation_size(oid) > CASE WHEN reltuples > 0 THEN 2 * 8192 * relpages::bigint ELSE 0 END
"""


class Growth:
    """How many versions this process has written; asks for statistics when it has passed 50, 500 and 5,000."""

    __slots__ = ("_lock", "_written")

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._written = 0

    def note(self, link: PostgresqlLink, versions: int) -> None:
        """Count what was just committed; whatever goes wrong with statistics is no matter of the writer."""
        if not versions or self._written >= _AFTER[-1]:
            return
        with self._lock:
            before = self._written
            self._written += versions
        if any(before < limit <= before + versions for limit in _AFTER):
            with suppress(ConnectionLost, Retryable, Unavailable, psycopg.Error):
                refresh(link)


def refresh(link: PostgresqlLink) -> None:
    """Analyze the tables that are new or have doubled, but for those that somebody else is at."""
    names = [row[0] for row in link.loaded(_STALE, link.run(_STALE))]
    if names:
        link.command(f"ANALYZE (SKIP_LOCKED) {', '.join(names)}")
