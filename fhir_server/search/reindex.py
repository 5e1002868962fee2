"""Reindexing: index rows of a type made anew from the stored bodies, in batches, while others read and write.

A batch is read and extracted before it enters the write order, and written there only for versions that are still
current: what was written meanwhile has rows by the same definitions. The rule: position, rows and, at the end, the
fingerprints are committed together, so that a process may die anywhere and another one go on from there.
"""

import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace

from fhir_server.errors import Conflict
from fhir_server.fhir.json import parse_stored
from fhir_server.search import index_state
from fhir_server.search.extract import Extractor
from fhir_server.search.fingerprints import IndexedType
from fhir_server.search.index_state import Position, Waiting
from fhir_server.search.readiness import EVERYTHING, foreign
from fhir_server.store.database import Database, UnitOfWork
from fhir_server.store.unit_of_work import Reindexed, run_unit_of_work

PAUSE_SECONDS = 0.002


@dataclass(frozen=True, slots=True)
class Batch:
    """What was just committed: how many resources of the type were done, and whether none is left."""

    type_name: str
    resources: int
    is_last: bool


@dataclass(frozen=True, slots=True)
class Reindexing:
    """How to reindex: against which definitions and base, in batches of which size.

    `everything` takes types that are ready as well, which stay so meanwhile. Before it begins, `readiness.adopt` must
    have run with the same definitions.
    """

    database: Database
    extractor: Extractor
    base: str
    tenant: int
    now: Callable[[], int]
    timeout_ms: int
    batch: int = 100
    everything: bool = False

    def goal(self, of: IndexedType) -> str:
        """What is written beside the position."""
        return f"{EVERYTHING if self.everything else ''}{of.goal(self.base)}"

    def position(self, of: IndexedType) -> Position:
        """Where it would go on."""
        found = index_state.positions(self.database, tenant=self.tenant).get(of.type_number)
        return found if found is not None and found.goal == self.goal(of) else Position(self.goal(of))


def reindex(how: Reindexing, of: IndexedType) -> Iterator[Batch]:
    """Reindex one type from where it was broken off, yielding after each commit.

    Several may do so at once: they take turns. Raises Conflict when one with other definitions takes over, Unavailable.
    """
    _run(how, lambda uow: _begin(how, uow, of))
    is_last = False
    while not is_last:
        batch = _run(how, lambda uow: _next(how, uow, of))
        if batch is not None:
            is_last = batch.is_last
            yield batch
        time.sleep(PAUSE_SECONDS)


def _run(how: Reindexing, function: "Callable[[UnitOfWork], Batch | None]") -> Batch | None:
    return run_unit_of_work(how.database, function, tenant=how.tenant, now=how.now, timeout_ms=how.timeout_ms)[0]


def _begin(how: Reindexing, uow: UnitOfWork, of: IndexedType) -> None:
    """Save that it begins, unless it goes on; from here on no other definitions may be taken for indexed."""
    uow.enter_write_order()
    found = index_state.positions(uow, tenant=how.tenant).get(of.type_number)
    if found is None or found.goal != how.goal(of):
        index_state.invalidate(uow, of.type_number, foreign(of, _stored(how, uow, of)), tenant=how.tenant)
        until = index_state.last_stamp(uow, of.type_number, tenant=how.tenant)
        index_state.move(uow, of.type_number, Position(how.goal(of), until), tenant=how.tenant, now=how.now())


def _next(how: Reindexing, uow: UnitOfWork, of: IndexedType) -> Batch | None:
    """One batch; None when another process took it first."""
    position = index_state.positions(uow, tenant=how.tenant).get(of.type_number)
    if position is None or position.goal != how.goal(of):
        return _ended(how, uow, of)
    waiting = index_state.waiting(uow, of.type_number, position, tenant=how.tenant, limit=how.batch)
    made = [_reindexed(how, one, of) for one in waiting]
    uow.enter_write_order()
    if index_state.positions(uow, tenant=how.tenant).get(of.type_number) != position:
        return None
    for one in made:
        uow.reindex(one)
    is_last = len(waiting) < how.batch
    if is_last:
        index_state.mark(uow, of.type_number, of.fingerprints, tenant=how.tenant)
        index_state.forget(uow, of.type_number, tenant=how.tenant)
    else:
        last = replace(position, updated=waiting[-1].updated, pk=waiting[-1].pk)
        index_state.move(uow, of.type_number, last, tenant=how.tenant, now=how.now())
    return Batch(of.type_name, len(made), is_last)


def _ended(how: Reindexing, uow: UnitOfWork, of: IndexedType) -> Batch:
    """Another process brought it to its end; raises Conflict when it was stopped instead."""
    if of.outdated(_stored(how, uow, of)):
        raise Conflict(
            f"another process has taken the reindexing of {of.type_name} over, or runs with other definitions; "
            "stop what does, then begin again"
        )
    return Batch(of.type_name, 0, is_last=True)


def _reindexed(how: Reindexing, one: Waiting, of: IndexedType) -> Reindexed:
    resource = parse_stored(one.body)
    rows = how.extractor.index_rows(resource)
    return Reindexed(one.pk, of.type_number, one.updated, rows, how.extractor.work_row(resource, rows))


def _stored(how: Reindexing, uow: UnitOfWork, of: IndexedType) -> Mapping[int, str]:
    return index_state.fingerprints(uow, tenant=how.tenant).get(of.type_number, {})
