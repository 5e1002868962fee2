"""kill -9 under load: what was acknowledged is there, a transaction is whole or absent, every request is on record.

The server, its workers and its background worker are killed together at a random moment, every other time after one of
them alone, started again on what they left, and killed again; then the database is compared with what the clients
remember.
"""

import collections
import json
import os
import random
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from fhir_server.audit.collect import collect
from fhir_server.audit.journal import prepare_folder
from fhir_server.definitions import load
from fhir_server.store.database import Database, open_database
from fhir_server.store.integrity import check
from fhir_server.store.tables import OUTBOX, RESOURCE, RESOURCE_HISTORY
from tests.builders.audit import audit_events
from tests.scenarios import killable
from tests.scenarios.load import MARKS, Attempt, under_load

CLIENTS = 6
KILLS = 3
SOAK_KILLS = 50
NOW = 1_795_305_700_000_000
# Files are left and moved often, so that some die in the middle of that.
SETTINGS = {"WORKER_INTERVAL_MS": "20", "JOURNAL_MAX_BYTES": "20000", "JOURNAL_SYNC_MS": "10", "LOG_LEVEL": "warning"}

# What a run is worth something with: all of these happened.
ASKED = {
    ("create", 201), ("update", 200), ("update", 412), ("transaction", 200), ("transaction", 412),
    ("delete", 204), ("read", 200), ("read", 404), ("search", 200),
}  # fmt: skip

Version = tuple[str, str, int]


@dataclass(slots=True)
class Found:
    """What a database holds: who wrote which version, the deleted versions, and the audit records by request."""

    written: dict[str, list[Version]] = field(default_factory=lambda: collections.defaultdict(list))
    deleted: set[Version] = field(default_factory=set)
    audit: dict[str, list[dict[str, Any]]] = field(default_factory=lambda: collections.defaultdict(list))
    outbox: list[Version] = field(default_factory=list)

    @property
    def versions(self) -> list[Version]:
        """All versions, deleted ones too."""
        return sorted([*self.deleted, *(version for some in self.written.values() for version in some)])


@pytest.fixture
def database(database_url: str) -> Iterator[Database]:
    """The database, looked at from outside of the server."""
    database = open_database(database_url)
    yield database
    database.close()


def test_a_few_kills(database: Database, database_url: str, tmp_path: Path) -> None:
    _kill_again_and_again(database, database_url, tmp_path, KILLS)


@pytest.mark.soak
def test_many_kills(database: Database, database_url: str, tmp_path: Path) -> None:
    _kill_again_and_again(database, database_url, tmp_path, int(os.environ.get("KILLS", SOAK_KILLS)))


def _kill_again_and_again(database: Database, database_url: str, folder: Path, kills: int) -> None:
    journals = folder / "journals"
    prepare_folder(journals)
    attempts: list[Attempt] = []
    for number in range(kills):
        server = killable.start(database_url, journals, folder / "log", SETTINGS)
        try:
            moments = [(random.randrange(20, 300), server.kill_one), (random.randrange(20, 300), server.kill)]
            attempts += under_load(server.address, CLIENTS, moments[number % 2 :], random.randrange(2**32))
        finally:
            server.kill()
        # Every other time the next server's worker finds the journals, and not we.
        if number % 2 or number == kills - 1:
            _collect_all(database, journals)
            found = _found(database)
            _compare(found, attempts)
            assert sorted(found.outbox) == found.versions, "one outbox row for each committed change"
            assert check(database) == []
    _compare_by_http(database_url, journals, folder / "log", attempts)
    answers = collections.Counter((attempt.kind, attempt.status) for attempt in attempts)
    assert set(answers) >= ASKED, ("too little was tried", answers)
    assert not [answer for answer in answers if answer[1] == 500], answers


def _collect_all(database: Database, journals: Path) -> None:
    while list(journals.iterdir()):
        collect(database, journals, now=lambda: NOW)


