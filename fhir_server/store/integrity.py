"""Integrity: what must hold between the tables whatever happened to the processes that wrote them.

Every rule is a query that counts what breaks it; it is the answer to "is this database whole?" after a crash. A rule
that looks for rows without an index to them is a join, for which both databases build one.
"""

from collections.abc import Iterator

from sqlalchemy import TextClause, text

from fhir_server.store.database import Database
from fhir_server.store.tables import INDEX_TABLES, WORK_ITEM

_LIVE = "SELECT 1 FROM resource AS r WHERE r.pk = t.pk AND r.tenant = t.tenant"
_RULES = {
    "current versions without an outbox row": (
        "resource AS t LEFT JOIN outbox AS o ON o.pk = t.pk AND o.version_id = t.version_id WHERE o.pk IS NULL"
    ),
    "outbox rows of versions that do not exist": (
        f"outbox AS t WHERE NOT EXISTS ({_LIVE} AND r.version_id >= t.version_id)"
    ),
    "resources with gaps in their history": (
        "resource AS t WHERE t.version_id - 1 <> "
        "(SELECT count(*) FROM resource_history AS h WHERE h.tenant = t.tenant AND h.pk = t.pk)"
    ),
    "superseded versions without a later current one": (
        f"resource_history AS t WHERE NOT EXISTS ({_LIVE} AND r.version_id > t.version_id)"
    ),
    "superseded versions younger than the next one": (
        f"resource_history AS t WHERE EXISTS ({_LIVE} AND r.updated < t.updated) OR EXISTS "  # noqa: S608
        "(SELECT 1 FROM resource_history AS n WHERE n.tenant = t.tenant AND n.pk = t.pk "
        "AND n.version_id = t.version_id + 1 AND n.updated < t.updated)"
    ),
    "deleted versions with a body, or others without": ("resource AS t WHERE t.deleted = (t.body <> '')"),
}


def check(database: Database) -> list[str]:
    """What is wrong, a line for each rule that is broken; empty when the database is whole."""
    with database.snapshot() as rows:
        counts = [(what, rows.rows(rows.sql(statement), {})[0][0]) for what, statement in _statements()]
    return [f"{found} {what}" for what, found in counts if found]


def _statements() -> Iterator[tuple[str, TextClause]]:
    for table in (*INDEX_TABLES.values(), WORK_ITEM):
        rule = f"{table.name} AS t WHERE NOT EXISTS ({_LIVE} AND NOT r.deleted AND r.updated = t.updated)"
        yield f"rows of {table.name} without their version", _count(rule)
    for what, rule in _RULES.items():
        yield what, _count(rule)


def _count(rule: str) -> TextClause:
    return text(f"SELECT count(*) FROM {rule}")  # noqa: S608 (no input in it)
