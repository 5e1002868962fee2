"""Concurrent clients that remember what they asked and what was acknowledged.

Each request has an id of its own, and each version it writes carries a mark: that id and the place of the entry. So a
database tells of each version which request wrote it, also when its answer never came.
"""

import http.client
import json
import queue
import random
import threading
import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

MARKS = "urn:test:mark"
PATIENCE_SECONDS = 60.0
JsonObject = dict[str, Any]


@dataclass(slots=True)
class Attempt:
    """One request: how many marks it would leave, and, once answered in full, its status and the versions it told.

    `status` 0: no answer came, so it may have happened or not.
    """

    request_id: str
    kind: str
    marks: int = 0
    entries: int = 0
    status: int = 0
    versions: list[tuple[str, str, int]] = field(default_factory=list)

    @property
    def is_acknowledged(self) -> bool:
        """Whether the client has the whole answer."""
        return self.status != 0

    @property
    def has_succeeded(self) -> bool:
        """Whether the answer was a success."""
        return 200 <= self.status < 300


class Client:
    """One client: asks one thing after the other until its connection breaks."""

    def __init__(self, address: str, seed: int, acknowledged: Callable[[], None]) -> None:
        self.attempts: list[Attempt] = []
        self._address = address
        self._random = random.Random(seed)
        self._acknowledged = acknowledged
        self._own: list[tuple[str, int]] = []

    def run(self) -> None:
        """Ask until nobody listens any more; go on when only the process behind the connection was killed."""
        is_refused = False
        while not is_refused:
            connection = http.client.HTTPConnection(self._address, timeout=60)
            try:
                self._ask(connection)
            except ConnectionRefusedError:
                is_refused = True
            except (OSError, http.client.HTTPException, ValueError):
                pass  # killed; an answer cut in its middle is no answer
            finally:
                connection.close()

    def _ask(self, connection: http.client.HTTPConnection) -> None:
        while True:
            ask = self._random.choice(_KINDS)
            ask(self, connection)
            self._acknowledged()

    def _send(
        self, connection: http.client.HTTPConnection, attempt: Attempt, method: str, path: str,
        body: JsonObject | None = None, headers: dict[str, str] | None = None,
    ) -> Any:  # fmt: skip
        self.attempts.append(attempt)
        sent = {"X-Request-Id": attempt.request_id, "Content-Type": "application/fhir+json", **(headers or {})}
        connection.request(method, f"/fhir{path}", None if body is None else json.dumps(body), sent)
        response = connection.getresponse()
        raw = response.read()
        answer = json.loads(raw) if raw else {}
        if response.status in {200, 201}:
            attempt.versions = _versions(answer)
        attempt.status = response.status
        return answer

    def _create(self, connection: http.client.HTTPConnection) -> None:
        attempt = Attempt(str(uuid.uuid4()), "create", marks=1)
        answer = self._send(connection, attempt, "POST", "/Task", task(attempt, 0))
        if attempt.status == 201:
            self._own.append((answer["id"], 1))

    def _update(self, connection: http.client.HTTPConnection) -> None:
        if not self._own:
            return self._create(connection)
        place = self._random.randrange(len(self._own))
        resource_id, version = self._own[place]
        attempt = Attempt(str(uuid.uuid4()), "update", marks=1)
        body = {**task(attempt, 0), "id": resource_id}
        self._send(connection, attempt, "PUT", f"/Task/{resource_id}", body, {"If-Match": f'W/"{version}"'})
        if attempt.status == 200:
            self._own[place] = (resource_id, version + 1)
        return None

    def _contend(self, connection: http.client.HTTPConnection) -> None:
        """All clients write the same few resources, with and without an outdated version."""
        shared = f"shared-{self._random.randrange(3)}"
        attempt = Attempt(str(uuid.uuid4()), "update", marks=1)
        headers = {"If-Match": 'W/"1"'} if self._random.random() < 0.3 else {}
        self._send(connection, attempt, "PUT", f"/Task/{shared}", {**task(attempt, 0), "id": shared}, headers)

    def _transact(self, connection: http.client.HTTPConnection) -> None:
        created = self._random.randrange(2, 9)
        attempt = Attempt(str(uuid.uuid4()), "transaction", marks=created + 1, entries=created + 1)
        entries = [{"resource": task(attempt, n), "request": {"method": "POST", "url": "Task"}} for n in range(created)]
        shared = f"shared-{self._random.randrange(3)}"
        put = {
            "resource": {**task(attempt, created), "id": shared},
            "request": {"method": "PUT", "url": f"Task/{shared}"},
        }
        body = {"resourceType": "Bundle", "type": "transaction", "entry": [*entries, put]}
        self._send(connection, attempt, "POST", "", body)

    def _transact_in_vain(self, connection: http.client.HTTPConnection) -> None:
        """A transaction whose last entry is refused."""
        attempt = Attempt(str(uuid.uuid4()), "transaction", marks=3)
        entries = [{"resource": task(attempt, n), "request": {"method": "POST", "url": "Task"}} for n in range(2)]
        put = {"method": "PUT", "url": "Task/shared-0", "ifMatch": 'W/"999999"'}
        last = {"resource": {**task(attempt, 2), "id": "shared-0"}, "request": put}
        self._send(connection, attempt, "POST", "", {
            "resourceType": "Bundle", "type": "transaction", "entry": [*entries, last],
        })  # fmt: skip

    def _delete(self, connection: http.client.HTTPConnection) -> None:
        if not self._own:
            return self._create(connection)
        resource_id, version = self._own.pop()
        attempt = Attempt(str(uuid.uuid4()), "delete")
        self._send(connection, attempt, "DELETE", f"/Task/{resource_id}")
        if attempt.status in {200, 204}:
            attempt.versions = [("Task", resource_id, version + 1)]
        return None

    def _read(self, connection: http.client.HTTPConnection) -> None:
        resource_id = self._random.choice(self._own)[0] if self._own else "shared-0"
        self._send(connection, Attempt(str(uuid.uuid4()), "read"), "GET", f"/Task/{resource_id}")

    def _read_nothing(self, connection: http.client.HTTPConnection) -> None:
        self._send(connection, Attempt(str(uuid.uuid4()), "read"), "GET", "/Task/nobody")

    def _search(self, connection: http.client.HTTPConnection) -> None:
        attempt = Attempt(str(uuid.uuid4()), "search")
        self._send(connection, attempt, "GET", "/Task?status=requested&_count=3")
        attempt.versions = []


