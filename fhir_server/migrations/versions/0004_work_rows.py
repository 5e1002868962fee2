"""Work rows of SQLite under their own number: looking one up by it was a second search, in an index of its own.

A migration is history: it repeats what `tables.py` said when it was written, and is never changed afterwards.
"""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"

_TEXTS = ("status", "intent", "priority", "owner", "requester", "patient", "focus", "code")
_COLUMNS = ("pk", "tenant", "type", *_TEXTS, "authored", "updated")
_INDEXES = {
    "work_item_by_owner": ["tenant", "type", "owner", "status", "updated", "pk"],
    "work_item_by_patient": ["tenant", "type", "patient", "updated", "pk"],
    "work_item_by_status": ["tenant", "type", "status", "updated", "pk"],
}


def upgrade() -> None:
    """Copy the rows into a table whose key is the number of its row; PostgreSQL has nothing to gain."""
    if op.get_bind().dialect.name != "sqlite":
        return
    op.rename_table("work_item", "work_item_before")
    op.create_table(
        "work_item",
        sa.Column("pk", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("tenant", sa.SmallInteger, nullable=False),
        sa.Column("type", sa.SmallInteger, nullable=False),
        *(sa.Column(name, sa.Text, nullable=False, server_default="") for name in _TEXTS),
        sa.Column("authored", sa.BigInteger),
        sa.Column("updated", sa.BigInteger, nullable=False),
    )
    names = ", ".join(_COLUMNS)
    op.execute(f"INSERT INTO work_item ({names}) SELECT {names} FROM work_item_before")  # noqa: S608 (no input in it)
    op.drop_table("work_item_before")
    for name, columns in _INDEXES.items():
        op.create_index(name, "work_item", columns)
