"""Read your writes: what a request has changed, the next one finds, whichever worker answers it.

https://hl7.org/fhir/R4/http.html#transaction-integrity  Clients write on a connection to one worker and search on one
to another, at once, by what they have just written, while other clients do the same.
"""

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import quote

import pytest

from tests.scenarios.connections import Connection, JsonObject, one_to_each_worker
from tests.serving import Served, serving

CLIENTS = 4
WORKERS = 2
CREATES_A_ROUND = 3
CREATES = 240
SOAK_CREATES = 10_000
SYSTEM = "urn:test:mark"


@dataclass(slots=True)
class Reader:
    """One client: writes here, searches there, and remembers what was not as it must be."""

    writing: Connection
    searching: Connection
    creates: int = 0
    searches: int = 0
    missed: list[str] = field(default_factory=list)

    def play(self, mark: str) -> None:
        """A person, a request for that person and a Task: created, taken, put away; searched after each step."""
        self.writing, self.searching = self.searching, self.writing
        identified = {"identifier": [{"system": SYSTEM, "value": mark}]}
        patient = self._create({"resourceType": "Patient", **identified})
        person, token = f"Patient/{patient['id']}", quote(f"{SYSTEM}|{mark}")
        self._finds(f"/Patient?identifier={token}", patient)
        order = self._create({
            "resourceType": "ServiceRequest", "status": "active", "intent": "order", "subject": {"reference": person},
            **identified,
        })  # fmt: skip
        self._finds(f"/ServiceRequest?patient={person}", order)
        self._finds(f"/ServiceRequest?subject:Patient.identifier={token}", order)
        self._finds(f"/Patient?_has:ServiceRequest:patient:identifier={token}", patient)
        self._finds(f"/{person}/ServiceRequest?status=active", order)
        self._task(mark, patient, order)

    def _task(self, mark: str, patient: JsonObject, order: JsonObject) -> None:
        owner, seen = f"Organization/{mark}", quote(order["meta"]["lastUpdated"])
        begun = {
            "resourceType": "Task", "status": "requested", "intent": "order", "owner": {"reference": owner},
            "for": {"reference": f"Patient/{patient['id']}"}, "focus": {"reference": f"ServiceRequest/{order['id']}"},
        }  # fmt: skip
        task = self._create(begun)
        self._finds(f"/Task?owner={owner}&status=requested", task)
        self._finds(f"/Task?patient=Patient/{patient['id']}&_total=accurate", task, total=1)
        self._finds(f"/Task?_lastUpdated=gt{seen}&_sort=_lastUpdated&_count=1000", task, alone=False)
        self._finds(f"/Task?_id={task['id']}&_include=Task:focus&_include=Task:patient", task, order, patient)
        self._finds(f"/ServiceRequest?_id={order['id']}&_revinclude=Task:focus", order, task)

        status, taken = self.writing.send(
            "PUT", f"/Task/{task['id']}", {**begun, "id": task["id"], "status": "accepted"}
        )
        assert status == 200, taken
        self._finds(f"/Task?owner={owner}&status=accepted", taken)
        self._finds(f"/Task?owner={owner}&status=requested")
        self._finds(f"/Task?focus:ServiceRequest.identifier={quote(f'{SYSTEM}|{mark}')}&status:not=requested", taken)

        assert self.writing.send("DELETE", f"/Task/{task['id']}")[0] == 204
        self._finds(f"/Task?owner={owner}&status=accepted")
        self._finds(f"/Task?_id={task['id']}&_total=accurate", total=0)
        self._finds(f"/Task?patient.identifier={quote(f'{SYSTEM}|{mark}')}")
        self._finds(f"/ServiceRequest?_id={order['id']}&_revinclude=Task:focus", order)

    def _create(self, resource: JsonObject) -> JsonObject:
        status, created = self.writing.send("POST", f"/{resource['resourceType']}", resource)
        assert status == 201, created
        self.creates += 1
        return dict(created)

    def _finds(self, path: str, *wanted: JsonObject, alone: bool = True, total: int | None = None) -> None:
        """Search; what comes must be exactly these versions, or (not alone) have them among others."""
        status, answer = self.searching.send("GET", path)
        self.searches += 1
        found = [_version(entry["resource"]) for entry in answer.get("entry", [])]
        expected = [_version(resource) for resource in wanted]
        is_there = sorted(found) == sorted(expected) if alone else set(expected) <= set(found)
        if status != 200 or not is_there or answer.get("total") != total:
            self.missed.append(f"{path}: {status}, {answer.get('total')}, {found} instead of {expected}")


def _version(resource: JsonObject) -> tuple[str, str, str]:
    return resource["resourceType"], resource.get("id", ""), resource.get("meta", {}).get("versionId", "")


def test_what_was_just_written_is_found(database_url: str, tmp_path: Path) -> None:
    _write_and_search(database_url, tmp_path, CREATES)


@pytest.mark.soak
def test_what_was_just_written_is_found_ten_thousand_times(database_url: str, tmp_path: Path) -> None:
    _write_and_search(database_url, tmp_path, SOAK_CREATES)


def _write_and_search(database_url: str, folder: Path, creates: int) -> None:
    with serving(folder, database_url, "--access", "open", "--workers", str(WORKERS)) as served:
        readers = [_reader(served) for _ in range(CLIENTS)]
        rounds = -(-creates // (CREATES_A_ROUND * CLIENTS))
        start = threading.Barrier(CLIENTS)
        with ThreadPoolExecutor(CLIENTS) as pool:
            jobs = [pool.submit(_play, reader, f"c{n}", rounds, start.wait) for n, reader in enumerate(readers)]
            for job in jobs:
                job.result()
        for reader in readers:
            assert reader.writing.worker != reader.searching.worker
            reader.writing.close()
            reader.searching.close()
    assert [missed for reader in readers for missed in reader.missed] == []
    print(f"{sum(r.creates for r in readers)} creates, {sum(r.searches for r in readers)} searches")
    assert sum(reader.creates for reader in readers) >= creates


def _reader(served: Served) -> Reader:
    first, second = one_to_each_worker(served, WORKERS)
    return Reader(first, second)


def _play(reader: Reader, name: str, rounds: int, start: Callable[[], object]) -> None:
    start()
    for number in range(rounds):
        reader.play(f"{name}-{number}")
