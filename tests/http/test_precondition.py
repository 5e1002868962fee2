"""Preconditions: https://hl7.org/fhir/R4/http.html#concurrency, https://www.rfc-editor.org/rfc/rfc9110#section-13 ."""

import itertools
import threading
from collections.abc import Callable
from typing import Any

import pytest

from fhir_server.settings import Settings
from tests.http.client import Client

PATIENT: dict[str, Any] = {"resourceType": "Patient", "id": "p1"}
JSON_PATCH = "application/json-patch+json"
SECOND = 1_000_000


@pytest.mark.parametrize(
    ("if_match", "status"),
    [
        ('W/"2"', 200), ('"2"', 200), ('W/"1", W/"2"', 200), ("*", 200), (" * ", 200),
        ('W/"1"', 412), ('W/"3"', 412), ('W/"1", W/"9"', 412), ('W/"0"', 412), ('W/"x"', 412), ('W/"99999999999"', 412),
        ('W/"\xb2"', 412), ("2", 400), ("W/2", 400), ('W/"2", nonsense', 400),
    ],
)  # fmt: skip
def test_if_match_names_the_current_version_or_nothing_happens(client: Client, if_match: str, status: int) -> None:
    client.put("Patient/p1", PATIENT)
    client.put("Patient/p1", PATIENT)
    assert client.put("Patient/p1", PATIENT, If_Match=if_match).status == status
    assert client.get("Patient/p1").etag == ('W/"3"' if status == 200 else 'W/"2"')


def test_if_match_where_nothing_is_fails_also_with_a_star(client: Client) -> None:
    for if_match in ("*", 'W/"1"'):
        assert client.put("Patient/p1", PATIENT, If_Match=if_match).status == 412
        assert client.delete("Patient/p1", If_Match=if_match).status == 412
    client.put("Patient/p1", PATIENT)
    client.delete("Patient/p1")
    assert client.put("Patient/p1", PATIENT, If_Match="*").status == 412
    assert client.put("Patient/p1", PATIENT, If_Match='W/"1"').status == 412
    revived = client.put("Patient/p1", PATIENT, If_Match=client.get("Patient/p1").etag)
    assert (revived.status, revived.etag) == (201, 'W/"3"')


def test_if_none_match_guards_what_is_there(client: Client) -> None:
    assert client.put("Patient/p1", PATIENT, If_None_Match="*").status == 201
    assert client.put("Patient/p1", PATIENT, If_None_Match="*").status == 412
    assert client.put("Patient/p1", PATIENT, If_None_Match='W/"1"').status == 412
    assert client.put("Patient/p1", PATIENT, If_None_Match='W/"7"').status == 200
    client.delete("Patient/p1")
    assert client.put("Patient/p1", PATIENT, If_None_Match="*").status == 201


def test_preconditions_go_before_the_patch_itself(client: Client) -> None:
    fails = [{"op": "test", "path": "/active", "value": True}]
    assert client.patch("Patient/p1", fails, content_type=JSON_PATCH, If_Match='W/"1"').status == 404
    client.put("Patient/p1", PATIENT)
    assert client.patch("Patient/p1", fails, content_type=JSON_PATCH, If_Match='W/"7"').status == 412
    assert client.patch("Patient/p1", fails, content_type=JSON_PATCH, If_Match='W/"1"').status == 422
    works = [{"op": "add", "path": "/active", "value": True}]
    assert client.patch("Patient/p1", works, content_type=JSON_PATCH, If_Match='W/"1"').status == 200
    client.delete("Patient/p1")
    assert client.patch("Patient/p1", works, content_type=JSON_PATCH, If_Match='W/"2"').status == 410


def test_conditional_forms_keep_their_if_match(client: Client) -> None:
    body = PATIENT | {"active": True, "identifier": [{"system": "urn:x", "value": "1"}]}
    client.put("Patient/p1", body)
    path = "Patient?identifier=urn:x|1"
    patch = [{"op": "remove", "path": "/active"}]
    for if_match in ('W/"2"', 'W/"7"'):
        assert client.put(path, body, If_Match=if_match).status == 412
        assert client.patch(path, patch, content_type=JSON_PATCH, If_Match=if_match).status == 412
        assert client.delete(path, If_Match=if_match).status == 412
    assert client.put("Patient?identifier=urn:x|none", body | {"id": "p9"}, If_Match="*").status == 412
    assert client.put(path, body, If_Match='W/"1"').etag == 'W/"2"'


