"""The unit of work: changes that are committed together, under one stamp, or not at all.

https://hl7.org/fhir/R4/http.html#transaction-integrity and https://hl7.org/fhir/R4/resource.html#Meta (lastUpdated).
Writers are serialised from the moment they take the stamp until they have committed (the write order), so that stamps
and outbox numbers increase in the order of commits: who has seen one misses nothing below it.
"""

import random
import time
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import Any, Protocol, TypeVar

from sqlalchemy import Table

from fhir_server.errors import FhirError, Unavailable
from fhir_server.store.index_rows import IndexRows
from fhir_server.store.statements import Rows
from fhir_server.store.stored import Stored
from fhir_server.telemetry import metrics

__all__ = [
    "Change", "IndexRows", "OutcomeUnknown", "Reindexed", "Retryable", "UnitOfWork", "Work", "WriteConflict",
    "run_unit_of_work",
]  # fmt: skip

T = TypeVar("T")

Work = tuple[str, str, str, str, str, str, str, str, int | None]
"""status, intent, priority, owner, requester, patient, focus, code, authored: the columns of `work_item`."""


class WriteConflict(Exception):
    """Another writer was first: a version moved on, or the id was taken. Nothing was written."""


class Retryable(Exception):
    """Deadlock, busy, or the connection was lost before anything could be committed: the same may work now."""


class OutcomeUnknown(FhirError):
    """The connection was lost during the commit, so the write may or may not have happened; never retried here."""

    status = 503


@dataclass(frozen=True, slots=True)
class Change:
    """One version to write: `pk` None for a new resource, `version_id` 1 then, and else one more than the current one.

    `head` and `tail` are the body around the stamp (`fhir.meta.split_for_stamp`); "" when deleted.
    """

    type_number: int
    resource_id: str
    pk: int | None
    version_id: int
    deleted: bool
    method: str
    head: str
    tail: str
    index: IndexRows = field(default_factory=IndexRows)
    work: Work | None = None


@dataclass(frozen=True, slots=True)
class Reindexed:
    """Index rows made anew for a version that stays as it is; `updated` is its own stamp, which its rows carry."""

    pk: int
    type_number: int
    updated: int
    index: IndexRows
    work: Work | None = None


class UnitOfWork(Rows, Protocol):
    """What happens inside `Database.unit_of_work`: leaving the block commits, raising rolls back.

    `rows` sees what this unit has flushed. Before the write order is entered, each statement sees the last commit
    of all writers and holds up nobody. It also runs INSERT, UPDATE and DELETE of the small tables.
    """

    def enter_write_order(self) -> None:
        """Wait for other writers now; what is read from here on cannot change before this unit ends."""
        ...

    def change(self, change: Change) -> int:
        """Collect a version to write; returns its place in `stored`."""
        ...

    def reindex(self, reindexed: Reindexed) -> None:
        """Collect index rows that replace those of a version, if that is still current when they are written.

        A version that is not has left its rows to a newer one. No stamp is taken, and nothing else is written.
        """
        ...

    def insert(self, table: Table, row: Mapping[str, Any]) -> None:
        """Collect a row of another table; leave out the columns that carry the stamp (`info={"stamp": True}`)."""
        ...

    def flush(self) -> int:
        """Write what was collected and return the stamp; raises WriteConflict, Retryable, Unavailable."""
        ...

    @property
    def stamp(self) -> int:
        """The stamp in epoch microseconds, once something was flushed or committed; 0 before."""
        ...

    @property
    def stored(self) -> list[Stored]:
        """The versions written, in the order of the changes; complete after the commit."""
        ...


class _Opener(Protocol):
    def unit_of_work(self, *, tenant: int, now: int) -> AbstractContextManager[UnitOfWork]: ...


def run_unit_of_work(
    database: _Opener,
    function: Callable[[UnitOfWork], T],
    *,
    tenant: int,
    now: Callable[[], int],
    timeout_ms: int,
) -> tuple[T, list[Stored]]:
    """Run `function` in a unit of work and commit; returns its result and the versions stored.

    Tries again after Retryable until the time limit, so `function` may run more than once; `now` gives microseconds.
    Raises what `function` raises, WriteConflict, and Unavailable when the time is up.
    """
    deadline = time.monotonic() + timeout_ms / 1000
    pause = 0.002
    while True:
        try:
            with database.unit_of_work(tenant=tenant, now=now()) as uow:
                result = function(uow)
            return result, uow.stored
        except Retryable as error:
            pause = min(pause * 2, 0.1)
            if time.monotonic() + pause > deadline:
                raise Unavailable("the database stayed busy; nothing was changed, try again") from error
            metrics().database_retries.inc()
            time.sleep(pause * random.uniform(0.5, 1.0))  # noqa: S311 (spreads writers, hides nothing)
