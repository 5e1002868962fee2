"""What the floor writes: copies of rows that the server wrote into the database, read once at start."""

import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any, Protocol

Row = tuple[Any, ...]
Read = Callable[[str], Sequence[Row]]
INDEX_COLUMNS = {
    "index_token": ("param", "system", "code"),
    "index_reference": ("param", "target_type", "target_id", "target_base"),
    "index_string": ("param", "folded", "exact"),
    "index_date": ("param", "low", "high"),
    "index_uri": ("param", "value"),
}
WORK_COLUMNS = ("status", "intent", "priority", "owner", "requester", "patient", "focus", "code", "authored")
AUDIT_COLUMNS = (
    "tenant", "recorded", "request_id", "entry", "interaction", "status", "principal", "organization", "type_name",
    "resource_id", "version_id", "query", "reason", "resources",
)  # fmt: skip


class Store(Protocol):
    """What a floor does on one connection; bodies are returned as they are stored."""

    def read(self, resource_id: str) -> str | bytes:
        """The body of a Task."""
        ...

    def create(self, count: int) -> list[str]:
        """Store that many new resources in one transaction."""
        ...

    def update(self, resource_id: str) -> str:
        """Store the next version of a Task."""
        ...


@dataclass(frozen=True, slots=True)
class Copy:
    """One resource to be written again: `head` ends where the stamp begins, and holds the id at `id_place`."""

    type_number: int
    resource_id: str
    head: str
    tail: str
    index: dict[str, list[Row]]
    work: Row | None

    def renamed(self) -> "Copy":
        """The same with a new id."""
        resource_id = str(uuid.uuid4())
        head = self.head.replace(f'"id":"{self.resource_id}"', f'"id":"{resource_id}"', 1)
        return replace(self, resource_id=resource_id, head=head)


class Copies:
    """The Task that was seeded first, and the resources of the seeded transaction."""

    def __init__(self, read: Read) -> None:
        found = read("SELECT pk, type, resource_id, body FROM resource WHERE resource_id = 'task-0'")
        self.task = _copy(read, found[0])
        newest = read("SELECT pk, type, resource_id, body FROM resource ORDER BY pk DESC LIMIT 9")
        self.referral = [_copy(read, row) for row in reversed(newest)]

    def new(self, count: int) -> list[Copy]:
        """One Task, or the nine of a referral, with new ids."""
        return [copy.renamed() for copy in ([self.task] if count == 1 else self.referral)]


def stamped(copy: Copy, version_id: int, updated: int) -> str:
    """The body with its version and time."""
    seconds, microseconds = divmod(updated, 1_000_000)
    return f'{copy.head}"versionId":"{version_id}","lastUpdated":"{_text(seconds)}.{microseconds:06}Z"{copy.tail}'


def audit_row(copy: Copy, version_id: int, now: int) -> Row:
    """The audit record of one write."""
    return (
        1,
        now,
        uuid.uuid4().hex,
        None,
        "create",
        201,
        "floor",
        "bench",
        "Task",
        copy.resource_id,
        version_id,
        "",
        "",
        "",
    )


def _copy(read: Read, row: Row) -> Copy:
    pk, type_number, resource_id, body = row
    begin = body.index('"versionId":')
    end = body.index('"', body.index('"lastUpdated":"') + len('"lastUpdated":"')) + 1
    index = {
        table: [tuple(r) for r in read(f"SELECT {', '.join(columns)} FROM {table} WHERE pk = {pk}")]
        for table, columns in INDEX_COLUMNS.items()
    }
    work = read(f"SELECT {', '.join(WORK_COLUMNS)} FROM work_item WHERE pk = {pk}")
    return Copy(type_number, resource_id, body[:begin], body[end:], index, tuple(work[0]) if work else None)


def _text(seconds: int) -> str:
    import time

    return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(seconds))
