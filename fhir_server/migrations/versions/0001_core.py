"""The core: versions, history, index rows, work rows, the outbox, access tokens, the audit trail.

A migration is history: it repeats what `tables.py` said when it was written, and is never changed afterwards.
"""

from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0001"
down_revision = None

_NUMBER = sa.BigInteger().with_variant(sa.Integer, "sqlite")
_BYTES_TEXT = sa.Text().with_variant(postgresql.TEXT(collation="C"), "postgresql")


def _column(name: str, kind: Any, *, nullable: bool = False) -> sa.Column[Any]:
    return sa.Column(name, kind, nullable=nullable, autoincrement=False)


def _text(name: str) -> sa.Column[Any]:
    return sa.Column(name, _BYTES_TEXT, nullable=False, server_default="")


def _plain_text(name: str) -> sa.Column[Any]:
    return sa.Column(name, sa.Text, nullable=False, server_default="")


def upgrade() -> None:
    """Create everything."""
    _versions()
    _index_tables()
    _work_items()
    _outbox()
    _access()
    _audit()
    if op.get_bind().dialect.name == "postgresql":
        _postgresql()
    else:
        op.execute("CREATE TABLE write_stamp (value INTEGER NOT NULL)")
        op.execute("INSERT INTO write_stamp VALUES (0)")


def _version_columns() -> list[sa.Column[Any]]:
    return [
        _column("type", sa.SmallInteger),
        _column("resource_id", _BYTES_TEXT),
        _column("updated", sa.BigInteger),
        _column("deleted", sa.Boolean),
        _column("method", sa.Text),
        _column("body", sa.Text),
    ]


def _versions() -> None:
    op.create_table(
        "resource",
        sa.Column("pk", _NUMBER, primary_key=True, autoincrement=False),
        _column("tenant", sa.SmallInteger),
        _column("version_id", sa.Integer),
        *_version_columns(),
        sa.UniqueConstraint("tenant", "type", "resource_id", name="resource_id_is_unique"),
        postgresql_with={"fillfactor": "85"},
    )
    op.create_table(
        "resource_history",
        _column("tenant", sa.SmallInteger),
        _column("pk", sa.BigInteger),
        _column("version_id", sa.Integer),
        *_version_columns(),
        sa.PrimaryKeyConstraint("tenant", "pk", "version_id", name="resource_history_pkey"),
    )
    for table in ("resource", "resource_history"):
        op.create_index(f"{table}_by_type", table, ["tenant", "type", "updated", "pk"])
        op.create_index(f"{table}_by_time", table, ["tenant", "updated", "pk"])


def _index_tables() -> None:
    _index_table("token", _text("system"), _text("code"), narrowing=["system"])
    _index_table(
        "reference",
        _column("target_type", sa.SmallInteger),
        _text("target_id"),
        _text("target_base"),
        narrowing=["target_type", "target_base"],
    )
    _index_table("string", _text("folded"), _text("exact"), narrowing=["exact"])
    _index_table("date", _column("low", sa.BigInteger), _column("high", sa.BigInteger))
    _index_table("uri", _text("value"))


def _index_table(kind: str, *values: sa.Column[Any], narrowing: Sequence[str] = ()) -> None:
    name = f"index_{kind}"
    ordered = [v.name for v in values if v.name not in narrowing]
    op.create_table(
        name,
        _column("tenant", sa.SmallInteger),
        _column("pk", sa.BigInteger),
        _column("param", sa.Integer),
        *values,
        _column("updated", sa.BigInteger),
    )
    op.create_index(f"{name}_by_value", name, ["tenant", "param", *ordered, "updated", "pk", *narrowing])
    op.create_index(f"{name}_by_pk", name, ["pk", "param", *ordered, *narrowing])


