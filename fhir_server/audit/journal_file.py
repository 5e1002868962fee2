"""One file of a journal: newline-ended lines, written by one process that holds its lock for as long as it lives.

Whoever gets the lock of a file (flock(2)) knows that its writer is gone and that no line will follow.
A line is in the file whole or not at all: the next line must never continue a torn one.
"""

import contextlib
import errno
import fcntl
import os
import threading
from pathlib import Path

SUFFIX = ".ndjson"
_ATTEMPTS = 8


class JournalFile:
    """An open file; not for two threads at once, except `sync`, which may run beside `write`."""

    __slots__ = ("_closing", "_identity", "descriptor", "is_sound", "path", "size")

    def __init__(self, path: Path, descriptor: int) -> None:
        self.path = path
        self.descriptor = descriptor
        self.size = 0
        self.is_sound = True
        self._identity = _identity(os.fstat(descriptor))
        self._closing = threading.Lock()

    def write(self, line: bytes) -> None:
        """Append the line; on OSError nothing of it is left, or `is_sound` is False and no line may follow."""
        written = 0
        try:
            while written < len(line):
                written += os.write(self.descriptor, line[written:] if written else line)
        except OSError as error:
            self._withdraw(written)
            # A file at its size limit refuses every line; the next one may still take it.
            self.is_sound = self.is_sound and error.errno != errno.EFBIG
            raise
        self.size += written

    def is_in_place(self) -> bool:
        """Whether the file is still where a collector will look for it: not removed, not moved away with its folder."""
        try:
            return _identity(os.stat(self.path)) == self._identity  # noqa: PTH116 (twice as fast, once per request)
        except OSError:
            return False

    def sync(self) -> None:
        """Wait until all lines are on the disk; nothing to do when the file is closed, which synced it."""
        with self._closing:
            if self.descriptor >= 0:
                os.fdatasync(self.descriptor)

    def close(self) -> None:
        """Sync, give the lock back, close: from here on the file belongs to the collector."""
        with self._closing:
            if self.descriptor < 0:
                return
            try:
                os.fdatasync(self.descriptor)
            finally:
                self.forget()

    def forget(self) -> None:
        """Close without a sync: in a forked child, whose parent still writes (and keeps the lock)."""
        descriptor, self.descriptor = self.descriptor, -1
        os.close(descriptor)

    def _withdraw(self, written: int) -> None:
        # By what the file holds, not by what was counted: a signal may have come between a write and its counting.
        try:
            if written:
                os.ftruncate(self.descriptor, os.fstat(self.descriptor).st_size - written)
        except OSError:
            self.is_sound = False


def create(folder: Path, stem: str) -> JournalFile:
    """A new, locked, empty file `<stem>-<n>` with its suffix, its name on the disk; raises OSError."""
    for attempt in range(_ATTEMPTS):
        path = folder / f"{stem}-{attempt}{SUFFIX}"
        descriptor = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        try:
            # A collector that comes between these two lines takes the file for a dead one and removes it.
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            file = JournalFile(path, descriptor)
            if file.is_in_place():
                _sync_folder(folder)
                return file
        except BlockingIOError:
            pass
        except OSError:
            os.close(descriptor)
            raise
        os.close(descriptor)
    raise OSError(errno.EBUSY, "no journal file could be kept", str(folder))


def lock_of_the_dead(descriptor: int) -> bool:
    """Take the lock of a file whose writer is gone; False while it lives, or while another collector is at it."""
    with contextlib.suppress(BlockingIOError):
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        return True
    return False


def _identity(status: os.stat_result) -> tuple[int, int]:
    return status.st_dev, status.st_ino


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
