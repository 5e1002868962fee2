"""Who may come in: bearer tokens, open access, health and metrics."""

import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from fhir_server.access import tokens
from fhir_server.settings import Settings, SettingsError
from fhir_server.store.database import open_database
from tests.http.client import Client
from tests.http.records import records

PATIENT = {"resourceType": "Patient", "id": "p1"}


def now() -> int:
    return time.time_ns() // 1_000


@pytest.fixture
def settings(database_url: str, tmp_path: Path) -> Settings:
    return Settings(database=database_url, access="token", journal_folder=str(tmp_path / "journals"), token_cache_ms=0)


def token(settings: Settings, scope: str, *, expires: int | None = None) -> dict[str, str]:
    database = open_database(settings.database)
    with database.unit_of_work(tenant=1, now=now()) as uow:
        text = tokens.create(uow, organization="o1", scope=scope, now=now(), expires=expires)
    database.close()
    return {"Authorization": f"Bearer {text}"}


def test_nothing_but_metadata_and_health_is_open(client: Client) -> None:
    assert client.get("metadata").status == 200
    assert client.get("/health/live").status == 200
    assert client.get("/health/ready").status == 200
    for method, path in (
        ("GET", "Patient/p1"), ("GET", "Patient"), ("POST", "Patient"), ("GET", "_history"), ("POST", ""),
        ("GET", "nothing/here"), ("PUT", "metadata"),
    ):  # fmt: skip
        answer = client.send(method, path)
        assert answer.status in {401, 405}, path
        if answer.status == 401:
            assert answer.headers["WWW-Authenticate"].startswith("Bearer")
            assert answer.json["issue"][0]["code"] == "login"


def test_a_read_token_sees_and_a_write_token_changes(client: Client, settings: Settings) -> None:
    reader, writer = token(settings, "read"), token(settings, "write")
    assert client.put("Patient/p1", PATIENT, **reader).status == 403
    assert client.put("Patient/p1", PATIENT, **writer).status == 201
    assert client.get("Patient/p1", **reader).status == 200
    assert client.get("Patient/p1", **writer).status == 200
    for path in ("Patient/p1", "Patient?_id=p1"):
        assert client.delete(path, **reader).status == 403
    entry = {"resource": PATIENT, "request": {"method": "PUT", "url": "Patient/p1"}}
    for kind, status in (("transaction", 403), ("batch", 200)):
        answer = client.post("", {"resourceType": "Bundle", "type": kind, "entry": [entry]}, **reader)
        assert answer.status == status
        if kind == "batch":
            assert answer.json["entry"][0]["response"]["status"].startswith("403")
    assert client.get("Patient/p1", **reader).etag == 'W/"1"'


def test_unknown_expired_and_revoked_tokens_are_alike(client: Client, settings: Settings) -> None:
    expired = token(settings, "read", expires=now() - 1)
    revoked = token(settings, "read")
    assert client.get("Patient/p1", **revoked).status == 404
    database = open_database(settings.database)
    name = tokens.token_hash(revoked["Authorization"].removeprefix("Bearer "))[:12]
    with database.unit_of_work(tenant=1, now=now()) as uow:
        assert tokens.revoke(uow, name=name, now=now())
    database.close()
    bodies = set()
    for headers in (expired, revoked, {"Authorization": "Bearer nobody"}, {"Authorization": "Bearer " + "x" * 9_000}):
        answer = client.get("Patient/p1", **headers)
        assert answer.status == 401
        bodies.add(answer.text)
    assert len(bodies) == 1
    assert client.get("Patient/p1", Authorization="Basic eDp5").status == 401


def test_open_access_is_for_loopback_only() -> None:
    from fhir_server.settings import load

    with pytest.raises(SettingsError, match="loopback"):
        load({"access": "open", "bind": "0.0.0.0:8080"}, {})


def test_links_come_from_the_base_url_whatever_the_host_header_says(client: Client, settings: Settings) -> None:
    answer = client.put(
        "Patient/p1", PATIENT, **token(settings, "write"), Host="evil.example", X_Forwarded_Host="evil.example"
    )
    assert "evil" not in answer.headers["Location"]
    assert answer.headers["Location"].startswith(settings.fhir_base)


