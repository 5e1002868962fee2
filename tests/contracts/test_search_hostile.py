"""Searches that mean harm: an answer or a 4xx, never a failure of the database."""

import base64
import string
import time
from collections.abc import Iterator
from urllib.parse import parse_qs, quote

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fhir_server.errors import BadRequest, TooCostly
from tests.conftest import ENGINES
from tests.contracts.search_world import World, opened_world

RING = 12
"""So many resources in the ring of references: more than links or includes go in one step."""


@pytest.fixture(scope="module", params=ENGINES)
def world(request: pytest.FixtureRequest) -> Iterator[World]:
    with opened_world(request) as world:
        world.write([{"resourceType": "Task", "id": "t", "status": "draft", "owner": {"reference": "Organization/o"}}])
        yield world


@pytest.fixture(scope="module", params=ENGINES)
def ring(request: pytest.FixtureRequest) -> Iterator[World]:
    """Organizations, each a part of the next, the last one a part of the first."""
    with opened_world(request) as world:
        world.write(
            {"resourceType": "Organization", "id": f"o{n}", "name": f"n{n}",
             "partOf": {"reference": f"Organization/o{(n + 1) % RING}"}}
            for n in range(RING)
        )  # fmt: skip
        yield world


def _joined(values: Iterator[str]) -> str:
    return ",".join(values)


@pytest.mark.parametrize(
    "query",
    [
        "owner=" + _joined(f"https://e{i}.org/fhir/Organization/{i}" for i in range(500)),
        "code="
        + _joined(f"s{i}%7C{i}" for i in range(500))
        + "&_sort=status,code,-owner,requester,_id,authored-on,focus",
        "&".join("owner=" + _joined(f"https://e{i}.org/Organization/{j}" for j in range(8)) for i in range(50)),
        "&".join(f"authored-on=ge20{i:02}" for i in range(50)),
        "&".join(f"owner:missing={truth}" for _ in range(25) for truth in ("true", "false")),
        "_id=" + _joined(str(i) for i in range(500)),
        "status=" + "x" * 100_000,
        "owner=" + "x" * 100_000,
        "owner=https://x.org/" + "y/" * 1000 + "Organization/1",
        "_profile=" + "http://" * 5_000,
        "status=';DROP TABLE resource;--",
        "status=%25%27%22:c0_0_0_0 $1",
        "authored-on=ap0001",
        "authored-on=ap9999-12-31T23:59:59.999999Z",
        "_lastUpdated=le9999",
        "_count=999999999999",
        "status=\U0010ffff&owner=\U0010ffff",
    ],
)
def test_an_answer_within_bounds(world: World, query: str) -> None:
    assert len(world.search(f"Task?{query}&_total=accurate").matches) <= 1


@pytest.mark.parametrize(
    "query",
    [
        "status=" + _joined(str(i) for i in range(10_000)),
        "&".join(f"status={i}" for i in range(100)),
        "authored-on=" + _joined(f"ge{1900 + i}" for i in range(60)),
        "_sort=" + _joined("status" for _ in range(100)),
        "code:in=" + _joined(f"http://example.org/{i}" for i in range(21)),
        "&".join(f"code:below=http://example.org%7C{i}" for i in range(21)),
    ],
)
def test_too_much_is_said_to_be_too_costly(world: World, query: str) -> None:
    with pytest.raises(TooCostly):
        world.search(f"Task?{query}")


@pytest.mark.parametrize(
    "query",
    [
        "status=%00",
        "_cursor=" + "A" * 100_000,
        ".".join("subject" * 50) + "=1",
        "part-of." * 50 + "status=draft",
        "part-of:Task." * 50 + "status=draft",
        "_has:Task:part-of:" * 50 + "status=draft",
        "part-of._has:Task:part-of:" * 25 + "status=draft",
        "." * 5_000 + "=1",
        ":" * 5_000 + "=1",
        "_has" + ":" * 5_000 + "=1",
        ".:" * 5_000 + "=1",
        "status" + ":not" * 5_000 + "=draft",
        "_has:" * 5_000 + "=1",
        "owner:" + "x" * 100_000 + "=1",
        "_include=" + ":" * 100_000,
        "_include:iterate=Nobody:*",
        "_include:iterate=Account:*",
        "_include=Task:*:" + "x" * 100_000,
        "_sort=" + "-" * 100_000 + "status",
        "_sort=" + "." * 100_000,
        "_count=1e9",
        "_count=" + "%D9%A1" * 5_000,
        "_total=" + "x" * 100_000,
        "_summary=" + "x" * 100_000,
        "code:below=" + "|" * 5_000,
        "code:in=" + "x" * 100_000,
        "owner:above=" + "x/" * 5_000,
        "identifier:of-type=" + "%7C" * 5_000,
        "status=" + "%ED%A0%80" + "%00",
    ],
)
def test_what_makes_no_sense_is_refused(world: World, query: str) -> None:
    with pytest.raises(BadRequest):
        world.search(f"Task?{query}")


