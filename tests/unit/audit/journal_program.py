"""Programs that write journals under hard conditions, for test_journal.py; an AssertionError is their failure."""

import fcntl
import os
import resource
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from fhir_server.audit.journal import Journal
from fhir_server.errors import Unavailable
from tests.builders.records import numbers_in_folder, record
from tests.killing import DIED, die_before, forked

FILES = ("audit/journal.py", "audit/journal_file.py")


def limited(folder: Path, limit: int) -> None:
    """Write 20 records where no file may be larger than the limit; print which were accepted."""
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))
    journal = Journal(folder, sync="interval", interval_ms=10_000)
    for number in range(20):
        try:
            journal.append(record(number, query="x" * (number * 20)))
        except Unavailable:
            continue
        print(number)


def full(folder: Path) -> None:
    """Fill a small disk with records, then make room."""
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64k", "none", folder], check=True)
    ballast = folder / "ballast"
    ballast.write_bytes(b"x" * 30_000)
    journal = Journal(folder, sync="always", interval_ms=10_000)
    accepted, refused = [], 0
    for number in range(2_000):
        try:
            journal.append(record(number, query="x" * (number % 97)))
            accepted.append(number)
        except Unavailable:
            refused += 1
    assert accepted, "there was room"
    assert refused, "there was not enough room"
    assert [n for file in numbers_in_folder(folder) for n in file] == accepted
    ballast.unlink()
    journal.append(record(9_999))
    assert [n for file in numbers_in_folder(folder) for n in file] == [*accepted, 9_999]
    assert all(path.read_bytes().endswith(b"\n") for path in folder.iterdir())


def fork(folder: Path) -> None:
    """A parent and its child write to the same Journal object, whose lock and sync thread are busy at the fork."""
    journal = Journal(folder, sync="interval", interval_ms=1)
    journal.append(record(0))
    (path,) = folder.iterdir()

    def child() -> None:
        journal.append(record(100))
        journal.append(record(101))

    assert forked(child) == 0
    with path.open("rb") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            pass
        else:
            raise AssertionError("the parent lost its lock when the child ended")
    journal.append(record(1))
    journal.close()


def killed(folder: Path) -> None:
    """Write seven records in three files, acknowledging each; die before the first line, the second, and so on."""
    deaths = 0
    status = DIED
    while status == DIED:
        status = _die_writing(folder / str(deaths), deaths + 1)
        deaths += 1
    assert status == 0
    print(deaths)


def _die_writing(folder: Path, lines: int) -> int:
    folder.mkdir()
    reading, writing = os.pipe()

    def write() -> None:
        os.close(reading)
        journal = Journal(folder, sync="always", interval_ms=10_000, max_bytes=3 * len(record(0).line()))
        die_before(lines, FILES)
        for number in range(7):
            journal.append(record(number))
            os.write(writing, b"!")

    status = forked(write)
    os.close(writing)
    with os.fdopen(reading, "rb") as pipe:
        acknowledged = len(pipe.read())
    found = [number for file in numbers_in_folder(folder) for number in file]
    assert found in (list(range(acknowledged)), list(range(acknowledged + 1))), (lines, acknowledged, found)
    return status


PROGRAMS: dict[str, Callable[..., None]] = {"limited": limited, "full": full, "fork": fork, "killed": killed}

if __name__ == "__main__":
    name, where, *numbers = sys.argv[1:]
    PROGRAMS[name](Path(where), *map(int, numbers))
