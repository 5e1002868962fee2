"""The order of a transaction and what its entries see of each other: https://hl7.org/fhir/R4/http.html#trules ."""

import base64
import json
from typing import Any

import pytest

from tests.http.client import Client
from tests.http.test_bundle import ONE, TWO, bundle, entry, patient, statuses, task

THREE = "urn:uuid:33333333-3333-4333-8333-333333333333"
SUBSETTED = {"system": "http://terminology.hl7.org/CodeSystem/v3-ObservationValue", "code": "SUBSETTED"}
SYSTEM = "http://clinic.example/ids?kind=a"


def person(number: int, **more: Any) -> dict[str, Any]:
    return patient(identifier=[{"system": SYSTEM, "value": str(number)}]) | more


def by(number: int) -> str:
    """Criteria as clients write them: a URL in a query."""
    return f"identifier={SYSTEM.replace('?', '%3F').replace('=', '%3D')}|{number}"


def transaction(client: Client, *entries: dict[str, Any], **headers: str) -> Any:
    return client.post("", bundle("transaction", *entries), **headers)


def total(client: Client, type_name: str = "Patient") -> int:
    found: int = client.get(f"{type_name}?_summary=count").json["total"]
    return found


def test_what_is_deleted_matches_nothing_any_more(client: Client) -> None:
    client.put("Patient/old", person(1, id="old"))
    answer = transaction(
        client,
        entry("POST", "Patient", person(1), ONE, ifNoneExist=by(1)),
        entry("POST", "Task", task(ONE)),
        entry("POST", "Task", task(f"Patient?{by(1)}")),
        entry("DELETE", "Patient/old"),
    )
    assert statuses(answer) == ["201", "201", "201", "204"], answer.text
    new = answer.json["entry"][0]["resource"]["id"]
    assert {e["resource"]["for"]["reference"] for e in answer.json["entry"][1:3]} == {f"Patient/{new}"}
    assert client.get("Patient/old").status == 410
    gone = transaction(client, entry("POST", "Task", task(f"Patient?{by(1)}")), entry("DELETE", f"Patient?{by(1)}"))
    assert gone.status == 412
    assert client.get(f"Patient/{new}").status == 200


def test_a_conditional_create_that_is_repeated_makes_one(client: Client) -> None:
    answer = transaction(
        client,
        entry("POST", "Patient", person(1, active=True), ONE, ifNoneExist=by(1)),
        entry("POST", "Patient", person(1), TWO, ifNoneExist=by(1)),
        entry("POST", "Task", task(ONE)),
        entry("POST", "Task", task(TWO)),
    )
    assert statuses(answer) == ["201", "200", "201", "201"], answer.text
    first, second, *tasks = answer.json["entry"]
    assert first["resource"] == second["resource"]
    assert {t["resource"]["for"]["reference"] for t in tasks} == {f"Patient/{first['resource']['id']}"}
    assert second["response"]["location"] == first["response"]["location"]
    assert total(client) == 1


@pytest.mark.parametrize(
    "second",
    [
        entry("POST", "Patient", person(1, active=True), ifNoneExist="active=true"),
        entry("POST", "Patient", person(1)),
        entry("PUT", f"Patient?{by(1)}", person(1)),
        entry("PUT", "Patient/p1", person(1, id="p1")),
    ],
)
def test_two_entries_cannot_both_make_what_the_criteria_name(client: Client, second: dict[str, Any]) -> None:
    answer = transaction(client, entry("POST", "Patient", person(1, active=True), ifNoneExist=by(1)), second)
    assert (answer.status, answer.json["issue"][0]["code"]) == (412, "multiple-matches")
    assert answer.json["issue"][0]["expression"][0].startswith("Bundle.entry[")
    assert total(client) == 0


def test_conditional_creates_of_several_stay_several(client: Client) -> None:
    entries = [entry("POST", "Patient", person(n), ifNoneExist=by(n)) for n in range(4)]
    for expected in ("201", "200"):
        assert statuses(transaction(client, *entries)) == [expected] * 4
    assert total(client) == 4


