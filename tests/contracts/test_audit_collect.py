"""Journals reach the audit trail in their order, each line once, whoever dies on the way; on both databases."""

import contextlib
import random
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from fhir_server.audit import events
from fhir_server.audit.collect import Collected, collect, waiting_bytes
from fhir_server.audit.journal import Journal, prepare_folder
from fhir_server.audit.journal_file import create
from fhir_server.errors import Unavailable
from fhir_server.store.database import Database, open_database
from tests.builders.audit import audit_events, moved_numbers
from tests.builders.records import record

ROOT = Path(__file__).parents[2]
PATIENCE_SECONDS = 300
NOW = 1_795_305_700_000_000


@pytest.fixture
def database(database_url: str) -> Iterator[Database]:
    """An open database."""
    database = open_database(database_url)
    yield database
    database.close()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder for journals."""
    prepare_folder(tmp_path / "journals")
    return tmp_path / "journals"


@pytest.fixture
def journal(folder: Path) -> Iterator[Journal]:
    """The journal of a process that lives."""
    journal = Journal(folder, sync="interval", interval_ms=10_000)
    yield journal
    journal.close()


def _collect(database: Database, folder: Path, *, batch_bytes: int = 700) -> Collected:
    return collect(database, folder, now=lambda: NOW, batch_bytes=batch_bytes)


def _numbers(database: Database) -> list[int]:
    return [int(event["request_id"]) for event in audit_events(database)]


def _program(*arguments: str | Path) -> list[str]:
    return [sys.executable, "-m", "tests.contracts.collector_program", *map(str, arguments)]


def _started(*arguments: str | Path) -> "subprocess.Popen[str]":
    pipe = subprocess.PIPE
    return subprocess.Popen(_program(*arguments), cwd=ROOT, stdin=pipe, stdout=pipe, text=True)


def test_an_empty_folder_is_nothing_to_do(database: Database, folder: Path) -> None:
    assert _collect(database, folder) == Collected()


def test_a_missing_folder_is_an_error(database: Database, folder: Path) -> None:
    folder.rmdir()
    with pytest.raises(Unavailable):
        _collect(database, folder)


def test_all_of_a_record_arrives(database: Database, folder: Path, journal: Journal) -> None:
    original = record(
        7, status=404, entry=3, interaction="vread", organization="Organization/clinic", version_id=12,
        query="name=Ñandú", reason="not-visible", resources=("Patient/1", "Patient/2"),
    )  # fmt: skip
    journal.append(original)
    assert _collect(database, folder) == Collected(moved=1)
    (event,) = audit_events(database)
    (path,) = folder.iterdir()
    assert event == {"seq": event["seq"], **original.row(), "journal": path.name, "position": 0}


def test_hostile_text_does_not_hold_up_a_journal(database: Database, folder: Path, journal: Journal) -> None:
    journal.append(record(0, query="a\0b\ud800c\udc00", resource_id="\0" * 100_000, type_name="é" * 100_000))
    journal.append(record(1, version_id=2**70, query="'; DROP TABLE audit_event; --\\u0000"))
    journal.append(record(2, query="😀" * 200_000))
    assert _collect(database, folder) == Collected(moved=3)
    assert _numbers(database) == [0, 1, 2]


def test_a_living_journal_is_moved_as_it_grows(database: Database, folder: Path, journal: Journal) -> None:
    for start in (0, 20, 40):
        for number in range(start, start + 20):
            journal.append(record(number))
        assert _collect(database, folder) == Collected(moved=20)
        assert _collect(database, folder) == Collected()
    assert _numbers(database) == list(range(60))
    assert len(list(folder.iterdir())) == 1


def test_what_waits_is_what_is_not_in_the_table(database: Database, folder: Path, journal: Journal) -> None:
    assert waiting_bytes(database, folder) == 0
    journal.append(record(0))
    _collect(database, folder)
    assert waiting_bytes(database, folder) == 0
    journal.append(record(1))
    assert waiting_bytes(database, folder) == len(record(1).line())


def test_positions_are_where_the_lines_begin(database: Database, folder: Path, journal: Journal) -> None:
    for number in (5, 50, 500):
        journal.append(record(number))
    _collect(database, folder)
    (path,) = folder.iterdir()
    for event in audit_events(database):
        assert path.read_bytes()[event["position"] :].startswith(record(int(event["request_id"])).line())


def test_a_finished_journal_is_moved_and_removed(database: Database, folder: Path, journal: Journal) -> None:
    for number in range(20):
        journal.append(record(number))
    _collect(database, folder)
    for number in range(20, 25):
        journal.append(record(number))
    journal.close()
    assert _collect(database, folder) == Collected(moved=5, removed=1)
    assert _numbers(database) == list(range(25))
    assert list(folder.iterdir()) == []


def test_the_torn_end_of_a_dead_writer_is_dropped(database: Database, folder: Path, journal: Journal) -> None:
    journal.append(record(0))
    journal.close()
    (path,) = folder.iterdir()
    with path.open("ab") as file:
        file.write(record(1).line()[:-1])
    assert _collect(database, folder) == Collected(moved=1, torn=1, removed=1)
    assert _numbers(database) == [0]


def test_a_line_that_is_being_written_is_waited_for(database: Database, folder: Path) -> None:
    file = create(folder, "writing")
    file.write(record(0).line() + record(1).line()[:30])
    assert _collect(database, folder) == Collected(moved=1)
    file.write(record(1).line()[30:])
    assert _collect(database, folder) == Collected(moved=1)
    file.close()
    assert _collect(database, folder) == Collected(removed=1)
    assert _numbers(database) == [0, 1]


def test_a_damaged_line_is_kept_as_damage(database: Database, folder: Path) -> None:
    """Pages that a lost machine never wrote are zeros; the lines around them count."""
    file = create(folder, "damaged")
    file.write(record(0).line() + b"\0" * 5_000 + b"\n" + b'{"status":\n' + record(1).line())
    file.close()
    assert _collect(database, folder) == Collected(moved=4, damaged=2, removed=1)
    assert [event["interaction"] for event in audit_events(database)] == ["read", "damaged", "damaged", "read"]


def test_a_line_longer_than_a_batch_is_moved(database: Database, folder: Path, journal: Journal) -> None:
    journal.append(record(0))
    journal.append(record(1, resources=tuple(f"Patient/{n}" for n in range(5_000))))
    journal.append(record(2))
    assert _collect(database, folder) == Collected(moved=3)
    assert _numbers(database) == [0, 1, 2]


def test_a_journal_that_comes_back_is_not_moved_again(database: Database, folder: Path, journal: Journal) -> None:
    """As when a backup is restored that holds both the rows and the file."""
    journal.append(record(0))
    journal.close()
    kept = shutil.copytree(folder, folder.with_name("kept"))
    _collect(database, folder)
    shutil.copytree(kept, folder, dirs_exist_ok=True)
    assert _collect(database, folder) == Collected(removed=1)
    assert _numbers(database) == [0]


def test_a_journal_that_cannot_be_moved_holds_up_no_other(database: Database, folder: Path) -> None:
    """As when somebody has restored the rows of a journal without its position."""
    for number, stem in enumerate(["a", "b"]):
        file = create(folder, stem)
        file.write(record(number).line())
        file.close()
    with database.unit_of_work(tenant=1, now=NOW) as unit:
        events.insert(unit, record(0), journal="a-0.ndjson", place=0)
    assert _collect(database, folder) == Collected(moved=1, removed=1)
    assert _numbers(database) == [0, 1]
    assert [path.name for path in folder.iterdir()] == ["a-0.ndjson"]


def test_other_files_are_left_alone(database: Database, folder: Path) -> None:
    (folder / "README").write_text("not a journal")
    assert _collect(database, folder) == Collected()
    assert (folder / "README").exists()


def test_collectors_in_a_race_move_each_line_once(database: Database, database_url: str, folder: Path) -> None:
    journal = Journal(folder, sync="interval", interval_ms=10_000, max_bytes=20_000)
    for number in range(400):
        journal.append(record(number))
    journal.close()
    names = sorted(path.name for path in folder.iterdir())
    with contextlib.ExitStack() as stack:
        racers = [stack.enter_context(_started("race", database_url, folder)) for _ in range(3)]
        for racer in racers:
            assert racer.stdout is not None
            assert racer.stdout.readline() == "ready\n"
        for racer in racers:
            racer.communicate("go\n", timeout=PATIENCE_SECONDS)
    assert [racer.returncode for racer in racers] == [0, 0, 0]
    assert len(names) > 3
    assert [number for name in names for number in moved_numbers(database, name)] == list(range(400))
    assert len(audit_events(database)) == 400


@pytest.mark.parametrize("writers", [1, 3])
def test_killed_writers_lose_no_acknowledged_record(
    database: Database, database_url: str, folder: Path, writers: int
) -> None:
    acknowledged = []
    with contextlib.ExitStack() as stack:
        running = [
            stack.enter_context(_started("write", database_url, folder, str(first), "1000000"))
            for first in range(0, writers * 10_000_000, 10_000_000)
        ]
        for writer in running:
            assert writer.stdout is not None
            early = [int(writer.stdout.readline()) for _ in range(random.randrange(1, 600))]
            _collect(database, folder, batch_bytes=50_000)
            writer.kill()
            acknowledged.append(early + [int(line) for line in writer.stdout if line.endswith("\n")])
    while list(folder.iterdir()):
        _collect(database, folder, batch_bytes=200_000)
    numbers = _numbers(database)
    for known in acknowledged:
        mine = [number for number in numbers if number // 10_000_000 == known[0] // 10_000_000]
        assert mine[: len(known)] == known, "in order, each once"
        assert mine[len(known) :] in ([], [known[-1] + 1]), "at most one more than acknowledged"


def _die_everywhere(database_url: str, folder: Path, stride: int) -> int:
    told = subprocess.run(
        _program("killed", database_url, folder, str(stride)),
        cwd=ROOT, capture_output=True, text=True, timeout=PATIENCE_SECONDS, check=False,
    )  # fmt: skip
    assert told.returncode == 0, told.stderr
    return int(told.stdout)


def test_a_collector_may_die_at_many_points(database_url: str, folder: Path) -> None:
    assert _die_everywhere(database_url, folder, stride=7) > 20


@pytest.mark.soak
def test_a_collector_may_die_at_any_point(database_url: str, folder: Path) -> None:
    assert _die_everywhere(database_url, folder, stride=1) > 150
