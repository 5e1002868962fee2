"""The floor's SQL on PostgreSQL: the statements that the store runs, prepared, with arrays made ready beforehand.

They are sent through the store's own connection class, which is a thin layer on libpq: psycopg's cursors cost more than
the statements do, so a floor on them would be no floor.
"""

import time
from collections.abc import Sequence
from typing import Any

import psycopg

from benchmarks.floor_copies import AUDIT_COLUMNS, Copies, Copy, Read, audit_row, stamped
from fhir_server.audit.tables import AUDIT_EVENT
from fhir_server.store.index_rows import IndexRows
from fhir_server.store.postgresql import write
from fhir_server.store.postgresql.link import READER_SETTINGS, WRITER_SETTINGS, PostgresqlLink, Step
from fhir_server.store.postgresql.values import Value, encoded, plain_array, text_array
from fhir_server.store.unit_of_work import Change, Retryable, WriteConflict

_READ = (
    "SELECT pk, type, resource_id, version_id, updated, deleted, method, body FROM resource "
    "WHERE tenant = $1::SMALLINT AND type = $2::SMALLINT AND resource_id = $3::TEXT"
)
_BEFORE: list[Step] = [("BEGIN", ()), ("SELECT pg_advisory_xact_lock(7306217)", ())]
_COMMIT: Step = ("COMMIT", ())
_KEYS_AT_ONCE = 1_000
_ATTEMPTS = 20


class Writing:
    """The one statement of a write with its values; the few that differ from one write to the next are put in."""

    def __init__(self, copies: Sequence[Copy], version_id: int) -> None:
        changes = [_change(copy, version_id) for copy in copies]
        groups = {(AUDIT_EVENT, AUDIT_COLUMNS): [_audit(copy, version_id) for copy in copies]}
        keys = [0] * len(copies)
        (step,) = write.steps(changes, keys, groups, tenant=1, now=0, stamping="take")
        self.text = step[0]
        self._values = list(step[1])
        self._first = 2 if version_id == 1 else 3  # tenant, now, and how many versions are replaced
        self._keyed = list(self._arrays_of_keys(copies))

    def _arrays_of_keys(self, copies: Sequence[Copy]) -> list[tuple[int, list[int]]]:
        """Where the keys of index and work rows go: place among the values, and which copy each row belongs to."""
        place = self._first + 8
        found = []
        for table in copies[0].index:
            owners = [n for n, copy in enumerate(copies) for _ in copy.index[table]]
            if owners:
                found.append((place, owners))
                place += 1 + len(next(row for copy in copies for row in copy.index[table]))
        owners = [n for n, copy in enumerate(copies) if copy.work]
        return [*found, (place, owners)] if owners else found

    def step(self, copies: Sequence[Copy], keys: Sequence[int], version_id: int) -> Step:
        """The statement for these copies."""
        now = time.time_ns() // 1000
        values: list[Value] = list(self._values)
        first = self._first
        values[1] = encoded(now)
        values[first] = plain_array(keys)
        values[first + 2] = text_array([copy.resource_id for copy in copies])
        values[first + 3] = plain_array([version_id] * len(copies))
        values[first + 6] = text_array([copy.head for copy in copies])
        for place, owners in self._keyed:
            values[place] = plain_array([keys[owner] for owner in owners])
        rows = [audit_row(copy, version_id, now) for copy in copies]
        audit = len(values) - len(AUDIT_COLUMNS)
        for name in ("request_id", "resource_id"):
            column = AUDIT_COLUMNS.index(name)
            values[audit + column] = text_array([row[column] for row in rows])
        return self.text, values


class PostgresqlFloor:
    """A `Store` on two connections, as the server has them."""

    def __init__(self, url: str, copies: Copies) -> None:
        self._copies = copies
        self._type = encoded(copies.task.type_number)
        self._reader = PostgresqlLink(url, timeout_ms=10_000, settings=READER_SETTINGS)
        self._writer = PostgresqlLink(url, timeout_ms=10_000, settings=WRITER_SETTINGS)
        self._create = {1: Writing([copies.task], 1), 9: Writing(copies.referral, 1)}
        self._update = Writing([copies.task], 2)
        self._keys: list[int] = []

    @staticmethod
    def reader(url: str) -> Read:
        """Runs one statement on a connection of its own."""

        def read(statement: str) -> list[Any]:
            with psycopg.connect(url) as connection:
                return connection.execute(statement.encode()).fetchall()

        return read

    def read(self, resource_id: str) -> bytes:
        """See `Store.read`."""
        return self._reader.run(_READ, [encoded(1), self._type, encoded(resource_id)]).get_value(0, 7) or b""

    def create(self, count: int) -> list[str]:
        """See `Store.create`."""
        copies = self._copies.new(count)
        keys = [self._key() for _ in copies]
        stamp = self._written(self._create[count].step(copies, keys, 1))
        return [stamped(copy, 1, stamp) for copy in copies]

    def update(self, resource_id: str) -> str:
        """See `Store.update`."""
        for _ in range(_ATTEMPTS):
            found = self._reader.run(_READ, [encoded(1), self._type, encoded(resource_id)])
            pk, version = (int.from_bytes(found.get_value(0, column) or b"", "big") for column in (0, 3))
            copy = self._copies.task
            try:
                stamp = self._written(self._update.step([copy], [pk], version + 1))
            except (WriteConflict, Retryable):
                self._writer.roll_back()
                continue
            return stamped(copy, version + 1, stamp)
        raise RuntimeError("the update never found the version that it had read")

    def _written(self, step: Step) -> int:
        results = self._writer.run_all([*_BEFORE, step, _COMMIT])
        return int.from_bytes(results[2].get_value(0, 0) or b"", "big")

    def _key(self) -> int:
        if not self._keys:
            first = int.from_bytes(self._writer.run("SELECT nextval('resource_pk')").get_value(0, 0) or b"", "big")
            self._keys = list(range(first + _KEYS_AT_ONCE - 1, first - 1, -1))
        return self._keys.pop()


def _change(copy: Copy, version_id: int) -> Change:
    index = IndexRows(**{table.removeprefix("index_"): rows for table, rows in copy.index.items()})  # type: ignore[arg-type]
    method = "POST" if version_id == 1 else "PUT"
    key = None if version_id == 1 else 0
    work: Any = copy.work
    return Change(copy.type_number, copy.resource_id, key, version_id, False, method, copy.head, copy.tail, index, work)


def _audit(copy: Copy, version_id: int) -> dict[str, Any]:
    return dict(zip(AUDIT_COLUMNS, audit_row(copy, version_id, 0), strict=True))
