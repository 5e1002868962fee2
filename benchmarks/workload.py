"""What the load sends: requests written out whole before anything is measured.

What is read and written is a referral Task of about 3 kB; the transaction holds the nine resources of a referral.
"""

import json
import uuid
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.generator import SEPARATOR
from tests.builders import actors, codes, referrals

JsonObject = dict[str, Any]
SEEDED = 1_000
_UPDATED = SEEDED
_WRITTEN = 200
_NOTES = 6


@dataclass(frozen=True, slots=True)
class Target:
    """Where requests go: "127.0.0.1:8080", and the token that opens it."""

    address: str
    token: str

    def request(self, method: str, path: str, body: JsonObject | None = None) -> bytes:
        """One HTTP/1.1 request as bytes."""
        content = b"" if body is None else json.dumps(body, separators=(",", ":")).encode()
        lines = [f"{method} /fhir{path} HTTP/1.1", f"Host: {self.address}", f"Authorization: Bearer {self.token}"]
        if body is not None:
            lines += ["Content-Type: application/fhir+json", f"Content-Length: {len(content)}"]
        return "\r\n".join([*lines, "", ""]).encode() + content


def task(number: int, resource_id: str | None = None) -> JsonObject:
    """A referral Task of about 3 kB."""
    note = "Called the family about the pantry's opening hours and agreed on a visit. " * 3
    return referrals.task(
        resource_id,
        focus=f"ServiceRequest/request-{number % 97}",
        subject=f"Patient/person-{number % 89}",
        requester=f"Organization/clinic-{number % 7}",
        owner=f"Organization/helper-{number % 31}",
        status=("requested", "accepted", "in-progress", "completed")[number % 4],
        identifier=[{"system": "http://example.org/tasks", "value": f"task-{number}"}],
        lastModified="2026-03-02T10:06:00Z",
        note=[{"time": f"2026-03-0{n + 1}T09:00:00Z", "text": note} for n in range(_NOTES)],
        input=[{"type": codes.gravity("social-care-plan"), "valueReference": {"reference": f"CarePlan/plan-{number}"}}],
        output=[referrals.performed(f"Procedure/done-{number}")],
    )


def referral() -> JsonObject:
    """A transaction of the nine resources of one referral, each created, all references among them."""
    names = ("patient", "clinic", "helper", "doctor", "condition", "goal", "consent", "request", "task")
    url = {name: f"urn:uuid:{uuid.uuid4()}" for name in names}
    made = {
        "patient": actors.patient(family=f"Testperson{uuid.uuid4().hex[:6]}"),
        "clinic": actors.organization(name="Example Clinic", kind=""),
        "helper": actors.organization(name="Example Pantry"),
        "doctor": actors.practitioner(),
        "condition": referrals.condition(subject=url["patient"]),
        "goal": referrals.goal(subject=url["patient"], addresses=[actors.reference(url["condition"])]),
        "consent": referrals.consent(subject=url["patient"], organization=url["clinic"]),
        "request": referrals.service_request(subject=url["patient"], requester=url["doctor"]),
        "task": referrals.task(
            focus=url["request"], subject=url["patient"], requester=url["clinic"], owner=url["helper"]
        ),
    }
    return referrals.bundle("transaction", *(referrals.post(made[name], url[name]) for name in names))


def seed() -> JsonObject:
    """A batch that puts the Tasks to be read and updated."""
    return referrals.bundle("batch", *(referrals.put(task(n, f"task-{n}")) for n in range(SEEDED)))


def reads(target: Target) -> list[bytes]:
    """A read of each seeded Task."""
    return [target.request("GET", f"/Task/task-{n}") for n in range(SEEDED)]


def creates(target: Target) -> list[bytes]:
    """Creates of different Tasks."""
    return [target.request("POST", "/Task", task(n)) for n in range(_WRITTEN)]


def updates(target: Target) -> list[bytes]:
    """Updates of seeded Tasks, one after the other."""
    return [target.request("PUT", f"/Task/task-{n}", task(n + 1, f"task-{n}")) for n in range(_UPDATED)]


def transactions(target: Target) -> list[bytes]:
    """Transactions of nine resources."""
    return [target.request("POST", "", referral()) for _ in range(50)]


def mixed(target: Target) -> list[bytes]:
    """Of twenty: twelve reads, three searches, two creates, two updates, one transaction."""
    return _mix(target, [target.request("GET", f"/Task?owner=Organization/helper-{n}&_count=10") for n in range(31)])


def mixed_without_search(target: Target) -> list[bytes]:
    """The same with reads in place of searches, for the floor, which cannot search."""
    return _mix(target, reads(target))


def _mix(target: Target, search: list[bytes]) -> list[bytes]:
    read, create, update, transaction = reads(target), creates(target), updates(target), transactions(target)
    requests = []
    for turn in range(200):
        requests += [read[(turn * 12 + n) % len(read)] for n in range(12)]
        requests += [search[(turn * 3 + n) % len(search)] for n in range(3)]
        requests += [create[(turn * 2 + n) % len(create)] for n in range(2)]
        requests += [update[(turn * 2 + n) % len(update)] for n in range(2)]
        requests.append(transaction[turn % len(transaction)])
    return requests


def write(requests: Iterable[bytes], file: Path) -> Path:
    """The requests as the generators read them."""
    file.write_bytes(SEPARATOR.join(requests))
    return file
