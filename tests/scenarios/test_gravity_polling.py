"""Every search that the Gravity clients and One Degree's recipients send, letter for letter, with what it must find.

https://github.com/Gravity-SDOHCC (referral source, CBO and coordination platform clients; their servers as peers) and
https://docs.fhir.1degree.org  Keys come sorted, "/" and ":" as they are; a value that a client lacks leaves a bare key,
which filters nothing. The stories around these searches are in the tests of each client.
"""

from collections.abc import Mapping

import pytest

from tests.builders.actors import organization, reference
from tests.builders.codes import PATIENT_TASK, REFERRAL_TASK, concept
from tests.builders.referrals import (
    characteristic,
    condition,
    consent,
    goal,
    patient_task,
    service_request,
    task,
)
from tests.http.client import Client, JsonObject
from tests.scenarios.network import ANA, BORIS, CLINIC, FOOD_BANK, HUB, ROLE, SHELTER
from tests.scenarios.ruby_fhir_client import READING

OTHER_ROLE: JsonObject = {
    "resourceType": "PractitionerRole",
    "id": "nobody-at-hub",
    "organization": reference(HUB),
}
REQUESTS = [service_request(f"r{n}", subject=who, requester=ROLE) for n, who in enumerate((ANA, ANA, BORIS), start=1)]
SURVEY_URL = "http://example.org/Questionnaire/Hunger"
SURVEY = concept("http://terminology.hl7.org/CodeSystem/observation-category", "survey")
WRITTEN = (
    OTHER_ROLE,
    organization("newest", name="Newest Example CBO"),
    *REQUESTS,
    condition("c1", subject=ANA), condition("c2", subject=BORIS), condition("c3", subject=ANA),
    goal("g1", subject=ANA), goal("g2", subject=BORIS), goal("g3", subject=ANA),
    characteristic("o-late", subject=ANA, effectiveDateTime="2026-03-05"),
    characteristic("o-early", subject=ANA, effectiveDateTime="2026-01-05"),
    characteristic("o-boris", subject=BORIS, effectiveDateTime="2026-02-05"),
    characteristic("o-survey", subject=ANA, category=[SURVEY]),
    consent("consent-boris", subject=BORIS, organization=CLINIC),
    task("t1", focus=REQUESTS[0], subject=ANA, requester=ROLE, owner=FOOD_BANK),
    task("t2", focus=REQUESTS[1], subject=ANA, requester=ROLE, owner=SHELTER, status="accepted"),
    task("t3", focus=REQUESTS[2], subject=BORIS, requester=ROLE, owner=FOOD_BANK),
    task("t4", focus=REQUESTS[0], subject=ANA, requester=OTHER_ROLE, owner=FOOD_BANK, status="draft"),
    patient_task("p1", subject=ANA, requester=ROLE, questionnaire=SURVEY_URL),
    patient_task("p2", subject=BORIS, requester=ROLE, questionnaire=SURVEY_URL),
)  # fmt: skip
"""Written one after the other, so that each has a later lastUpdated than the one before."""

REFERRALS = f"Task?_profile={REFERRAL_TASK}&_sort=-_lastUpdated"
FOR_PATIENTS = f"Task?_profile={PATIENT_TASK}&_sort=-_lastUpdated"
BY_ROLE = "requester=PractitionerRole/doctor-at-clinic"
CHARACTERISTICS = "Observation?_sort=-date&category=personal-characteristic"

