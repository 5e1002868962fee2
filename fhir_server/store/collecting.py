"""What the units of work of both databases share: collecting changes and rows until they are flushed.

The rule: nothing collected is written before `flush` or the commit, so that one trip to the database can do both.
"""

from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any

from sqlalchemy import Table

from fhir_server.fhir import meta
from fhir_server.store.statements import Compiling, StatementCache
from fhir_server.store.stored import Stored
from fhir_server.store.unit_of_work import Change, Reindexed

RowGroup = tuple[Table, tuple[str, ...]]
"""A table and the columns that are given; rows of a group are written together."""
CollectedRows = dict[RowGroup, list[Mapping[str, Any]]]


class CollectingUnit(Compiling):
    """The collecting half of a `UnitOfWork`; a database adds how to begin, read and write."""

    __slots__ = ("_changes", "_now", "_reindexed", "_rows", "_stamp", "_stored", "_tenant")

    def __init__(self, statements: StatementCache, *, tenant: int, now: int) -> None:
        super().__init__(statements)
        self._tenant = tenant
        self._now = now
        self._changes: list[Change] = []
        self._rows: CollectedRows = {}
        self._reindexed: list[Reindexed] = []
        self._stamp = 0
        self._stored: list[Stored] = []

    @property
    def stamp(self) -> int:
        """See `UnitOfWork.stamp`."""
        return self._stamp

    @property
    def stored(self) -> list[Stored]:
        """See `UnitOfWork.stored`."""
        return self._stored

    def change(self, change: Change) -> int:
        """See `UnitOfWork.change`."""
        self._changes.append(change)
        return len(self._stored) + len(self._changes) - 1

    def insert(self, table: Table, row: Mapping[str, Any]) -> None:
        """See `UnitOfWork.insert`."""
        self._rows.setdefault((table, tuple(row)), []).append(row)

    def reindex(self, reindexed: Reindexed) -> None:
        """See `UnitOfWork.reindex`."""
        self._reindexed.append(reindexed)

    def _needs_stamp(self) -> bool:
        return bool(self._changes) or any(stamp_columns(table) for table, _ in self._rows)

    def _take_collected(self) -> tuple[list[Change], CollectedRows]:
        collected = self._changes, self._rows
        self._changes, self._rows = [], {}
        return collected

    def _take_reindexed(self) -> list[Reindexed]:
        collected, self._reindexed = self._reindexed, []
        return collected


@cache
def stamp_columns(table: Table) -> tuple[str, ...]:
    """The columns that carry the stamp of the unit of work."""
    return tuple(c.name for c in table.columns if c.info.get("stamp"))


def stored_versions(changes: Sequence[Change], pks: Sequence[int], stamp: int) -> list[Stored]:
    """The versions as they are stored, in the order of the changes."""
    texts = {v: meta.stamp_text(v, stamp) for v in {c.version_id for c in changes}}
    return [
        Stored(
            pk, c.type_number, c.resource_id, c.version_id, stamp, c.deleted, c.method,
            "" if c.deleted else f"{c.head}{texts[c.version_id]}{c.tail}",
        )
        for c, pk in zip(changes, pks, strict=True)
    ]  # fmt: skip