def test_a_token_is_believed_no_longer_than_the_cache_says_nor_past_its_end(database_url: str, tmp_path: Path) -> None:
    chosen = Settings(
        database=database_url, access="token", journal_folder=str(tmp_path / "journals"), token_cache_ms=10_000
    )
    times = [now()]
    client = Client(chosen, now=lambda: times[-1])
    short, long = token(chosen, "read", expires=times[0] + 1_000_000), token(chosen, "read")
    assert {client.get("Patient/p1", **headers).status for headers in (short, long)} == {404}
    times.append(times[0] + 1_000_000)
    assert [client.get("Patient/p1", **headers).status for headers in (short, long)] == [401, 404]
    database = open_database(chosen.database)
    with database.unit_of_work(tenant=1, now=now()) as uow:
        tokens.revoke(uow, name=tokens.token_hash(long["Authorization"].removeprefix("Bearer "))[:12], now=now())
    database.close()
    assert client.get("Patient/p1", **long).status == 404
    for moved in (times[0] + 11_000_000, times[0] - 3_600_000_000):
        times.append(moved)
        assert client.get("Patient/p1", **long).status == 401
    client.close()


def test_refusals_for_want_of_a_principal_are_audited_too(client: Client, settings: Settings) -> None:
    reader = token(settings, "read")
    name = tokens.token_hash(reader["Authorization"].removeprefix("Bearer "))[:12]
    client.get("Patient/p1")
    client.get("Patient?family=x", Authorization="Bearer nobody")
    client.put("Patient/p1", PATIENT, **reader)
    client.send("POST", "Patient", "[", headers=reader)
    client.get("metadata")
    told = [(r["status"], r["principal"], r["reason"], r["query"]) for r in records(settings)]
    assert told == [
        (401, "", "login", ""), (401, "", "login", "family=x"), (403, f"token:{name}", "forbidden", ""),
        (400, f"token:{name}", "structure", ""), (200, "", "", ""),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("environ", "is_local"),
    [
        ({"REMOTE_ADDR": "127.0.0.1"}, True),
        ({"REMOTE_ADDR": "::1"}, True),
        ({"REMOTE_ADDR": "10.0.0.7"}, False),
        ({"REMOTE_ADDR": "nonsense"}, False),
        ({"REMOTE_ADDR": "127.0.0.1", "HTTP_X_FORWARDED_FOR": "10.0.0.7"}, False),
        ({"REMOTE_ADDR": "127.0.0.1", "HTTP_FORWARDED": "for=10.0.0.7"}, False),
        ({"REMOTE_ADDR": "10.0.0.7", "HTTP_X_FORWARDED_FOR": "127.0.0.1"}, False),
        ({"REMOTE_ADDR": "127.0.0.1", "HTTP_HOST": "evil.example", "HTTP_X_FORWARDED_HOST": "evil.example"}, True),
    ],
)
def test_open_access_and_metrics_are_for_this_machine_only(
    settings: Settings, environ: dict[str, Any], is_local: bool
) -> None:
    client = Client(replace(settings, access="open"))
    assert client.send("GET", "Patient/p1", environ=environ).status == (404 if is_local else 403)
    assert client.send("GET", "metadata", environ=environ).status == 200
    metrics = client.send("GET", "/metrics", environ=environ)
    assert metrics.status == (200 if is_local else 403)
    assert ("fhir_requests_total" in metrics.text) is is_local
    client.close()


def test_metrics_are_also_for_the_bearer_of_their_token(settings: Settings) -> None:
    away = {"REMOTE_ADDR": "10.0.0.7"}
    client = Client(replace(settings, metrics_token="right"))
    for header, status in (("Bearer right", 200), ("bearer right ", 200), ("Bearer wrong", 403), ("Basic right", 403)):
        assert client.send("GET", "/metrics", headers={"Authorization": header}, environ=away).status == status
    assert client.get("Patient/p1", Authorization="Bearer right").status == 401
    client.close()
    without = Client(settings)
    assert without.send("GET", "/metrics", headers={"Authorization": "Bearer "}, environ=away).status == 403
    without.close()


def test_a_configured_proxy_says_who_comes(settings: Settings) -> None:
    client = Client(replace(settings, trusted_proxies="127.0.0.0/8, 10.9.0.1"))
    for forwarded, status in (("10.0.0.7", 403), ("127.0.0.1, 10.0.0.7", 403), ("10.0.0.7, 10.9.0.1", 403), ("", 200)):
        environ = {"REMOTE_ADDR": "127.0.0.1", "HTTP_X_FORWARDED_FOR": forwarded}
        assert client.send("GET", "/metrics", environ=environ).status == status, forwarded
    client.close()
