"""Search: index rows of quantities, composites and positions.

A migration is history: it repeats what `tables.py` said when it was written, and is never changed afterwards.
"""

from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0002"
down_revision = "0001"

_BYTES_TEXT = sa.Text().with_variant(postgresql.TEXT(collation="C"), "postgresql")


def _column(name: str, kind: Any) -> sa.Column[Any]:
    return sa.Column(name, kind, nullable=False, autoincrement=False)


def _text(name: str) -> sa.Column[Any]:
    return sa.Column(name, _BYTES_TEXT, nullable=False, server_default="")


def upgrade() -> None:
    """Create what is new."""
    _index_table("quantity", _text("unit"), _text("low"), _text("high"), ordered=["unit", "low"], narrowing=["high"])
    _index_table(
        "composite",
        _text("code"),
        _text("system"),
        _text("text"),
        _text("detail"),
        _column("target_type", sa.SmallInteger),
        _text("low"),
        _text("high"),
        ordered=["code", "text", "low"],
    )
    axes = [_column(axis, sa.Double()) for axis in ("x", "y", "z")]
    _index_table("position", *axes, ordered=["x"], narrowing=["y", "z"])


def _index_table(kind: str, *values: sa.Column[Any], ordered: Sequence[str], narrowing: Sequence[str] = ()) -> None:
    name = f"index_{kind}"
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
