"""Tables of the store: current versions, superseded ones, index rows by kind of value, work rows, the outbox.

The order of columns in an index is its meaning: all ascending, the searched value before (updated, pk), so that one
index serves a condition and the order of a page, scanned backwards.
A DESC in one of them makes paging hundreds of times slower.
"""

from typing import Any

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Double,
    Identity,
    Index,
    Integer,
    MetaData,
    SmallInteger,
    Table,
    Text,
    UniqueConstraint,
)
from sqlalchemy.dialects import postgresql
from sqlalchemy.types import TypeEngine

METADATA = MetaData()

# SQLite numbers a primary key by itself only when its type is INTEGER.
SEQUENCE_NUMBER = BigInteger().with_variant(Integer, "sqlite")
# Compared byte by byte, as SQLite does, so that prefixes are ranges of an index.
BYTES_TEXT = Text().with_variant(postgresql.TEXT(collation="C"), "postgresql")


def _column(name: str, kind: TypeEngine[Any] | type[TypeEngine[Any]], *, nullable: bool = False) -> Column[Any]:
    return Column(name, kind, nullable=nullable)


def _tenant(*, primary_key: bool = False) -> Column[int]:
    return Column("tenant", SmallInteger, primary_key=primary_key, nullable=False, autoincrement=False)


def _pk(*, primary_key: bool = False) -> Column[int]:
    return Column("pk", BigInteger, primary_key=primary_key, nullable=False, autoincrement=False)


def _updated() -> Column[int]:
    return Column("updated", BigInteger, nullable=False, info={"stamp": True})


def _text(name: str, *, primary_key: bool = False) -> Column[str]:
    return Column(name, BYTES_TEXT, nullable=False, server_default="", primary_key=primary_key)


RESOURCE = Table(
    "resource",
    METADATA,
    Column("pk", SEQUENCE_NUMBER, primary_key=True, autoincrement=False),
    _tenant(),
    _column("type", SmallInteger),
    _column("resource_id", BYTES_TEXT),
    _column("version_id", Integer),
    _updated(),
    _column("deleted", Boolean),
    _column("method", Text),
    _column("body", Text),
    UniqueConstraint("tenant", "type", "resource_id", name="resource_id_is_unique"),
    Index("resource_by_type", "tenant", "type", "updated", "pk"),
    Index("resource_by_time", "tenant", "updated", "pk"),
    postgresql_with={"fillfactor": "85"},
)

# Superseded versions only; the current one is in `resource`.
RESOURCE_HISTORY = Table(
    "resource_history",
    METADATA,
    _tenant(primary_key=True),
    _pk(primary_key=True),
    Column("version_id", Integer, primary_key=True, autoincrement=False),
    _column("type", SmallInteger),
    _column("resource_id", BYTES_TEXT),
    _updated(),
    _column("deleted", Boolean),
    _column("method", Text),
    _column("body", Text),
    Index("resource_history_by_type", "tenant", "type", "updated", "pk"),
    Index("resource_history_by_time", "tenant", "updated", "pk"),
)


def _index_table(
    kind: str, *values: Column[Any], narrowing: tuple[str, ...] = (), outside: tuple[str, ...] = ()
) -> Table:
    """Values are searched alone, so (updated, pk) follow them; `narrowing` ones only sieve what the others find.

    `outside` ones are in no index: a key of a B-tree has room for two long texts, not for four.
    """
    ordered = [v.name for v in values if v.name not in {*narrowing, *outside}]
    return Table(
        f"index_{kind}",
        METADATA,
        _tenant(),
        _pk(),
        _column("param", Integer),
        *values,
        _updated(),
        Index(f"index_{kind}_by_value", "tenant", "param", *ordered, "updated", "pk", *narrowing),
        Index(f"index_{kind}_by_pk", "pk", "param", *ordered, *narrowing),
    )


