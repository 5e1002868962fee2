"""history: https://hl7.org/fhir/R4/http.html#history ."""

import pytest

from tests.http.client import Client


def versions(client: Client, path: str) -> list[str]:
    return [entry["response"]["etag"] for entry in client.get(path).json.get("entry", [])]


def put(client: Client, resource_id: str) -> None:
    client.put(f"Patient/{resource_id}", {"resourceType": "Patient", "id": resource_id})


def test_the_history_of_an_instance_is_newest_first_with_its_deletion(client: Client) -> None:
    put(client, "p1")
    put(client, "p1")
    client.delete("Patient/p1")
    bundle = client.get("Patient/p1/_history").json
    assert (bundle["type"], bundle["total"]) == ("history", 3)
    assert [e["request"]["method"] for e in bundle["entry"]] == ["DELETE", "PUT", "PUT"]
    assert [e["response"]["status"][:3] for e in bundle["entry"]] == ["204", "200", "201"]
    assert ["resource" in e for e in bundle["entry"]] == [False, True, True]
    assert bundle["entry"][0]["fullUrl"] == f"{client.base}/Patient/p1"


def test_history_of_type_and_system(client: Client) -> None:
    put(client, "p1")
    client.put("Organization/o1", {"resourceType": "Organization", "id": "o1", "name": "x"})
    assert len(client.get("Patient/_history").resources) == 1
    assert [r["id"] for r in client.get("_history").resources] == ["o1", "p1"]


def test_pages_joined_are_the_whole(client: Client) -> None:
    for _ in range(7):
        put(client, "p1")
        put(client, "p2")
    for path in ("Patient/p1/_history", "Patient/_history", "_history"):
        whole = versions(client, path)
        joined: list[str] = []
        link = f"{path}?_count=3"
        while link:
            page = client.get(link)
            assert page.status == 200, page.text
            joined += [entry["response"]["etag"] for entry in page.json["entry"]]
            assert len(page.json["entry"]) <= 3
            link = next((x["url"] for x in page.json["link"] if x["relation"] == "next"), "")
        assert joined == whole


@pytest.mark.parametrize("path", ["Patient/p1/_history", "Patient/_history", "_history"])
@pytest.mark.parametrize("zone", ["+02:00", "%2B02:00"])
def test_a_time_zone_may_come_with_its_plus_sign_unencoded(client: Client, path: str, zone: str) -> None:
    put(client, "p1")
    answer = client.get(f"{path}?_since=2021-05-03T17:23:18.173{zone}")
    assert answer.status == 200, answer.text
    assert len(answer.resources) == 1
    assert answer.json["link"][0]["url"].endswith("?_since=2021-05-03T17%3A23%3A18.173%2B02%3A00")
    assert client.get(f"{path}?_at=2021-05-03T17:23:18{zone}").resources == []


def test_since_and_at(client: Client) -> None:
    put(client, "p1")
    first = client.get("Patient/p1").json["meta"]["lastUpdated"]
    put(client, "p1")
    second = client.get("Patient/p1").json["meta"]["lastUpdated"]
    assert versions(client, f"Patient/p1/_history?_since={second}") == ['W/"2"']
    assert versions(client, f"Patient/p1/_history?_at={first}") == ['W/"1"']
    assert versions(client, "Patient/p1/_history?_since=2999-01-01") == []
    assert client.get("Patient/p1/_history?_since=yesterday").status == 400
    assert client.get("Patient/p1/_history?_count=0").status == 400
    assert client.get("Patient/p1/_history?_count=%C2%B2").status == 400
    assert client.get("Patient/p1/_history?shoe=1").status == 400


def test_a_cursor_of_another_history_is_refused(client: Client) -> None:
    for _ in range(3):
        put(client, "p1")
    page = client.get("Patient/p1/_history?_count=1").json
    cursor = next(x["url"] for x in page["link"] if x["relation"] == "next").partition("_cursor=")[2]
    assert client.get(f"Patient/_history?_cursor={cursor}").status == 400
    assert client.get(f"Patient/p1/_history?_cursor={cursor[:-2]}xx").status == 400


def names(client: Client, path: str) -> list[str]:
    return [e["fullUrl"].rpartition("/")[2] + e["response"]["etag"] for e in client.get(path).json.get("entry", [])]


def test_pages_do_not_split_what_was_committed_together(client: Client) -> None:
    entries = [
        {"request": {"method": "PUT", "url": f"Patient/p{n}"}, "resource": {"resourceType": "Patient", "id": f"p{n}"}}
        for n in range(9)
    ]
    for _ in range(2):
        answer = client.post("", {"resourceType": "Bundle", "type": "transaction", "entry": entries})
        assert answer.status == 200
    for count in (1, 4, 9, 18, 19):
        joined: list[str] = []
        link = f"Patient/_history?_count={count}"
        while link:
            page = client.get(link)
            joined += [e["fullUrl"].rpartition("/")[2] + e["response"]["etag"] for e in page.json["entry"]]
            link = next((x["url"] for x in page.json["link"] if x["relation"] == "next"), "")
        assert len(joined) == len(set(joined)) == 18
        assert joined == names(client, "Patient/_history")


def test_since_counts_the_instant_itself_and_at_what_was_current_then(client: Client) -> None:
    times = []
    for method in ("PUT", "PUT", "DELETE", "PUT"):
        if method == "PUT":
            put(client, "p1")
        else:
            client.delete("Patient/p1")
        times.append(client.get("Patient/p1/_history?_count=1").json["entry"][0]["response"]["lastModified"])
    for path in ("Patient/p1/_history", "Patient/_history", "_history"):
        assert [len(versions(client, f"{path}?_since={time}")) for time in times] == [4, 3, 2, 1], path
        assert [versions(client, f"{path}?_at={time}") for time in times] == [[f'W/"{n}"'] for n in (1, 2, 3, 4)], path
        assert versions(client, f"{path}?_at={times[1]}&_since={times[2]}") == [], path
        assert versions(client, f"{path}?_at=1999") == [], path
        assert versions(client, f"{path}?_at=2999") == ['W/"4"'], path
        assert versions(client, f"{path}?_at={times[0][:4]}") == [f'W/"{n}"' for n in (4, 3, 2, 1)], path


def test_the_deleted_stay_in_the_history_of_their_type_and_of_the_system(client: Client) -> None:
    put(client, "p1")
    client.delete("Patient/p1")
    for path in ("Patient/_history", "_history"):
        first, second = client.get(path).json["entry"]
        assert (first["request"], "resource" in first) == ({"method": "DELETE", "url": "Patient/p1"}, False)
        assert (second["request"]["method"], second["resource"]["id"]) == ("PUT", "p1")


def test_how_a_version_came_about_is_told(client: Client) -> None:
    made = client.post("Patient", {"resourceType": "Patient"}).json["id"]
    operations = [{"op": "add", "path": "/active", "value": True}]
    client.patch(f"Patient/{made}", operations, content_type="application/json-patch+json")
    requests = [e["request"] for e in client.get(f"Patient/{made}/_history").json["entry"]]
    assert requests == [{"method": "PATCH", "url": f"Patient/{made}"}, {"method": "POST", "url": "Patient"}]


def test_a_resource_that_never_was_has_no_history_whatever_the_window(client: Client) -> None:
    for query in ("", "?_since=2020-01-01", "?_at=2020-01-01", "?_count=1"):
        assert client.get(f"Patient/nobody/_history{query}").status == 404, query
    put(client, "p1")
    assert client.get("Patient/p1/_history?_since=2999-01-01").status == 200
