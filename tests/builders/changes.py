"""Changes as the write path hands them to a unit of work, without a resource behind them."""

from typing import Any

from fhir_server.fhir import meta
from fhir_server.store.database import Database
from fhir_server.store.stored import Stored
from fhir_server.store.unit_of_work import Change, IndexRows, Work, run_unit_of_work

TENANT = 1
PATIENT, TASK = 103, 128
NOW = 1_790_000_000_000_000
NAME, OWNER, STATUS, BIRTH_DATE, PROFILE = 11, 12, 13, 14, 15


def index_rows(word: str = "maple", *, many: int = 1) -> IndexRows:
    """One row of each kind, `many` of tokens."""
    return IndexRows(
        token=[(STATUS, "http://example.org/words", f"{word}-{n}") for n in range(many)],
        reference=[(OWNER, PATIENT, word, "")],
        string=[(NAME, word, word.title())],
        date=[(BIRTH_DATE, 0, 86_400_000_000)],
        uri=[(PROFILE, f"http://example.org/{word}")],
    )


def work(owner: str) -> Work:
    """A work row."""
    return ("requested", "order", "routine", owner, "", "", "", "", None)


def created(resource_id: str, word: str = "maple", **fields: Any) -> Change:
    """A new resource whose text and index rows hold the word."""
    return _changed(resource_id, word, {"pk": None, "version_id": 1, "method": "POST", **fields})


def updated(there: Stored, word: str = "oak", **fields: Any) -> Change:
    """The version after `there`."""
    given = {"pk": there.pk, "version_id": there.version_id + 1, "method": "PUT", "type_number": there.type_number}
    return _changed(there.resource_id, word, {**given, **fields})


def deleted(there: Stored) -> Change:
    """A tombstone after `there`."""
    return Change(there.type_number, there.resource_id, there.pk, there.version_id + 1, True, "DELETE", "", "")


def text_of(word: str) -> tuple[str, str]:
    """The text before and after the stamp."""
    return meta.split_for_stamp({"resourceType": "Patient", "id": "x", "name": [{"text": word}]})


def commit(database: Database, *changes: Change, now: int = NOW) -> list[Stored]:
    """Write changes in one unit of work."""

    def collect(uow: Any) -> None:
        for change in changes:
            uow.change(change)

    return run_unit_of_work(database, collect, tenant=TENANT, now=lambda: now, timeout_ms=30_000)[1]


def _changed(resource_id: str, word: str, fields: dict[str, Any]) -> Change:
    head, tail = text_of(word)
    given = {"type_number": PATIENT, "deleted": False, "head": head, "tail": tail, "index": index_rows(word)}
    return Change(resource_id=resource_id, **{**given, **fields})