def test_conditional_references_find_what_the_transaction_makes(client: Client) -> None:
    organization = {"resourceType": "Organization", "name": "x", "identifier": [{"system": "urn:o", "value": "1"}]}
    managed = person(1, managingOrganization={"reference": "Organization?identifier=urn:o|1"})
    answer = transaction(
        client,
        entry("POST", "Task", task(f"Patient?{by(1)}")),
        entry("POST", "Patient", managed),
        entry("POST", "Organization", organization),
    )
    assert statuses(answer) == ["201"] * 3, answer.text
    made, who, where = (e["resource"] for e in answer.json["entry"])
    assert made["for"]["reference"] == f"Patient/{who['id']}"
    assert who["managingOrganization"]["reference"] == f"Organization/{where['id']}"
    assert client.get(f"Task?patient={who['id']}").found("Task") == [made["id"]]


def test_conditional_references_find_what_an_update_leaves(client: Client) -> None:
    client.put("Patient/p1", person(1, id="p1"))
    update = entry("PUT", "Patient/p1", person(2, id="p1"))
    lost = transaction(client, update, entry("POST", "Task", task(f"Patient?{by(1)}")))
    assert (lost.status, lost.json["issue"][0]["expression"]) == (412, ["Bundle.entry[1].resource"])
    found = transaction(client, update, entry("POST", "Task", task(f"Patient?{by(2)}")))
    assert found.json["entry"][1]["resource"]["for"]["reference"] == "Patient/p1"
    many = transaction(client, entry("POST", "Patient", person(2)), entry("POST", "Task", task(f"Patient?{by(2)}")))
    assert (many.status, many.json["issue"][0]["code"]) == (412, "multiple-matches")
    assert total(client, "Task") == 1


def test_problems_of_all_bodies_are_told_also_where_references_wait(client: Client) -> None:
    answer = transaction(
        client,
        entry("POST", "Task", task(f"Patient?{by(1)}", status="nonsense")),
        entry("POST", "Patient", person(1, gender="nonsense")),
    )
    assert answer.status == 400
    assert {i["expression"][0] for i in answer.json["issue"]} == {
        "Bundle.entry[0].resource.status", "Bundle.entry[1].resource.gender",
    }  # fmt: skip


@pytest.mark.parametrize(
    "url",
    ["Patient/p1", "/Patient/p1", "http://127.0.0.1:8080/fhir/Patient/p1", "Patient%2Fp1", f"Patient?{by(1)}",
     f"http://127.0.0.1:8080/fhir/Patient?{by(1)}", f"Patient?identifier={SYSTEM.partition('?')[0]}|2"],
)  # fmt: skip
@pytest.mark.parametrize("kind", ["batch", "transaction"])
def test_every_form_of_our_own_urls_is_understood(client: Client, kind: str, url: str) -> None:
    other = {"system": SYSTEM.partition("?")[0], "value": "2"}
    body = person(1, id="p1")
    body["identifier"].append(other)
    client.put("Patient/p1", body)
    answer = client.post("", bundle(kind, entry("PUT", url, body), entry("GET", url)))
    assert statuses(answer) == ["200", "200"], answer.text
    assert client.get("Patient/p1").etag == 'W/"2"'


@pytest.mark.parametrize(
    "url",
    ["http://elsewhere.example/fhir/Patient/p1", "http://127.0.0.1:8080/fhirPatient/p1", "//evil/Patient/p1",
     "Patient/../Patient/p1", "Patient/%2E%2E/Patient", "\\\\evil\\x", "Patient/p1#x", "ftp://x/Patient/p1",
     "http:%2F%2Felsewhere.example/Patient/p1", "../oauth/token", "/health/live", "_history/1"],
)  # fmt: skip
def test_no_other_url_is(client: Client, url: str) -> None:
    answer = transaction(client, entry("GET", url))
    assert answer.status in {400, 404}, answer.text
    assert answer.json["issue"][0]["expression"] == ["Bundle.entry[0].request"]