# A code is mostly searched without its system, an id often without its type: these must not stand between
# the value and the order of the page.
INDEX_TOKEN = _index_table("token", _text("system"), _text("code"), narrowing=("system",))
INDEX_REFERENCE = _index_table(
    "reference",
    _column("target_type", SmallInteger),
    _text("target_id"),
    _text("target_base"),
    narrowing=("target_type", "target_base"),
)
INDEX_STRING = _index_table("string", _text("folded"), _text("exact"), narrowing=("exact",))
INDEX_DATE = _index_table("date", _column("low", BigInteger), _column("high", BigInteger))
INDEX_URI = _index_table("uri", _text("value"))
# Numbers are texts that sort like the numbers (`search.numbers`): exact on both databases.
INDEX_QUANTITY = _index_table("quantity", _text("unit"), _text("low"), _text("high"), narrowing=("high",))
# One row an element and pair of its values: a token first, then a value of any kind (`search.kinds.composite`).
INDEX_COMPOSITE = _index_table(
    "composite",
    _text("code"),
    _text("system"),
    _text("text"),
    _text("detail"),
    _column("target_type", SmallInteger),
    _text("low"),
    _text("high"),
    outside=("system", "detail", "target_type", "high"),
)
# A place on the unit sphere: distances are those of chords, which need no trigonometry of the database.
INDEX_POSITION = _index_table("position", *(_column(axis, Double) for axis in ("x", "y", "z")), narrowing=("y", "z"))

INDEX_TABLES = {
    "token": INDEX_TOKEN,
    "reference": INDEX_REFERENCE,
    "string": INDEX_STRING,
    "date": INDEX_DATE,
    "uri": INDEX_URI,
    "quantity": INDEX_QUANTITY,
    "composite": INDEX_COMPOSITE,
    "position": INDEX_POSITION,
}

WORK_ITEM = Table(
    "work_item",
    METADATA,
    Column("pk", SEQUENCE_NUMBER, primary_key=True, autoincrement=False),
    _tenant(),
    _column("type", SmallInteger),
    *(_text(n) for n in ("status", "intent", "priority", "owner", "requester", "patient", "focus", "code")),
    _column("authored", BigInteger, nullable=True),
    _updated(),
    Index("work_item_by_owner", "tenant", "type", "owner", "status", "updated", "pk"),
    Index("work_item_by_patient", "tenant", "type", "patient", "updated", "pk"),
    Index("work_item_by_status", "tenant", "type", "status", "updated", "pk"),
)
WORK_COLUMNS = ("status", "intent", "priority", "owner", "requester", "patient", "focus", "code", "authored")

OUTBOX = Table(
    "outbox",
    METADATA,
    Column("seq", SEQUENCE_NUMBER, Identity(), primary_key=True),
    _tenant(),
    _pk(),
    _column("type", SmallInteger),
    _column("resource_id", BYTES_TEXT),
    _column("version_id", Integer),
    _column("method", Text),
    _updated(),
    sqlite_autoincrement=True,
)

# A row says that all current resources of the type have their index rows under this fingerprint; "" that some may not.
INDEXED_PARAMETER = Table(
    "indexed_parameter",
    METADATA,
    _tenant(primary_key=True),
    Column("type", SmallInteger, primary_key=True, autoincrement=False),
    Column("number", Integer, primary_key=True, autoincrement=False),
    _column("fingerprint", Text),
)

# Where a reindexing of a type has come to, in the order of `resource_by_type`; the row goes when it is done.
REINDEX_PROGRESS = Table(
    "reindex_progress",
    METADATA,
    _tenant(primary_key=True),
    Column("type", SmallInteger, primary_key=True, autoincrement=False),
    _column("goal", Text),
    _column("until", BigInteger),
    _column("last_updated", BigInteger),
    _column("last_pk", BigInteger),
    _column("saved", BigInteger),
)

ACCESS_TOKEN = Table(
    "access_token",
    METADATA,
    Column("token_hash", Text, primary_key=True),
    _tenant(),
    _column("name", Text),
    _column("organization", Text),
    _column("scope", Text),
    _column("created", BigInteger),
    _column("expires", BigInteger, nullable=True),
    _column("revoked", BigInteger, nullable=True),
)

# Small values of the server itself, such as the key that signs page links.
SERVER_VALUE = Table(
    "server_value",
    METADATA,
    Column("name", Text, primary_key=True),
    _tenant(),
    _column("value", Text),
)
