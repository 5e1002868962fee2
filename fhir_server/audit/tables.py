"""Tables of the audit trail: the events, and how far each journal has been moved into them.

What an event holds follows https://hl7.org/fhir/R4/auditevent.html (who, what, when, outcome).
Never update or delete an `audit_event` row: the trail is append-only, and its `query` column may hold PHI.
"""

from sqlalchemy import BigInteger, Column, Identity, Index, Integer, SmallInteger, Table, Text, UniqueConstraint

from fhir_server.store.tables import METADATA

# SQLite numbers a primary key by itself only when its type is INTEGER.
_SEQUENCE_NUMBER = BigInteger().with_variant(Integer, "sqlite")


def _text(name: str) -> Column[str]:
    return Column(name, Text, nullable=False, server_default="")


AUDIT_EVENT = Table(
    "audit_event",
    METADATA,
    Column("seq", _SEQUENCE_NUMBER, Identity(), primary_key=True),
    Column("tenant", SmallInteger, nullable=False),
    Column("recorded", BigInteger, nullable=False, info={"stamp": False}),
    _text("request_id"),
    Column("entry", Integer),
    _text("interaction"),
    Column("status", SmallInteger, nullable=False),
    _text("principal"),
    _text("organization"),
    _text("type_name"),
    _text("resource_id"),
    Column("version_id", Integer),
    _text("query"),
    _text("reason"),
    _text("resources"),
    Column("journal", Text),
    Column("position", BigInteger),
    UniqueConstraint("journal", "position", name="audit_event_journal"),
    Index("audit_event_recorded", "tenant", "recorded"),
    Index("audit_event_resource", "tenant", "type_name", "resource_id"),
)

# A row stays when its file is gone: a journal that comes back (from a backup, by a late collector) is not moved twice.
JOURNAL_PROGRESS = Table(
    "journal_progress",
    METADATA,
    Column("journal", Text, primary_key=True),
    Column("tenant", SmallInteger, nullable=False),
    Column("position", BigInteger, nullable=False),
    Column("updated", BigInteger, nullable=False, info={"stamp": False}),
)