def _work_items() -> None:
    op.create_table(
        "work_item",
        sa.Column("pk", sa.BigInteger, primary_key=True, autoincrement=False),
        _column("tenant", sa.SmallInteger),
        _column("type", sa.SmallInteger),
        *(_text(n) for n in ("status", "intent", "priority", "owner", "requester", "patient", "focus", "code")),
        _column("authored", sa.BigInteger, nullable=True),
        _column("updated", sa.BigInteger),
    )
    op.create_index("work_item_by_owner", "work_item", ["tenant", "type", "owner", "status", "updated", "pk"])
    op.create_index("work_item_by_patient", "work_item", ["tenant", "type", "patient", "updated", "pk"])
    op.create_index("work_item_by_status", "work_item", ["tenant", "type", "status", "updated", "pk"])


def _outbox() -> None:
    op.create_table(
        "outbox",
        sa.Column("seq", _NUMBER, sa.Identity(), primary_key=True),
        _column("tenant", sa.SmallInteger),
        _column("pk", sa.BigInteger),
        _column("type", sa.SmallInteger),
        _column("resource_id", _BYTES_TEXT),
        _column("version_id", sa.Integer),
        _column("method", sa.Text),
        _column("updated", sa.BigInteger),
        sqlite_autoincrement=True,
    )


def _access() -> None:
    op.create_table(
        "access_token",
        sa.Column("token_hash", sa.Text, primary_key=True),
        _column("tenant", sa.SmallInteger),
        _column("name", sa.Text),
        _column("organization", sa.Text),
        _column("scope", sa.Text),
        _column("created", sa.BigInteger),
        _column("expires", sa.BigInteger, nullable=True),
        _column("revoked", sa.BigInteger, nullable=True),
    )
    op.create_table(
        "server_value",
        sa.Column("name", sa.Text, primary_key=True),
        _column("tenant", sa.SmallInteger),
        _column("value", sa.Text),
    )


def _audit() -> None:
    op.create_table(
        "audit_event",
        sa.Column("seq", _NUMBER, sa.Identity(), primary_key=True),
        _column("tenant", sa.SmallInteger),
        _column("recorded", sa.BigInteger),
        _plain_text("request_id"),
        _column("entry", sa.Integer, nullable=True),
        _plain_text("interaction"),
        _column("status", sa.SmallInteger),
        *(_plain_text(n) for n in ("principal", "organization", "type_name", "resource_id")),
        _column("version_id", sa.Integer, nullable=True),
        *(_plain_text(n) for n in ("query", "reason", "resources")),
        _column("journal", sa.Text, nullable=True),
        _column("position", sa.BigInteger, nullable=True),
        sa.UniqueConstraint("journal", "position", name="audit_event_journal"),
    )
    op.create_index("audit_event_recorded", "audit_event", ["tenant", "recorded"])
    op.create_index("audit_event_resource", "audit_event", ["tenant", "type_name", "resource_id"])
    op.create_table(
        "journal_progress",
        sa.Column("journal", sa.Text, primary_key=True),
        _column("tenant", sa.SmallInteger),
        _column("position", sa.BigInteger),
        _column("updated", sa.BigInteger),
    )


def _postgresql() -> None:
    # A process takes a thousand keys at a time.
    op.execute("CREATE SEQUENCE resource_pk INCREMENT BY 1000")
    op.execute("CREATE SEQUENCE write_stamp MINVALUE 0 START 0")
    op.execute(
        "CREATE FUNCTION refuse_conflict() RETURNS bigint LANGUAGE plpgsql VOLATILE AS "
        "$$BEGIN RAISE EXCEPTION 'another writer was first' USING ERRCODE = 'WC001'; END$$"
    )
    has_lz4 = "SELECT 'lz4' = ANY (enumvals) FROM pg_settings WHERE name = 'default_toast_compression'"
    if op.get_bind().execute(sa.text(has_lz4)).scalar():
        for table in ("resource", "resource_history"):
            op.execute(f"ALTER TABLE {table} ALTER COLUMN body SET COMPRESSION lz4")