def test_links_of_all_kinds_follow_their_entry(client: Client) -> None:
    narrative = (
        f'<div xmlns="http://www.w3.org/1999/xhtml"><a href="{ONE}">a</a> <img src="{TWO}" alt="b"/> {ONE}</div>'
    )
    pointing = task(
        ONE,
        text={"status": "generated", "div": narrative},
        contained=[{"resourceType": "Provenance", "id": "c", "recorded": "2026-01-31T09:00:00Z",
                    "target": [{"reference": f"{ONE}/_history/7"}], "agent": [{"who": {"reference": TWO}}]}],
        instantiatesUri=ONE, identifier=[{"system": "urn:ietf:rfc:3986", "value": ONE}],
        note=[{"text": ONE}], reasonReference={"reference": "#c"},
    )  # fmt: skip
    answer = transaction(
        client,
        entry("POST", "Task", pointing, THREE),
        entry("POST", "Patient", patient(), ONE),
        entry("PUT", "Organization/o1", {"resourceType": "Organization", "id": "o1", "name": "x"}, TWO),
    )
    assert answer.status == 200, answer.text
    made = answer.json["entry"][0]["resource"]
    who = f"Patient/{answer.json['entry'][1]['resource']['id']}"
    assert made["for"]["reference"] == made["instantiatesUri"] == who
    assert f'href="{who}"' in made["text"]["div"]
    assert 'src="Organization/o1"' in made["text"]["div"]
    assert made["contained"][0]["target"] == [{"reference": f"{who}/_history/1"}]
    assert made["contained"][0]["agent"] == [{"who": {"reference": "Organization/o1"}}]
    assert made["identifier"][0]["value"] == made["note"][0]["text"] == ONE
    assert made["reasonReference"]["reference"] == "#c"


def test_a_full_url_below_our_base_stands_for_its_entry(client: Client) -> None:
    answer = transaction(
        client,
        entry("POST", "Patient", patient(), f"{client.base}/Patient/mine"),
        entry("POST", "Task", task("Patient/mine")),
        entry("POST", "Task", task(f"{client.base}/Patient/mine")),
        entry("POST", "Task", task("Patient/another")),
    )
    who = answer.json["entry"][0]["resource"]["id"]
    named = [e["resource"]["for"]["reference"] for e in answer.json["entry"][1:]]
    assert named == [f"Patient/{who}", f"Patient/{who}", "Patient/another"]


def test_patches_in_a_transaction_see_its_links_and_their_versions(client: Client) -> None:
    client.put("Task/t1", task("Patient/nobody", id="t1", identifier=[{"system": "urn:t", "value": "1"}]))
    operations = [{"op": "replace", "path": "/for/reference", "value": ONE}]
    binary = {"resourceType": "Binary", "contentType": "application/json-patch+json",
              "data": base64.b64encode(json.dumps(operations).encode()).decode()}  # fmt: skip
    person_entry = entry("POST", "Patient", patient(), ONE)
    for url, version in (("Task/t1", 2), ("Task?identifier=urn:t|1", 3)):
        stale = transaction(client, entry("PATCH", url, binary, ifMatch='W/"99"'), person_entry)
        assert stale.status == 412
        answer = transaction(client, entry("PATCH", url, binary, ifMatch=f'W/"{version - 1}"'), person_entry)
        assert statuses(answer) == ["200", "201"], answer.text
        who = answer.json["entry"][1]["resource"]["id"]
        assert client.get("Task/t1").json["for"]["reference"] == f"Patient/{who}"
        assert client.get("Task/t1").etag == f'W/"{version}"'
    for wrong in (5, None, "%%%"):
        broken = transaction(client, entry("PATCH", "Task/t1", binary | {"data": wrong}))
        assert broken.status == 400, broken.text


@pytest.mark.parametrize(
    ("first", "second"),
    [
        (entry("PUT", f"Patient?{by(1)}", person(1)), entry("PUT", "Patient/p1", patient(id="p1"))),
        (entry("DELETE", f"Patient?{by(1)}"), entry("PUT", "Patient/p1", patient(id="p1"))),
        (entry("DELETE", f"Patient?{by(1)}"), entry("DELETE", "Patient/p1")),
        (entry("PUT", f"Patient?{by(1)}", person(1)), entry("PUT", "Patient?active=true", person(1))),
    ],
)  # fmt: skip
def test_one_resource_is_changed_once_however_it_is_named(
    client: Client, first: dict[str, Any], second: dict[str, Any]
) -> None:
    client.put("Patient/p1", person(1, id="p1", active=True))
    answer = transaction(client, first, second)
    assert (answer.status, answer.json["issue"][0]["code"]) == (400, "duplicate"), answer.text
    assert client.get("Patient/p1").etag == 'W/"1"'