@pytest.mark.parametrize(
    "query",
    [
        "Observation?code-value-quantity=" + "$" * 5_000,
        "Observation?code-value-quantity=" + "a$1$" * 5_000,
        "Observation?code-value-quantity=a$" + "9" * 5_000,
        "Observation?code-value-quantity=%5C" * 2 + "$1",
        *(f"Location?near={a}%7C{b}%7C{c}" for a, b, c in (
            ("NaN", "1", "1"), ("1", "inf", "1"), ("1", "1", "-inf"), ("1e999", "1", "1"), ("1", "1", "1e999"),
            ("91", "1", "1"), ("1", "1" * 400, "1"), ("1", "1", "-1"), ("1", "1", "1e-999"), ("0x1", "1", "1"),
            ("1_0", "1", "1"), ("%D9%A1", "1", "1"), ("1", "181", "9" * 400),
        )),
        "Location?near=" + "%7C" * 5_000,
        "Location?near=1%7C1%7C1%7C" + "k" * 5_000,
        *(f"Observation?value-quantity={prefix}{number}"
          for prefix in ("", "gt", "ap", "ne", "sa", "eb") for number in (
            "1e999999999", "-1e999999999", "1e-999999999", "1e99999999999999999999", "9" * 5_000,
            "0." + "0" * 5_000 + "1",
            "NaN", "sNaN", "Infinity", "-inf", "1_000", "%D9%A1", "--1", "+-1", "1e", "e1", ".", "-", "0e-999999999",
        )),
        "Observation?value-quantity=5%7Chttp://unitsofmeasure.org%7C" + "kg." * 3_000 + "m",
        "Observation?value-quantity=5%7Chttp://unitsofmeasure.org%7Cm999999999999",
        "Observation?value-quantity=5%7Chttp://unitsofmeasure.org%7C" + "(" * 3_000,
        "Observation?value-quantity=1e300%7Chttp://unitsofmeasure.org%7CYm",
        "Observation?value-quantity=5" + "%7C" * 5_000,
        *(f"Observation?date={date}" for date in (
            "0000", "9999-99-99", "0001-01-01T00:00:00%2B14:00", "9999-12-31T23:59:59-14:00", "ap0001-01-01",
            "2026-02-30", "%D9%A2%D9%A0%D9%A2%D9%A6", "2026-01-01T00:00:00." + "9" * 5_000 + "Z",
            "ap9999", "-2026", "20266", "gtgt2026",
        )),
        *(f"Patient?name{modifier}={text}" for modifier in ("", ":contains", ":exact") for text in (
            "(a%2B)%2B$", ".*.*.*.*.*.*x", "%25%25%25%25", "____", "%5C", "%5C%5C%5C", "[a-z]*", "a{1,999999}",
            "%E2%80%8B",
            "%CC%81" * 3_000, "%EF%B7%BA" * 500, "%F0%9F%91%A9%E2%80%8D%F0%9F%91%A7",
            "%C4%B0%C5%BF%C3%9F", "%E2%80%AEabc",
            "%EF%BF%BF", "%F4%8F%BF%BF", "%01%02%7F", "%25" * 20_000, "%5C" * 20_001,
        )),
        "Patient?name:contains=" + "ab" * 50_000,
        "Observation?code:text=" + "%25" * 5_000,
        "Questionnaire?url:below=" + "http://" * 5_000,
        "Questionnaire?url:above=" + "http://x/" + "y/" * 20_000,
        "Questionnaire?url:above=" + "/" * 50_000,
        "Questionnaire?url=" + "%7C" * 20_000,
        "Task?owner=" + "/" * 20_000,
        "Task?owner=Organization/..",
        "Task?owner=urn:uuid:" + "x" * 20_000,
        "Task?status=" + "%7C" * 20_000,
        "Task?status=" + "%5C%7C" * 20_000,
        "Task?_list=" + "List/" * 5_000,
        "?_type=" + "Task," * 20_000,
        "?_type=" + ",".join(f"Type{n}" for n in range(5_000)),
        "?_id=" + "x" * 100_000,
        "Patient/" + "x" * 64 + "/*?_include=*&_revinclude=*",
        "Patient/x%27%22/*",
        "?_include=*&_revinclude=*&_include:iterate=*&_revinclude:iterate=*&_count=" + "9" * 4_000,
        "?_sort=_id,-_lastUpdated&_has:Task:owner:status=draft",
        "?" + "_lastUpdated=gt2020&" * 50,
    ],
)  # fmt: skip
def test_an_answer_or_a_refusal_soon(world: World, query: str) -> None:
    began = time.monotonic()
    told = ""
    try:
        world.search(query)
    except BadRequest as refused:
        told = "".join(issue.diagnostics for issue in refused.issues)
    assert len(told) < 2_000
    assert time.monotonic() - began < 30  # seconds on a busy machine, for what takes milliseconds or is refused


