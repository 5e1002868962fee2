"""A backup is the database as it was at one moment, with the journals beside it, and can be restored."""

import threading
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from fhir_server.errors import Conflict, Unprocessable
from fhir_server.store import integrity, schema
from fhir_server.store.backup import backup, restore
from fhir_server.store.database import Database, open_database
from fhir_server.store.tables import METADATA
from tests.builders.changes import NOW, commit, created, deleted, updated, work


def everything(database: Database) -> dict[str, list[tuple[Any, ...]]]:
    """All rows of all tables."""
    return {
        table.name: sorted(database.rows(database.sql(sa.select(table)), {}), key=repr)
        for table in METADATA.sorted_tables
    }


def fill(database: Database) -> None:
    """Some of each: versions, tombstones, index rows, work rows, text that needs quoting."""
    first = commit(database, created("a", work=work("o")), created("b", "é\t\n\\N \\. 😀"), created("c"))
    commit(database, updated(first[0]), deleted(first[1]))


@pytest.fixture
def journals(tmp_path: Path) -> Path:
    folder = tmp_path / "journals"
    folder.mkdir()
    (folder / "1-2-x.ndjson").write_bytes(b'{"a":1}\n{"b":2}\n{"torn')
    (folder / "other").write_bytes(b"not a journal")
    return folder


def test_what_was_saved_is_restored(
    database: Database, database_url: str, empty_database_url: str, journals: Path, tmp_path: Path
) -> None:
    fill(database)
    before = everything(database)
    backup(database_url, tmp_path / "saved", journals)
    commit(database, created("later"))
    restore(empty_database_url, tmp_path / "saved", tmp_path / "again")

    again = open_database(empty_database_url)
    assert everything(again) == before
    assert integrity.check(again) == []
    [stored] = commit(again, created("new"), now=1)
    assert stored.updated > NOW
    assert stored.pk not in {row[0] for row in before["resource"]}
    assert integrity.check(again) == []
    again.close()
    assert {p.name: p.read_bytes() for p in (tmp_path / "again").iterdir()} == {"1-2-x.ndjson": b'{"a":1}\n{"b":2}\n'}
    assert all(p.stat().st_mode & 0o077 == 0 for p in (tmp_path / "saved").rglob("*"))


def test_a_backup_is_one_moment_while_others_write(
    database: Database, database_url: str, empty_database_url: str, journals: Path, tmp_path: Path
) -> None:
    enough, stop = threading.Event(), threading.Event()

    def write() -> None:
        number = 0
        while not stop.is_set():
            stored = commit(database, created(f"r{number}"), created(f"s{number}"))
            commit(database, updated(stored[0]), deleted(stored[1]))
            number += 1
            if number == 20:
                enough.set()

    thread = threading.Thread(target=write)
    thread.start()
    enough.wait()
    backup(database_url, tmp_path / "saved", journals)
    stop.set()
    thread.join()
    restore(empty_database_url, tmp_path / "saved", tmp_path / "again")
    again = open_database(empty_database_url)
    assert integrity.check(again) == []
    rows = everything(again)
    assert len(rows["resource"]) >= 40
    assert len(rows["resource"]) % 2 == 0
    again.close()


def test_only_an_empty_database_is_filled(database_url: str, journals: Path, tmp_path: Path) -> None:
    backup(database_url, tmp_path / "saved", journals)
    with pytest.raises(Conflict):
        restore(database_url, tmp_path / "saved", tmp_path / "again")
    with pytest.raises(Conflict):
        backup(database_url, tmp_path / "saved", journals)


def test_journals_are_not_overwritten(
    database_url: str, empty_database_url: str, journals: Path, tmp_path: Path
) -> None:
    backup(database_url, tmp_path / "saved", journals)
    with pytest.raises(Conflict):
        restore(empty_database_url, tmp_path / "saved", journals)
    assert schema.state(empty_database_url) == "empty"


def test_a_damaged_backup_is_refused(
    database_url: str, empty_database_url: str, journals: Path, tmp_path: Path
) -> None:
    saved = tmp_path / "saved"
    backup(database_url, saved, journals)
    file = saved / "journals" / "1-2-x.ndjson"
    file.write_bytes(b'{"a":7}\n{"b":2}\n')
    with pytest.raises(Unprocessable, match="1-2-x"):
        restore(empty_database_url, saved, tmp_path / "again")
    manifest = saved / "manifest.json"
    text = manifest.read_text()
    for wrong in (
        text.replace(f'"{schema.versions()[-1]}"', '"9999"'),
        text.replace('"format": 1', '"format": 2'),
        "{",
    ):
        manifest.write_text(wrong)
        with pytest.raises(Unprocessable):
            restore(empty_database_url, saved, tmp_path / "again")
    manifest.unlink()
    with pytest.raises(Unprocessable):
        restore(empty_database_url, saved, tmp_path / "again")
    assert schema.state(empty_database_url) == "empty"


def test_a_backup_fits_its_own_kind_of_database(
    database_url: str, empty_database_url: str, engine: str, journals: Path, tmp_path: Path
) -> None:
    backup(database_url, tmp_path / "saved", journals)
    other = "postgresql://nobody@127.0.0.1:1/none" if engine == "sqlite" else f"sqlite:///{tmp_path / 'other.db'}"
    with pytest.raises(Unprocessable, match=engine):
        restore(other, tmp_path / "saved", tmp_path / "again")


def test_no_journals_are_no_trouble(database_url: str, empty_database_url: str, tmp_path: Path) -> None:
    backup(database_url, tmp_path / "saved", tmp_path / "none")
    restore(empty_database_url, tmp_path / "saved", tmp_path / "again")
    assert schema.state(empty_database_url) == "current"
