"""Which parameters have their index rows, and how far making them anew has come.

A migration is history: it repeats what `tables.py` said when it was written, and is never changed afterwards.
Nothing is marked here: what older code indexed counts as stale, and an empty type is marked by the first server.
"""

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"


def _column(name: str, kind: Any) -> sa.Column[Any]:
    return sa.Column(name, kind, nullable=False, autoincrement=False)


def upgrade() -> None:
    """Create what is new."""
    op.create_table(
        "indexed_parameter",
        _column("tenant", sa.SmallInteger),
        _column("type", sa.SmallInteger),
        _column("number", sa.Integer),
        _column("fingerprint", sa.Text),
        sa.PrimaryKeyConstraint("tenant", "type", "number", name="indexed_parameter_pkey"),
    )
    op.create_table(
        "reindex_progress",
        _column("tenant", sa.SmallInteger),
        _column("type", sa.SmallInteger),
        _column("goal", sa.Text),
        _column("until", sa.BigInteger),
        _column("last_updated", sa.BigInteger),
        _column("last_pk", sa.BigInteger),
        _column("saved", sa.BigInteger),
        sa.PrimaryKeyConstraint("tenant", "type", name="reindex_progress_pkey"),
    )
