"""Where no folder lasts, records go straight into the database; on both databases."""

import contextlib
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from fhir_server.audit.sink import open_sink
from fhir_server.errors import Unavailable
from fhir_server.settings import Settings
from fhir_server.store.database import Database, open_database
from tests.builders.audit import audit_events
from tests.builders.records import record


@pytest.fixture
def settings(database_url: str, tmp_path: Path) -> Settings:
    """A server without a lasting folder."""
    return Settings(database=database_url, audit_sink="database", journal_folder=str(tmp_path / "journals"))


@pytest.fixture
def database(settings: Settings) -> Iterator[Database]:
    """An open database."""
    database = open_database(settings.database, timeout_ms=200)
    yield database
    database.close()


def test_a_record_is_a_row_when_append_returns(settings: Settings, database: Database) -> None:
    sink = open_sink(settings, database)
    originals = [record(0, query="name=\0\ud800é"), record(1, resources=("Patient/1",))]
    for original in originals:
        sink.append(original)
    sink.close()
    events = audit_events(database)
    assert events == [
        {"seq": event["seq"], **original.row(), "journal": None, "position": None}
        for event, original in zip(events, originals, strict=True)
    ]


def test_no_folder_is_made(settings: Settings, database: Database) -> None:
    open_sink(settings, database).append(record(0))
    assert not settings.journals.exists()


def test_a_journal_is_opened_when_the_settings_say_so(settings: Settings, database: Database) -> None:
    sink = open_sink(replace(settings, audit_sink="journal"), database)
    sink.append(record(0))
    sink.close()
    assert audit_events(database) == []
    assert len(list(settings.journals.iterdir())) == 1


def test_a_rolled_back_unit_of_work_takes_no_record_with_it(settings: Settings, database: Database) -> None:
    """A refusal's record is a unit of work of its own, even while another one of this process is open."""
    sink = open_sink(settings, database)
    with contextlib.suppress(LookupError), database.unit_of_work(tenant=1, now=1):
        other = threading.Thread(target=sink.append, args=(record(0),))
        other.start()
        other.join()
        raise LookupError
    assert [event["request_id"] for event in audit_events(database)] == ["0"]


def test_a_database_that_is_gone_cannot_be_answered_from(tmp_path: Path) -> None:
    database = open_database(f"sqlite:///{tmp_path / 'nowhere' / 'test.db'}", timeout_ms=200)
    sink = open_sink(Settings(audit_sink="database"), database)
    with pytest.raises(Unavailable):
        sink.append(record(0))
