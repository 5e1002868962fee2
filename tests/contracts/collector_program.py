"""Programs that collect journals under hard conditions, for test_audit_collect.py; an AssertionError is a failure."""

import os
import sys
from collections.abc import Callable
from pathlib import Path

from fhir_server.audit.collect import collect
from fhir_server.audit.journal import Journal
from fhir_server.store.database import Database, open_database
from tests.builders.audit import moved_numbers
from tests.builders.records import record
from tests.killing import DIED, die_before, forked

FILES = (
    "audit/collect.py", "audit/events.py", "store/unit_of_work.py",
    "store/sqlite/database.py", "store/sqlite/write.py", "store/postgresql/database.py", "store/postgresql/link.py",
)  # fmt: skip
RECORDS = 9
SMALL_BATCH = 700


def now() -> int:
    """A clock that stands still."""
    return 1_795_305_700_000_000


def write(url: str, folder: Path, first: str, count: str) -> None:
    """Append records, telling on standard output which are on file, until killed."""
    journal = Journal(folder, sync="interval", interval_ms=5, max_bytes=40_000)
    for number in range(int(first), int(first) + int(count)):
        journal.append(record(number))
        os.write(1, f"{number}\n".encode())


def race(url: str, folder: Path) -> None:
    """Collect until all writers are gone, in batches so small that others get between them."""
    database = open_database(url)
    print("ready", flush=True)
    sys.stdin.readline()
    while any(folder.glob("*.ndjson")):
        collect(database, folder, now=now, batch_bytes=SMALL_BATCH)
    database.close()


def killed(url: str, folder: Path, stride: str) -> None:
    """Collect two journals, a finished and a torn one; die at each point of it in turn, collect again, compare."""
    database = open_database(url)
    deaths, status = 0, DIED
    while status == DIED:
        here = folder / str(deaths)
        here.mkdir()
        _write_two_journals(here)
        names = sorted(path.name for path in here.iterdir())

        def victim(here: Path = here, lines: int = 1 + deaths * int(stride)) -> None:
            die_before(lines, FILES)
            collect(database, here, now=now, batch_bytes=SMALL_BATCH)

        status = forked(victim)
        _collect_and_compare(database, here, names)
        deaths += 1
    assert status == 0
    print(deaths)


def _write_two_journals(folder: Path) -> None:
    for start in (0, 100):
        journal = Journal(folder, sync="interval", interval_ms=1_000)
        for number in range(RECORDS):
            journal.append(record(start + number))
        journal.close()
    with max(folder.iterdir()).open("ab") as file:
        file.write(record(999).line()[:50])


def _collect_and_compare(database: Database, folder: Path, names: list[str]) -> None:
    collect(database, folder, now=now)
    assert list(folder.iterdir()) == []
    for name, start in zip(names, (0, 100), strict=True):
        assert moved_numbers(database, name) == list(range(start, start + RECORDS))
    # The next victim inherits no connection.
    database.close()


PROGRAMS: dict[str, Callable[..., None]] = {"write": write, "race": race, "killed": killed}

if __name__ == "__main__":
    name, url, where, *further = sys.argv[1:]
    PROGRAMS[name](url, Path(where), *further)