REFERRAL_SOURCE: Mapping[str, list[str]] = {
    "Practitioner": ["doctor"],
    "PractitionerRole?practitioner=doctor": ["doctor-at-clinic"],
    "PractitionerRole?practitioner": ["nobody-at-hub", "doctor-at-clinic"],
    "Patient": ["boris", "ana"],
    "Questionnaire?_sort=title": ["assets", "hunger"],
    f"{CHARACTERISTICS}&subject=ana": ["o-late", "o-early"],
    f"{CHARACTERISTICS}&subject": ["o-late", "o-boris", "o-early"],
    "Condition?_sort=-_lastUpdated&subject=ana": ["c3", "c1"],
    "Condition?_sort=-_lastUpdated&subject": ["c3", "c2", "c1"],
    "Goal?_sort=-_lastUpdated&subject=ana": ["g3", "g1"],
    "Goal?_sort=-_lastUpdated&subject": ["g3", "g2", "g1"],
    "ServiceRequest?_sort=-_lastUpdated&subject=ana": ["r2", "r1"],
    "ServiceRequest?_sort=-_lastUpdated&subject": ["r3", "r2", "r1"],
    f"{REFERRALS}&{BY_ROLE}&subject=ana": ["t2", "t1"],
    f"{REFERRALS}&{BY_ROLE}&subject": ["t3", "t2", "t1"],
    f"{REFERRALS}&requester=PractitionerRole/&subject=ana": [],
    f"{FOR_PATIENTS}&{BY_ROLE}&subject=ana": ["p1"],
    f"{FOR_PATIENTS}&{BY_ROLE}&subject": ["p2", "p1"],
    "Organization?_sort=-_lastUpdated": ["newest", "shelter", "food-bank", "hub", "clinic"],
    "Consent?patient=ana": ["consent-ana"],
    "Consent?patient": ["consent-boris", "consent-ana"],
}
CBO: Mapping[str, list[str]] = {
    "Organization": ["newest", "shelter", "food-bank", "hub", "clinic"],
    f"{REFERRALS}&owner=Organization/food-bank": ["t4", "t3", "t1"],
    f"{REFERRALS}&owner=Organization/shelter": ["t2"],
    f"{REFERRALS}&owner=Organization/": [],
    f"{REFERRALS}&owner": ["t4", "t3", "t2", "t1"],
    "HealthcareService?organization=food-bank": ["pantry-service"],
    "HealthcareService?organization=shelter": [],
    "HealthcareService?organization": ["pantry-service"],
}
COORDINATION_PLATFORM: Mapping[str, list[str]] = {
    "Organization?_sort=-_lastUpdated&type=cbo": ["newest", "shelter", "food-bank"],
    REFERRALS: ["t4", "t3", "t2", "t1"],
}
REFERENCE_SERVERS: Mapping[str, list[str]] = {
    "ServiceRequest?_id=r1&_include=ServiceRequest:subject": ["r1", "ana"],
    "ServiceRequest?_id=r1&_include=ServiceRequest%3Asubject": ["r1", "ana"],
    "ServiceRequest?_id=unknown&_include=ServiceRequest:subject": [],
    "ServiceRequest?_id=&_include=ServiceRequest:subject": ["r3", "r2", "r1", "ana", "boris"],
    "ServiceRequest?_id&_include=ServiceRequest:subject": ["r3", "r2", "r1", "ana", "boris"],
    "Task?_id=t1,t3,unknown": ["t3", "t1"],
    "Task?_id=t1%2Ct3%2Cunknown": ["t3", "t1"],
    "Task?_id=unknown": [],
}
ONE_DEGREE: Mapping[str, list[str]] = {
    "Task?status=requested": ["t3", "t1"],
    "Task?status=requested&_count=20": ["t3", "t1"],
    "Task?status=requested&_lastUpdated=gt2020-01-01T00:00:00Z": ["t3", "t1"],
    "Task?status=requested&_lastUpdated=gt2020-01-01T00:00:00Z&_count=20": ["t3", "t1"],
    "Task?status=requested&_lastUpdated=gt2999-01-01T00:00:00Z&_count=20": [],
    "Task?status=received": [],
}


@pytest.fixture
def polled(network: Client) -> Client:
    """A server on which some referrals are under way."""
    for resource in WRITTEN:
        answer = network.put(f"{resource['resourceType']}/{resource['id']}", resource)
        assert answer.status == 201, answer.text
    return network


def poll(client: Client, path: str) -> JsonObject:
    """One search, as the Ruby library sends it, refused by none."""
    answer = client.send("GET", path, headers=READING)
    assert answer.status == 200, f"{path}: {answer.text}"
    bundle: JsonObject = answer.json
    return bundle


def ids(page: JsonObject) -> list[str]:
    """The ids of a page, matches before what they include, as they came; included ones by id."""
    entries = page.get("entry", [])
    matches = [e["resource"]["id"] for e in entries if e["search"]["mode"] == "match"]
    return matches + sorted(e["resource"]["id"] for e in entries if e["search"]["mode"] == "include")


def link(page: JsonObject, relation: str) -> str | None:
    return next((found["url"] for found in page["link"] if found["relation"] == relation), None)


@pytest.mark.parametrize(
    "searches",
    [REFERRAL_SOURCE, CBO, COORDINATION_PLATFORM, REFERENCE_SERVERS, ONE_DEGREE],
    ids=["referral source", "CBO", "coordination platform", "reference servers", "One Degree"],
)
def test_each_search_finds_what_its_screen_shows(polled: Client, searches: Mapping[str, list[str]]) -> None:
    pages = {path: poll(polled, path) for path in searches}
    assert {path: ids(page) for path, page in pages.items()} == searches
    assert {path for path, page in pages.items() if link(page, "next")} == set()


def test_a_bare_key_is_not_part_of_the_search_that_was_run(polled: Client) -> None:
    own = link(poll(polled, f"{REFERRALS}&{BY_ROLE}&subject"), "self")
    assert own is not None
    assert "requester=" in own
    assert "subject" not in own


def test_twenty_at_a_time_until_there_is_no_next_link(polled: Client) -> None:
    """What One Degree's recipients do: 42 Tasks on three pages, each once; those accepted meanwhile are not missed."""
    more = [f"w{n:02}" for n in range(40)]
    for name in more:
        waiting = task(name, focus=REQUESTS[0], subject=ANA, requester=ROLE, owner=FOOD_BANK)
        assert polled.put(f"Task/{name}", waiting).status == 201
    seen: list[str] = []
    sizes = []
    url: str | None = "Task?status=requested&_lastUpdated=gt2020-01-01T00:00:00Z&_count=20"
    while url:
        page = poll(polled, url)
        sizes.append(len(ids(page)))
        seen += ids(page)
        url = link(page, "next")
    assert sizes == [20, 20, 2]
    assert seen == [*reversed(more), "t3", "t1"]


def test_the_next_poll_begins_after_the_last_time_seen(polled: Client) -> None:
    page = poll(polled, "Task?status=requested&_count=20")
    latest = max(entry["resource"]["meta"]["lastUpdated"] for entry in page["entry"])
    assert ids(poll(polled, f"Task?status=requested&_lastUpdated=gt{latest}&_count=20")) == []
    again = polled.get("Task/t1").json
    assert polled.put("Task/t1", again | {"priority": "urgent"}).status == 200
    assert ids(poll(polled, f"Task?status=requested&_lastUpdated=gt{latest}&_count=20")) == ["t1"]
