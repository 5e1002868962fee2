"""Where one can search: a type, several types, a compartment; by GET and by POST.

https://hl7.org/fhir/R4/http.html#search  What a search means is tested in tests/contracts; here is how it is asked for.
"""

from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest

from fhir_server.settings import Settings
from tests.http.client import FHIR_XML, Client
from tests.http.records import records

FORM = "application/x-www-form-urlencoded"
RESOURCES: list[dict[str, Any]] = [
    {"resourceType": "Organization", "id": "o1", "name": "Food bank"},
    {"resourceType": "Practitioner", "id": "r1", "name": [{"family": "Nord"}]},
    {"resourceType": "Patient", "id": "p1", "name": [{"family": "Nord"}]},
    {"resourceType": "Patient", "id": "p2", "name": [{"family": "Sud"}]},
    {"resourceType": "Task", "id": "t1", "status": "requested", "intent": "order",
     "for": {"reference": "Patient/p1"}, "owner": {"reference": "Organization/o1"}},
    {"resourceType": "Task", "id": "t2", "status": "draft", "intent": "order", "for": {"reference": "Patient/p1"}},
    {"resourceType": "Task", "id": "t3", "status": "requested", "intent": "order", "for": {"reference": "Patient/p2"}},
    {"resourceType": "ServiceRequest", "id": "s1", "status": "active", "intent": "order",
     "subject": {"reference": "Patient/p1"}, "requester": {"reference": "Practitioner/r1"}},
    {"resourceType": "ServiceRequest", "id": "s2", "status": "draft", "intent": "order",
     "subject": {"reference": "Patient/p1"}},
    {"resourceType": "ServiceRequest", "id": "s3", "status": "draft", "intent": "order",
     "subject": {"reference": "Patient/p2"}},
    {"resourceType": "Observation", "id": "b1", "status": "final", "code": {"text": "x"},
     "subject": {"reference": "Patient/p1"}},
]  # fmt: skip


@pytest.fixture
def filled(client: Client) -> Client:
    for resource in RESOURCES:
        assert client.put(f"{resource['resourceType']}/{resource['id']}", resource).status == 201
    return client


def found(answer: Any) -> set[str]:
    assert (answer.status, answer.json["type"]) == (200, "searchset"), answer.text
    return {f"{r['resourceType']}/{r['id']}" for r in answer.resources if r["resourceType"] != "OperationOutcome"}


def link(answer: Any, relation: str) -> str | None:
    return next((each["url"] for each in answer.json["link"] if each["relation"] == relation), None)


@pytest.mark.parametrize(
    ("path", "ids"),
    [
        ("?_type=Patient", "Patient/p1 Patient/p2"),
        ("?_type=Patient,Practitioner&family=nord", "Patient/p1 Practitioner/r1"),
        ("?_id=t1,p1", "Patient/p1 Task/t1"),
        ("?_type=Task&status=requested&_include=Task:owner", "Task/t1 Task/t3 Organization/o1"),
        ("?_type=Patient,Task&_type=Task&_id=t1,p1", "Task/t1"),
        ("Patient/p1/ServiceRequest", "ServiceRequest/s1 ServiceRequest/s2"),
        ("Patient/p1/ServiceRequest?status=draft", "ServiceRequest/s2"),
        ("Patient/p1/Observation", "Observation/b1"),
        ("Patient/p1/*", "Patient/p1 ServiceRequest/s1 ServiceRequest/s2 Observation/b1"),
        ("Patient/p1/*?_type=ServiceRequest,Observation", "ServiceRequest/s1 ServiceRequest/s2 Observation/b1"),
        ("Patient/p1/Patient", "Patient/p1"),
        ("Patient/p1/Task", ""),  # no parameter of theirs puts them there
        ("Practitioner/r1/ServiceRequest", "ServiceRequest/s1"),
        ("Patient/nobody/Task", ""),
        ("Patient/nobody/*", ""),
        ("Task?owner.name=food", "Task/t1"),
        ("Patient?_has:Task:patient:status=draft", "Patient/p1"),
    ],
)
def test_where_one_can_search(filled: Client, path: str, ids: str) -> None:
    assert found(filled.get(path)) == set(ids.split())


def test_without_a_type_every_type_is_searched(filled: Client) -> None:
    assert found(filled.get("?_count=100")) == {f"{r['resourceType']}/{r['id']}" for r in RESOURCES}
    assert filled.get("?_summary=count").json["total"] == len(RESOURCES)


@pytest.mark.parametrize(
    ("path", "body", "same"),
    [
        ("Task/_search", "status=requested", "Task?status=requested"),
        ("Task/_search?status=requested", "subject=Patient/p1", "Task?status=requested&subject=Patient/p1"),
        ("_search", "_type=Patient&family=nord", "?_type=Patient&family=nord"),
        ("_search?_type=Patient,Task", "_type=Task", "?_type=Task"),
        ("_search", "", "?"),
        ("Patient/p1/ServiceRequest/_search", "status=draft", "Patient/p1/ServiceRequest?status=draft"),
        ("Patient/p1/*/_search?_type=ServiceRequest", "status=draft", "Patient/p1/*?_type=ServiceRequest&status=draft"),
    ],
)
def test_a_search_by_post_is_the_search_by_get(filled: Client, path: str, body: str, same: str) -> None:
    posted, got = filled.send("POST", path, body, content_type=FORM), filled.get(same)
    assert found(posted) == found(got)
    own = link(posted, "self")
    assert own is not None
    assert "_search" not in own
    assert found(filled.get(own.removeprefix(f"{filled.base}/").removeprefix(filled.base))) == found(got)