_KINDS = (
    Client._create, Client._create, Client._update, Client._update, Client._contend, Client._transact,
    Client._transact_in_vain, Client._delete, Client._read, Client._read, Client._read_nothing, Client._search,
)  # fmt: skip


def task(attempt: Attempt, entry: int) -> JsonObject:
    """A small Task that carries the mark of the entry."""
    return {
        "resourceType": "Task",
        "identifier": [{"system": MARKS, "value": f"{attempt.request_id}/{entry}"}],
        "status": "requested",
        "intent": "order",
        "owner": {"reference": "Organization/cbo"},
    }


def under_load(
    address: str, clients: int, moments: Sequence[tuple[int, Callable[[], None]]], seed: int
) -> list[Attempt]:
    """Let clients ask, and do something each time they have that many more answers; the last ends the server.

    Returns what they asked.
    """
    answers: queue.SimpleQueue[None] = queue.SimpleQueue()
    asking = [Client(address, seed * 1_000 + number, lambda: answers.put(None)) for number in range(clients)]
    threads = [threading.Thread(target=client.run) for client in asking]
    for thread in threads:
        thread.start()
    try:
        for count, action in moments:
            for _ in range(count):
                answers.get(timeout=PATIENCE_SECONDS)
            action()
    finally:
        moments[-1][1]()
        for thread in threads:
            thread.join()
    return [attempt for client in asking for attempt in client.attempts]


def _versions(answer: JsonObject) -> list[tuple[str, str, int]]:
    if answer.get("resourceType") != "Bundle":
        return [(answer["resourceType"], answer["id"], int(answer["meta"]["versionId"]))]
    if answer["type"] != "transaction-response":
        return []
    told = [entry["response"]["location"].split("/")[-4:] for entry in answer["entry"]]
    return [(type_name, resource_id, int(version)) for type_name, resource_id, _, version in told]
