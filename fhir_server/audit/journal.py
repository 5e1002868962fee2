"""The journal of one process: a line for each request that writes nothing, on file before its answer goes out.

A killed process loses no line that was appended; a lost machine loses what `sync` allows. A worker moves the lines into
`audit_event` (`collect.py`). What cannot be written down must not be answered: `append` raises Unavailable.
"""

import logging
import os
import secrets
import threading
import time
import weakref
from dataclasses import dataclass, field
from pathlib import Path

from fhir_server.audit import journal_file
from fhir_server.audit.journal_file import JournalFile
from fhir_server.audit.record import AuditRecord
from fhir_server.errors import Unavailable

_LOG = logging.getLogger(__name__)


def prepare_folder(folder: Path) -> None:
    """Make the folder, for its owner only. At start: a folder that goes missing later is a fault, not made anew.

    Raises Unavailable.
    """
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise Unavailable(f"the folder of the audit journals cannot be made: {error.strerror}") from error


@dataclass(slots=True)
class _Process:
    """What belongs to one process: a forked child begins with a fresh one.

    Names sort by process and then by rotation, even when the clock is set back.
    """

    lock: threading.Lock = field(default_factory=threading.Lock)
    stopping: threading.Event = field(default_factory=threading.Event)
    syncer: threading.Thread | None = None
    file: JournalFile | None = None
    is_dirty: bool = False
    opened: int = 0
    stem: str = field(default_factory=lambda: f"{time.time_ns() // 1000}-{os.getpid()}-{secrets.token_hex(8)}")


class Journal:
    """Appends records to a file of this process, opened at the first record after start, fork or rotation.

    `sync` "always" puts each line on the disk before `append` returns; "interval" does so every `interval_ms`.
    """

    def __init__(self, folder: Path, *, sync: str, interval_ms: int, max_bytes: int = 16_000_000) -> None:
        self._folder = folder
        self._syncs_always = sync == "always"
        self._interval_seconds = interval_ms / 1000
        self._max_bytes = max_bytes
        self._here = _Process()
        reference = weakref.ref(self)
        os.register_at_fork(after_in_child=lambda: _forget_parent(reference))

    def append(self, record: AuditRecord) -> None:
        """Write the record down; raises Unavailable when it could not be (then nothing may be answered but that)."""
        line = record.line()
        with self._here.lock:
            try:
                self._write(line)
            except OSError as error:
                _LOG.error("audit journal not writable: %s", error.strerror)
                raise Unavailable("the audit record of this request could not be written; try again") from error

    def sync(self) -> None:
        """Put all lines so far on the disk; raises OSError."""
        here = self._here
        with here.lock:
            file, here.is_dirty = here.file, False
        if file is not None:
            file.sync()

    def close(self) -> None:
        """Leave the file to the collector; a later record opens another."""
        here = self._here
        with here.lock:
            here.stopping.set()
            here.stopping, here.syncer = threading.Event(), None
            self._leave_file()

    def _write(self, line: bytes) -> None:
        file = self._written(line)
        if not file.is_in_place():
            # The file, or the folder under it, was removed or moved while it was open: the line is nowhere.
            self._leave_file()
            file = self._written(line)
        if self._syncs_always:
            self._synced(file)
        else:
            self._here.is_dirty = True
        if file.size >= self._max_bytes:
            self._leave_file()

    def _written(self, line: bytes) -> JournalFile:
        file = self._here.file or self._open()
        try:
            file.write(line)
        except OSError:
            if not (file.is_sound and file.is_in_place()):
                self._leave_file()
            raise
        return file

    def _open(self) -> JournalFile:
        here = self._here
        here.opened += 1
        file = journal_file.create(self._folder, f"{here.stem}-{here.opened:06}")
        here.file = file
        if not self._syncs_always and here.syncer is None:
            arguments = (weakref.ref(self), here.stopping, self._interval_seconds)
            here.syncer = threading.Thread(target=_sync_at_intervals, args=arguments, name="audit-sync", daemon=True)
            here.syncer.start()
        return file

    def _synced(self, file: JournalFile) -> None:
        try:
            file.sync()
        except OSError:
            # After a failed sync the system may have dropped the pages: the next lines go elsewhere.
            self._leave_file()
            raise

    def _leave_file(self) -> None:
        here = self._here
        file, here.file, here.is_dirty = here.file, None, False
        if file is not None:
            try:
                file.close()
            except OSError as error:
                _LOG.error("audit journal %s not synced: %s", file.path.name, error.strerror)

    def _sync_if_dirty(self) -> None:
        if not self._here.is_dirty:
            return
        try:
            self.sync()
        except OSError as error:
            _LOG.error("audit journal not synced, going on in another file: %s", error.strerror)
            with self._here.lock:
                self._leave_file()

    def _forget_parent(self) -> None:
        if self._here.file is not None:
            self._here.file.forget()
        self._here = _Process()


def _forget_parent(reference: "weakref.ref[Journal]") -> None:
    journal = reference()
    if journal is not None:
        journal._forget_parent()  # noqa: SLF001 (a fork, not a caller)


def _sync_at_intervals(reference: "weakref.ref[Journal]", stopping: threading.Event, seconds: float) -> None:
    while not stopping.wait(seconds):
        journal = reference()
        if journal is None:
            return
        journal._sync_if_dirty()  # noqa: SLF001 (its own thread)
        del journal
