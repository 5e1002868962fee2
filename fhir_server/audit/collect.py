"""Move the lines of the journals into `audit_event`: in order within each journal, each line once.

The rows of a batch and the new position of their journal are one unit of work, so a collector may be killed anywhere,
and several may run. A file goes only when its writer is gone and all its lines are committed.
"""

import logging
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from fhir_server.audit import events
from fhir_server.audit.journal_file import SUFFIX, lock_of_the_dead
from fhir_server.audit.record import AuditRecord, parse
from fhir_server.errors import Unavailable
from fhir_server.store.database import Database, UnitOfWork
from fhir_server.store.unit_of_work import run_unit_of_work

_LOG = logging.getLogger(__name__)
_TENANT = 1


@dataclass(frozen=True, slots=True)
class Collected:
    """How many lines were moved (the damaged among them), torn ends dropped, and files removed."""

    moved: int = 0
    damaged: int = 0
    torn: int = 0
    removed: int = 0

    def __add__(self, other: "Collected") -> "Collected":
        return Collected(
            self.moved + other.moved,
            self.damaged + other.damaged,
            self.torn + other.torn,
            self.removed + other.removed,
        )


@dataclass(frozen=True, slots=True)
class _Batch:
    """Whole lines of a journal, from the byte `start` to the byte `end`."""

    journal: str
    start: int
    end: int
    lines: Sequence[bytes]


def collect(
    database: Database, folder: Path, *, now: Callable[[], int], timeout_ms: int = 10_000, batch_bytes: int = 65_536
) -> Collected:
    """Move all that is there; `now` gives epoch microseconds. Raises Unavailable, and then the next call goes on.

    `batch_bytes` of lines are one unit of work: on SQLite other writers wait for about 5 ms at 64 KiB.
    """

    def store(batch: _Batch) -> Collected | None:
        def write(unit: UnitOfWork) -> Collected | None:
            return _write(unit, batch, now())

        return run_unit_of_work(database, write, tenant=_TENANT, now=now, timeout_ms=timeout_ms)[0]

    total = Collected()
    for path in _journals(folder):
        try:
            descriptor = os.open(path, os.O_RDWR | os.O_CLOEXEC)
        except FileNotFoundError:
            continue  # another collector was faster
        try:
            total += _collect_file(database, path, descriptor, store, batch_bytes)
        except Unavailable:
            raise
        except Exception as error:  # noqa: BLE001 (one journal that cannot be moved holds up no other)
            _LOG.error("audit journal %s cannot be moved: %s", path.name, type(error).__name__)
        finally:
            os.close(descriptor)
    return total


def waiting_bytes(database: Database, folder: Path) -> int:
    """How many bytes of the journals in the folder are not in the table yet."""
    waiting = 0
    for path in _journals(folder):
        try:
            waiting += max(path.stat().st_size - events.position(database, path.name), 0)
        except FileNotFoundError:
            continue  # moved, and removed
    return waiting


def _journals(folder: Path) -> list[Path]:
    try:
        return sorted(path for path in folder.iterdir() if path.name.endswith(SUFFIX))
    except OSError as error:
        raise Unavailable(f"the folder of the audit journals cannot be read: {error.strerror}") from error


def _collect_file(
    database: Database,
    path: Path,
    descriptor: int,
    store: Callable[[_Batch], Collected | None],
    batch_bytes: int,
) -> Collected:
    # First of all, so that what is read below is all there will ever be.
    is_finished = lock_of_the_dead(descriptor)
    position = events.position(database, path.name)
    total = Collected()
    while lines := _whole_lines(descriptor, position, batch_bytes):
        batch = _Batch(path.name, position, position + sum(map(len, lines)), lines)
        stored = store(batch)
        if stored is None:
            return total  # another collector is at this journal
        position = batch.end
        total += stored
    return total + _remove(path, descriptor, position) if is_finished else total


def _whole_lines(descriptor: int, position: int, size: int) -> list[bytes]:
    """The lines from `position` on, about `size` bytes of them; none when no newline follows."""
    while True:
        block = os.pread(descriptor, size, position)
        end = block.rfind(b"\n") + 1
        if end or len(block) < size:
            return block[:end].splitlines(keepends=True)
        size *= 4  # a line longer than the block


def _write(unit: UnitOfWork, batch: _Batch, now: int) -> Collected | None:
    if not events.advance(unit, batch.journal, tenant=_TENANT, start=batch.start, end=batch.end, now=now):
        return None
    position, damaged = batch.start, 0
    for line in batch.lines:
        try:
            record = parse(line)
        except ValueError:
            # A disk's fault, not a writer's: what was here is lost, but that it was is kept.
            damaged += 1
            record = AuditRecord(recorded=now, interaction="damaged", status=0, reason="journal")
        events.insert(unit, record, journal=batch.journal, place=position)
        position += len(line)
    if damaged:
        _LOG.error("audit journal %s: %d damaged lines", batch.journal, damaged)
    return Collected(moved=len(batch.lines), damaged=damaged)


def _remove(path: Path, descriptor: int, position: int) -> Collected:
    torn = 1 if os.fstat(descriptor).st_size > position else 0
    if torn:
        _LOG.warning("audit journal %s: dropped the torn end of a killed process", path.name)
    path.unlink(missing_ok=True)
    return Collected(torn=torn, removed=1)
