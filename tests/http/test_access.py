"""Who may come in: bearer tokens, open access, health and metrics."""

import time
from pathlib import Path

import pytest

from fhir_server.access import tokens
from fhir_server.settings import Settings, SettingsError
from fhir_server.store.database import open_database
from tests.http.client import Client

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
