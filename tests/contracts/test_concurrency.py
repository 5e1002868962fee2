"""Many writers at once, through the application: nothing lost, nothing doubled.

https://hl7.org/fhir/R4/http.html#concurrency
"""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from fhir_server.settings import Settings
from tests.http.client import Answer, Client

PATIENT = {"resourceType": "Patient", "id": "p1"}


@pytest.fixture
def client(database_url: str, tmp_path: Path):
    made = Client(
        Settings(
            database=database_url, access="open", journal_folder=str(tmp_path / "journals"), database_timeout_ms=60_000
        )
    )
    yield made
    made.close()


def test_fifty_parallel_updates_give_contiguous_versions(client: Client) -> None:
    client.put("Patient/p1", PATIENT)

    def update(number: int) -> Answer:
        return client.put("Patient/p1", PATIENT | {"name": [{"text": str(number)}]})

    with ThreadPoolExecutor(10) as pool:
        answers = list(pool.map(update, range(50)))
    assert {a.status for a in answers} == {200}
    assert sorted(int(a.json["meta"]["versionId"]) for a in answers) == list(range(2, 52))
    for answer in answers:
        version = answer.json["meta"]["versionId"]
        assert client.get(f"Patient/p1/_history/{version}").text == answer.text
    stamps = [client.get(f"Patient/p1/_history/{v}").json["meta"]["lastUpdated"] for v in range(1, 52)]
    assert stamps == sorted(stamps)
    assert len(set(stamps)) == 51


def test_of_parallel_updates_with_one_etag_one_wins(client: Client) -> None:
    client.put("Patient/p1", PATIENT)
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda _: client.put("Patient/p1", PATIENT, If_Match='W/"1"'), range(16)))
    assert sorted(a.status for a in answers) == [200] + [412] * 15


def test_twenty_parallel_conditional_creates_make_one(client: Client) -> None:
    body = {"resourceType": "Patient", "identifier": [{"system": "urn:x", "value": "1"}]}
    with ThreadPoolExecutor(10) as pool:
        answers = list(pool.map(lambda _: client.post("Patient", body, If_None_Exist="identifier=urn:x|1"), range(20)))
    assert sorted(a.status for a in answers) == [200] * 19 + [201]
    assert len({a.json["id"] for a in answers}) == 1
    assert client.get("Patient?identifier=urn:x|1&_total=accurate").json["total"] == 1


def test_parallel_puts_to_a_new_id_create_once(client: Client) -> None:
    with ThreadPoolExecutor(10) as pool:
        answers = list(pool.map(lambda _: client.put("Patient/p1", PATIENT), range(20)))
    assert sorted(a.status for a in answers) == [200] * 19 + [201]


def test_transactions_in_opposite_order_do_not_deadlock(client: Client) -> None:
    def bundle(names: list[str]) -> dict[str, object]:
        entries = [
            {"resource": PATIENT | {"id": n}, "request": {"method": "PUT", "url": f"Patient/{n}"}} for n in names
        ]
        return {"resourceType": "Bundle", "type": "transaction", "entry": entries}

    names = [f"p{n}" for n in range(6)]
    orders = [names, names[::-1]] * 10
    with ThreadPoolExecutor(10) as pool:
        answers = list(pool.map(lambda order: client.post("", bundle(order)), orders))
    assert {a.status for a in answers} == {200}
    assert {client.get(f"Patient/{n}").etag for n in names} == {'W/"20"'}