def at_once(work: Callable[[int], int], times: int) -> list[int]:
    """The statuses of requests that begin together, each in a thread of its own."""
    barrier, found = threading.Barrier(times), [0] * times

    def one(place: int) -> None:
        barrier.wait()
        found[place] = work(place)

    threads = [threading.Thread(target=one, args=(place,)) for place in range(times)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return sorted(found)


def test_many_create_only_puts_make_one(client: Client) -> None:
    statuses = at_once(lambda _: client.put("Patient/p1", PATIENT, If_None_Match="*").status, 8)
    assert statuses == [201] + [412] * 7


def test_patches_at_once_lose_nothing_and_none_is_refused(client: Client) -> None:
    client.put("Patient/p1", PATIENT | {"name": [{"family": "x"}]})

    def add(place: int) -> int:
        patch = [{"op": "add", "path": "/name/0/given", "value": [f"g{place}"]}] if place == 0 else None
        patch = patch or [{"op": "add", "path": "/name/-", "value": {"family": f"f{place}"}}]
        return client.patch("Patient/p1", patch, content_type=JSON_PATCH).status

    assert at_once(add, 8) == [200] * 8
    assert len(client.get("Patient/p1").json["name"]) == 8
    assert client.get("Patient/p1").etag == 'W/"9"'


def test_updates_and_deletes_at_once_leave_a_whole_history(client: Client) -> None:
    def change(place: int) -> int:
        return client.delete("Patient/p1").status if place % 2 else client.put("Patient/p1", PATIENT).status

    client.put("Patient/p1", PATIENT)
    assert set(at_once(change, 8)) <= {200, 201, 204}
    entries = client.get("Patient/p1/_history").json["entry"]
    numbers = [int(e["response"]["etag"][3:-1]) for e in entries]
    assert numbers == list(range(len(entries), 0, -1))
    methods = [e["request"]["method"] for e in entries]
    assert not any(pair == ("DELETE", "DELETE") for pair in itertools.pairwise(methods))


class Clock:
    """A clock that a test sets, in microseconds."""

    def __init__(self) -> None:
        self.now = 1_700_000_000 * SECOND

    def __call__(self) -> int:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def timed(settings: Settings, clock: Clock) -> Any:
    made = Client(settings, now=clock)
    yield made
    made.close()


def test_no_304_hides_a_change_within_the_second_of_the_last_one(timed: Client, clock: Clock) -> None:
    timed.put("Patient/p1", PATIENT)
    seen = timed.get("Patient/p1").headers["Last-Modified"]
    assert timed.get("Patient/p1", If_Modified_Since=seen).status == 304
    clock.now += SECOND // 2
    timed.put("Patient/p1", PATIENT | {"active": True})
    assert timed.get("Patient/p1").headers["Last-Modified"] == seen
    assert timed.get("Patient/p1", If_Modified_Since=seen).json["active"] is True
    clock.now += SECOND
    timed.put("Patient/p1", PATIENT)
    later = timed.get("Patient/p1").headers["Last-Modified"]
    assert timed.get("Patient/p1", If_Modified_Since=later).status == 304
    assert timed.get("Patient/p1", If_Modified_Since=seen).status == 200
    assert timed.get("Patient/p1/_history/2", If_Modified_Since=seen).status == 304


@pytest.mark.parametrize(
    "date",
    [
        "Sun, 06 Nov 2095 08:49:37 GMT", "Sunday, 06-Nov-95 08:49:37 GMT", "Sun Nov  6 08:49:37 2095",
        "Sun, 06 Nov 2095 08:49:37 -0000", "Fri, 31 Dec 9999 23:59:59 -2359",
    ],
)  # fmt: skip
def test_every_form_of_an_http_date_is_read(client: Client, date: str) -> None:
    client.put("Patient/p1", PATIENT)
    status = 200 if "Nov-95" in date else 304  # two digits of a year are of the past
    assert client.get("Patient/p1", If_Modified_Since=date).status == status


def test_a_clock_set_back_takes_no_time_back(timed: Client, clock: Clock) -> None:
    first = timed.put("Patient/p1", PATIENT).json["meta"]["lastUpdated"]
    clock.now -= 3_600 * SECOND
    second = timed.put("Patient/p1", PATIENT).json["meta"]["lastUpdated"]
    assert second > first
    found = timed.get(f"Patient?_lastUpdated=gt{first}").json["entry"]
    assert [e["resource"]["meta"]["versionId"] for e in found] == ["2"]