@pytest.mark.parametrize("path", ["Task", "", "Patient/p1/*", "Patient/p1/ServiceRequest"])
def test_pages_of_every_search_join_to_the_whole(filled: Client, path: str) -> None:
    whole = found(filled.get(f"{path}?_count=50"))
    pages, url = set(), f"{filled.base}/{path}?_count=1" if path else f"{filled.base}?_count=1"
    for _ in range(len(whole)):
        answer = filled.get(url.removeprefix(f"{filled.base}/").removeprefix(filled.base))
        assert len(found(answer)) == 1
        assert not found(answer) & pages
        pages |= found(answer)
        url = link(answer, "next") or ""
        assert urlsplit(url).path in {"", urlsplit(f"{filled.base}/{path}".rstrip("/")).path}
    assert (pages, url) == (whole, "")


def test_a_page_link_leads_on_in_its_own_compartment_only(filled: Client) -> None:
    following = link(filled.get("Patient/p1/ServiceRequest?_count=1"), "next")
    assert following is not None
    query = urlsplit(following).query
    assert filled.get(f"Patient/p1/ServiceRequest?{query}").status == 200
    for other in ("Patient/p2/Task", "Patient/p1/*", "Patient/p1/Observation", "Task", ""):
        assert filled.get(f"{other}?{query}").status == 400


def test_self_says_what_counted(filled: Client) -> None:
    answer = filled.send(
        "GET", "Patient/p1/*?_type=ServiceRequest&status=&shoe=1&_count=5", headers={"Prefer": "handling=lenient"}
    )
    own = link(answer, "self") or ""
    assert own.startswith(f"{filled.base}/Patient/p1/*?")
    assert parse_qsl(urlsplit(own).query) == [("_type", "ServiceRequest"), ("_count", "5")]
    outcome = answer.resources[-1]
    assert (outcome["resourceType"], "shoe" in outcome["issue"][0]["diagnostics"]) == ("OperationOutcome", True)
    assert [e["search"]["mode"] for e in answer.json["entry"]] == ["match", "match", "outcome"]


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("Nothing/p1/Task", 404),
        ("Patient/p1/Nothing", 404),
        ("Organization/o1/Task", 404),
        ("Organization/o1/*", 404),
        ("Patient/p1/ServiceRequest/t1", 404),
        ("Patient/p1/*/t1", 404),
        ("Patient/p_1/Task", 404),
        ("*/p1/Task", 404),
        ("*", 404),
        ("Nothing?_id=1", 404),
        ("?_type=Nothing", 400),
        ("?status=draft", 400),
        ("Task?_type=Task", 400),
        ("Patient/p1/ServiceRequest?_type=Task", 400),
        ("Patient/p1/ServiceRequest?shoe=1", 400),
        ("Patient/p1/ServiceRequest?family=nord", 400),
    ],
)
def test_where_one_cannot_search(filled: Client, path: str, status: int) -> None:
    answer = filled.get(path)
    assert (answer.status, answer.json["resourceType"]) == (status, "OperationOutcome"), answer.text


@pytest.mark.parametrize("path", ["Task/_search", "_search", "Patient/p1/ServiceRequest/_search"])
@pytest.mark.parametrize(("content_type", "body"), [("application/fhir+json", "{}"), ("text/plain", "status=draft")])
def test_the_body_of_a_search_is_a_form(filled: Client, path: str, content_type: str, body: str) -> None:
    assert filled.send("POST", path, body, content_type=content_type).status == 415


@pytest.mark.parametrize(
    "path", ["Task?status=draft", "?_type=Task", "Patient/p1/ServiceRequest", "Patient/p1/*", "Nope/1/Task"]
)
def test_head_is_get_without_the_body(filled: Client, path: str) -> None:
    head, got = filled.head(path), filled.get(path)
    assert (head.status, head.text) == (got.status, "")
    assert head.headers["Content-Type"] == got.headers["Content-Type"]


def test_a_search_is_answered_in_xml(filled: Client) -> None:
    for path in ("?_type=ServiceRequest", "Patient/p1/*"):
        answer = filled.get(path, Accept=FHIR_XML)
        assert answer.status == 200
        assert answer.text.count("<ServiceRequest") == (3 if path.startswith("?") else 2)


def test_searches_in_a_batch(filled: Client) -> None:
    urls = [
        "Task?status=draft",
        "?_type=Patient",
        "Patient/p1/ServiceRequest",
        "Patient/p1/*?_type=ServiceRequest",
        "Organization/o1/Task",
    ]
    entries = [{"request": {"method": "GET", "url": url}} for url in urls]
    answer = filled.post("", {"resourceType": "Bundle", "type": "batch", "entry": entries})
    assert [e["response"]["status"][:3] for e in answer.json["entry"]] == ["200"] * 4 + ["404"]
    counts = [len(e["resource"]["entry"]) for e in answer.json["entry"][:4]]
    assert counts == [1, 2, 2, 2]


def test_each_search_leaves_a_record_of_what_it_gave(filled: Client, settings: Settings) -> None:
    before = len(records(settings))
    filled.get("?_type=Patient&family=nord")
    filled.send("POST", "_search", "_type=Patient&family=nord", content_type=FORM)
    filled.get("Patient/p1/ServiceRequest?status=draft")
    filled.get("Patient/p1/*?_type=ServiceRequest&status=draft")
    written = records(settings)[before:]
    assert sorted((r["interaction"], r["status"]) for r in written) == [
        ("search-compartment", 200), ("search-compartment", 200), ("search-system", 200), ("search-system", 200),
    ]  # fmt: skip
    for record in written:
        given = "Patient/p1" if record["interaction"] == "search-system" else "ServiceRequest/s2"
        assert given in str(record["resources"])