def test_a_ring_of_references_comes_to_an_end(ring: World) -> None:
    """Everything from everything, again and again: each comes once, and none that matched."""
    wild = "_include=*&_revinclude=*&_include:iterate=*&_revinclude:iterate=*"
    page = ring.search(f"Organization?_id=o0&{wild}")
    assert [s.resource_id for s in page.matches] == ["o0"]
    assert sorted(s.resource_id for s in page.included) == sorted(f"o{n}" for n in range(1, RING))
    whole = ring.search(f"Organization?_count=1000&{wild}")
    assert (len(whole.matches), whole.included) == (RING, [])
    for links in range(1, 5):
        chained = ring.ids("Organization?" + "partof." * links + "_id=o0")
        assert chained == [f"o{RING - links}"]
        assert ring.ids("Organization?" + "_has:Organization:partof:" * links + "_id=o0") == [f"o{links}"]
    assert len(ring.ids("Organization?partof:below=Organization/o0")) == RING
    assert len(ring.ids("Organization?partof:above=Organization/o0")) == RING


@settings(max_examples=100)
@given(st.data())
def test_no_changed_position_is_taken(ring: World, data: st.DataObject) -> None:
    query = "Organization?_count=3&_sort=name"
    position = parse_qs(ring.search(query).next_query or "")["_cursor"][0]
    place = data.draw(st.integers(0, len(position) - 1))
    how = data.draw(st.sampled_from(["cut", "begin later", "flip", "insert", "double"]))
    letter = data.draw(st.sampled_from(string.ascii_letters + string.digits + "-_+/=%\xe9 "))
    changed = {
        "cut": position[:place],
        "begin later": position[place + 1 :],
        "flip": position[:place] + letter + position[place + 1 :],
        "insert": position[:place] + letter + position[place:],
        "double": position * 2,
    }[how]
    if changed and changed.rstrip("=") != position and not _same_bytes(changed, position):
        with pytest.raises(BadRequest):
            ring.search(f"{query}&_cursor={quote(changed)}")


def _same_bytes(one: str, other: str) -> bool:
    """The last letter of a position carries bits that mean nothing."""
    padded = [text + "=" * (-len(text) % 4) for text in (one, other)]
    try:
        return len({base64.b64decode(text, altchars=b"-_", validate=True) for text in padded}) == 1
    except ValueError:
        return False


def test_a_position_serves_its_own_search_and_caller_alone(ring: World) -> None:
    position = parse_qs(ring.search("Organization?_count=3&_sort=name").next_query or "")["_cursor"][0]
    others = [
        "Organization?_sort=-name", "Organization?_sort=name,_id", "Organization?_sort=_id", "Organization?",
        "Organization?_sort=name&name=x", "?_type=Organization&_sort=_id", "Patient?_sort=family",
        "Organization/o0/Organization?_sort=name",
    ]  # fmt: skip
    for query in others:
        with pytest.raises(BadRequest):
            ring.search(f"{query}&_cursor={position}")
    with pytest.raises(BadRequest):
        ring.search(f"Organization?_sort=name&_cursor={position}", caller="you")
    assert len(ring.search(f"Organization?_sort=name&_cursor={position}").matches) == RING - 3


def test_values_too_long_for_an_index_are_found_whole(world: World) -> None:
    url, other = ("http://example.org/" + "x" * 5_000 + end for end in ("1", "2"))
    world.write([{"resourceType": "Questionnaire", "id": "long", "status": "draft", "url": url, "title": "é" * 5_000}])
    assert world.ids(f"Questionnaire?url={url}") == ["long"]
    assert world.ids(f"Questionnaire?url={other}") == []
    assert world.ids("Questionnaire?title=eee") == ["long"]
    assert world.ids(f"Questionnaire?title:exact={'é' * 5_000}") == ["long"]
    assert world.ids(f"Questionnaire?title:exact={'é' * 5_001}") == []
