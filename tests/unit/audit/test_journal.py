"""A journal holds each record that was appended, whole, or has refused it."""

import fcntl
import stat
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from fhir_server.audit.journal import Journal, prepare_folder
from fhir_server.errors import Unavailable
from tests.builders.records import numbers_in, numbers_in_folder, record

ROOT = Path(__file__).parents[3]
PATIENCE_SECONDS = 120


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder for journals."""
    prepare_folder(tmp_path / "var" / "journals")
    return tmp_path / "var" / "journals"


@pytest.fixture(params=["interval", "always"])
def journal(folder: Path, request: pytest.FixtureRequest) -> Iterator[Journal]:
    """A journal that syncs in each way."""
    journal = Journal(folder, sync=request.param, interval_ms=1)
    yield journal
    journal.close()


def _files(folder: Path) -> list[Path]:
    return sorted(folder.iterdir())


def _is_locked(path: Path) -> bool:
    with path.open("rb") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
        return False


def _run(program: str, *arguments: str | Path, prefix: tuple[str, ...] = ()) -> "subprocess.CompletedProcess[str]":
    command = [*prefix, sys.executable, "-m", f"tests.unit.audit.{program}", *map(str, arguments)]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=PATIENCE_SECONDS, check=False)


def test_nothing_is_opened_before_the_first_record(journal: Journal, folder: Path) -> None:
    assert _files(folder) == []


def test_a_record_is_on_file_when_append_returns(journal: Journal, folder: Path) -> None:
    for number in range(3):
        journal.append(record(number))
        (path,) = _files(folder)
        assert numbers_in(path) == list(range(number + 1))


def test_only_the_owner_can_read_it(journal: Journal, folder: Path) -> None:
    journal.append(record(0))
    assert stat.S_IMODE(_files(folder)[0].stat().st_mode) == 0o600
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700


def test_a_file_is_locked_until_the_journal_is_closed(journal: Journal, folder: Path) -> None:
    journal.append(record(0))
    (path,) = _files(folder)
    assert _is_locked(path)
    journal.close()
    assert not _is_locked(path)


def test_a_closed_journal_begins_another_file(journal: Journal, folder: Path) -> None:
    journal.append(record(0))
    journal.close()
    journal.close()
    journal.append(record(1))
    assert numbers_in_folder(folder) == [[0], [1]]


def test_a_full_file_is_left_and_another_begun(folder: Path) -> None:
    journal = Journal(folder, sync="interval", interval_ms=1_000, max_bytes=3 * len(record(1).line()))
    for number in range(8):
        journal.append(record(number))
    assert numbers_in_folder(folder) == [[0, 1, 2], [3, 4, 5], [6, 7]]
    assert [_is_locked(path) for path in _files(folder)] == [False, False, True]
    journal.close()


def test_lines_of_many_threads_stay_whole(folder: Path) -> None:
    journal = Journal(folder, sync="interval", interval_ms=1, max_bytes=20_000)
    threads = [
        threading.Thread(target=lambda start=start: [journal.append(record(start + n)) for n in range(200)])
        for start in range(0, 800, 200)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    journal.close()
    files = numbers_in_folder(folder)
    assert len(files) > 3
    numbers = [number for file in files for number in file]
    assert sorted(numbers) == list(range(800))
    for start in range(0, 800, 200):
        of_one_thread = [number for number in numbers if start <= number < start + 200]
        assert of_one_thread == sorted(of_one_thread)


def test_without_a_folder_nothing_can_be_answered(journal: Journal, folder: Path) -> None:
    folder.rmdir()
    with pytest.raises(Unavailable) as refusal:
        journal.append(record(0))
    assert refusal.value.status == 503
    assert refusal.value.headers["Retry-After"]
    assert not folder.exists(), "a folder that went missing must not be made anew: it may have been a mount"


def test_a_folder_that_comes_back_is_used_again(journal: Journal, folder: Path) -> None:
    folder.rmdir()
    with pytest.raises(Unavailable):
        journal.append(record(0))
    folder.mkdir()
    journal.append(record(1))
    assert numbers_in_folder(folder) == [[1]]


def test_a_folder_moved_under_an_open_journal_is_noticed(journal: Journal, folder: Path) -> None:
    journal.append(record(0))
    folder.rename(folder.with_name("elsewhere"))
    with pytest.raises(Unavailable):
        journal.append(record(1))


def test_a_file_removed_under_an_open_journal_loses_no_later_record(journal: Journal, folder: Path) -> None:
    journal.append(record(0))
    _files(folder)[0].unlink()
    journal.append(record(1))
    journal.append(record(2))
    assert numbers_in_folder(folder) == [[1, 2]]


def test_a_folder_that_is_a_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "journals").write_text("")
    with pytest.raises(Unavailable):
        Journal(tmp_path / "journals", sync="always", interval_ms=1).append(record(0))


@pytest.mark.parametrize("limit", [600, 1_000, 2_000])
def test_a_refused_write_leaves_no_torn_line(folder: Path, limit: int) -> None:
    """A limit on the size of files cuts a write in the middle of a line, as a full disk does."""
    told = _run("journal_program", "limited", folder, limit)
    assert told.returncode == 0, told.stderr
    accepted = [int(n) for n in told.stdout.split()]
    assert 4 < len(accepted) < 20, "some were refused"
    assert [n for file in numbers_in_folder(folder) for n in file] == accepted
    assert all(path.read_bytes()[-1:] in {b"\n", b""} for path in _files(folder))


def test_a_full_disk_refuses_records_until_there_is_room(folder: Path) -> None:
    """A disk of 64 KiB, in a mount namespace of its own, that goes with the process."""
    private = ("unshare", "--map-root-user", "--mount")
    if subprocess.run([*private, "true"], capture_output=True, check=False).returncode:
        pytest.skip("no mount namespaces for this account here")
    told = _run("journal_program", "full", folder, prefix=private)
    assert told.returncode == 0, told.stderr


def test_a_fork_shares_no_file_with_its_parent(folder: Path) -> None:
    told = _run("journal_program", "fork", folder)
    assert told.returncode == 0, told.stderr
    assert sorted(numbers_in_folder(folder)) == [[0, 1], [100, 101]]


def test_a_writer_killed_at_any_point_loses_nothing_it_acknowledged(tmp_path: Path) -> None:
    told = _run("journal_program", "killed", tmp_path)
    assert told.returncode == 0, told.stderr
    assert int(told.stdout) > 50, "it died at many points"


def test_a_forgotten_journal_leaves_no_thread(folder: Path) -> None:
    before = threading.active_count()
    journal = Journal(folder, sync="interval", interval_ms=1)
    journal.append(record(0))
    (syncer,) = [thread for thread in threading.enumerate() if thread.name == "audit-sync"][-1:]
    del journal
    syncer.join(PATIENCE_SECONDS)
    assert not syncer.is_alive()
    assert threading.active_count() <= before