@pytest.mark.parametrize(
    "bad",
    [
        entry("POST", "Patient/_search", patient()),
        entry("POST", "metadata", patient()),
        entry("POST", "/", bundle("batch")),
        entry("POST", "Patient", patient(meta={"tag": [{"code": "SUBSETTED"}]})),
        entry("PUT", "Patient/p1", patient(id="p1", meta={"tag": [SUBSETTED]})),
        entry("PUT", "Patient/p1", patient(id="p2")),
        entry("PUT", "Patient/p1"),
        entry("POST", "Patient", task("Patient/p1")),
        entry("DELETE", "metadata"),
        entry("POST", "Patient", patient(), ifNoneExist="Task?status=draft"),
        entry("GET", "Patient?family=%FF"),
    ],
)  # fmt: skip
def test_entries_that_do_not_fit_are_refused(client: Client, bad: dict[str, Any]) -> None:
    whole = transaction(client, entry("PUT", "Patient/good", patient(id="good")), bad)
    assert whole.status in {400, 405}, whole.text
    assert "Bundle.entry[1]" in whole.json["issue"][0]["expression"][0]
    assert client.get("Patient/good").status == 404
    batch = client.post("", bundle("batch", entry("PUT", "Patient/good", patient(id="good")), bad))
    assert statuses(batch) == ["201", str(whole.status)]


@pytest.mark.parametrize("kind", ["batch", "transaction"])
def test_reads_come_last_and_answer_as_they_would_alone(client: Client, kind: str) -> None:
    client.put("Patient/p1", person(1, id="p1"))
    client.put("Patient/gone", patient(id="gone"))
    body = person(2, id="p2")
    answer = client.post("", bundle(
        kind,
        entry("GET", f"Patient?identifier={SYSTEM.replace('?', '%3F').replace('=', '%3D')}|&_summary=count"),
        entry("HEAD", "Patient/p2"),
        entry("GET", "Patient/p1", ifNoneMatch='W/"1"'),
        entry("GET", "Patient/p1", ifModifiedSince="2095-01-31T09:00:00Z"),
        entry("GET", "Patient/p1", ifModifiedSince="1995-01-31T09:00:00Z"),
        entry("GET", "Patient/p2/_history/1"),
        entry("GET", "Patient/p1?_elements=id"),
        entry("GET", "metadata"),
        entry("PUT", "Patient/p2", body),
        entry("DELETE", "Patient/gone"),
    ), Prefer="return=minimal")  # fmt: skip
    assert statuses(answer) == ["200", "200", "304", "304", "200", "200", "200", "200", "201", "204"], answer.text
    entries = answer.json["entry"]
    assert entries[0]["resource"]["total"] == 2
    assert ["resource" in e for e in entries] == [True, False, False, False, True, True, True, True, False, False]
    assert entries[1]["response"]["etag"] == 'W/"1"'
    assert entries[6]["resource"]["meta"]["tag"][0]["code"] == "SUBSETTED"
    whole = client.post("", bundle(kind, entry("GET", "Patient/gone")))
    assert (whole.json["entry"][0]["response"]["status"][:3] if kind == "batch" else str(whole.status)) == "410"


def test_prefer_decides_what_changes_in_a_bundle_send_back(client: Client) -> None:
    made = entry("POST", "Patient", patient())
    told = {
        p: transaction(client, made, Prefer=f"return={p}").json["entry"][0]
        for p in ("minimal", "OperationOutcome", "representation", "nonsense")
    }
    assert {p: "resource" in e for p, e in told.items()} == {
        "minimal": False, "OperationOutcome": False, "representation": True, "nonsense": True,
    }  # fmt: skip
    assert "outcome" in told["OperationOutcome"]["response"]
    assert all(e["response"]["location"] for e in told.values())


def test_a_stale_entry_of_any_verb_undoes_all(client: Client) -> None:
    client.put("Patient/p1", person(1, id="p1"))
    for stale in (
        entry("DELETE", "Patient/p1", ifMatch='W/"9"'),
        entry("DELETE", f"Patient?{by(1)}", ifMatch='W/"9"'),
        entry("PUT", "Patient/p1", person(1, id="p1"), ifMatch='W/"9"'),
        entry("PUT", "Patient/p1", person(1, id="p1"), ifNoneMatch="*"),
        entry("PUT", f"Patient?{by(1)}", person(1), ifMatch='W/"9"'),
    ):  # fmt: skip
        answer = transaction(client, entry("PUT", "Patient/good", patient(id="good")), stale)
        assert answer.status == 412, answer.text
        assert client.get("Patient/good").status == 404