def _found(database: Database) -> Found:
    found = Found()
    names = {number: name for name, number in load().resource_types.items()}
    with database.snapshot() as rows:
        for table in (RESOURCE, RESOURCE_HISTORY):
            columns = (table.c.type, table.c.resource_id, table.c.version_id, table.c.deleted, table.c.body)
            for number, resource_id, version_id, deleted, body in rows.rows(rows.sql(select(*columns)), {}):
                version = (names[number], resource_id, version_id)
                if deleted:
                    found.deleted.add(version)
                    continue
                (mark,) = [i["value"] for i in json.loads(body)["identifier"] if i["system"] == MARKS]
                found.written[mark].append(version)
        columns = (OUTBOX.c.type, OUTBOX.c.resource_id, OUTBOX.c.version_id)
        changes = rows.rows(rows.sql(select(*columns).order_by(OUTBOX.c.seq)), {})
        found.outbox = [(names[number], resource_id, version_id) for number, resource_id, version_id in changes]
        for event in audit_events(rows):
            found.audit[event["request_id"]].append(event)
    return found


def _compare(found: Found, attempts: list[Attempt]) -> None:
    for attempt in attempts:
        marks = [found.written.get(f"{attempt.request_id}/{entry}", []) for entry in range(attempt.marks)]
        assert all(len(versions) <= 1 for versions in marks), ("written twice", attempt, marks)
        versions = [version for found_versions in marks for version in found_versions]
        assert len(versions) in {0, attempt.marks}, ("a partial transaction", attempt, versions)
        if attempt.has_succeeded:
            _compare_acknowledged(found, attempt, versions)
        elif attempt.is_acknowledged:
            assert versions == [], ("a refusal that wrote", attempt, versions)
        _compare_audit(attempt, versions, found.audit[attempt.request_id])


def _compare_acknowledged(found: Found, attempt: Attempt, versions: list[Version]) -> None:
    if attempt.kind == "delete":
        ((_, deleted_id, least),) = attempt.versions
        # An update before it whose answer never came may have made it a later version.
        assert any(i == deleted_id and v >= least for _, i, v in found.deleted), ("a deletion is gone", attempt)
    elif attempt.marks:
        assert versions == attempt.versions, ("an acknowledged write is gone or elsewhere", attempt, versions)


def _compare_audit(attempt: Attempt, versions: list[Version], events: list[dict[str, Any]]) -> None:
    entries = [event["entry"] for event in events]
    assert len(entries) == len(set(entries)), ("on record twice", attempt, events)
    has_happened = attempt.has_succeeded or bool(versions)
    expected = {None, *range(attempt.entries)} if has_happened else {None}
    if attempt.is_acknowledged or has_happened:
        assert set(entries) == expected, ("not on record", attempt, events)
    else:
        assert set(entries) <= expected, ("a record of what did not happen", attempt, events)
    if attempt.is_acknowledged:
        (whole,) = [event for event in events if event["entry"] is None]
        assert whole["status"] == attempt.status, (attempt, whole)
    for event in events:
        if versions and event["version_id"] is not None:
            assert (event["type_name"], event["resource_id"], event["version_id"]) in versions, (attempt, event)


def _compare_by_http(database_url: str, journals: Path, log: Path, attempts: list[Attempt]) -> None:
    """A server that starts on what is left says the same."""
    acknowledged = [attempt for attempt in attempts if attempt.has_succeeded and attempt.marks]
    server = killable.start(database_url, journals, log, SETTINGS)
    try:
        for attempt in random.sample(acknowledged, min(50, len(acknowledged))):
            for entry, (type_name, resource_id, version_id) in enumerate(attempt.versions):
                body = killable.get(server.address, f"/fhir/{type_name}/{resource_id}/_history/{version_id}")
                assert body["identifier"][0]["value"] == f"{attempt.request_id}/{entry}"
        server.stop()
    finally:
        server.kill()
