"""A server with open access and a small network on it, for programs that cannot authenticate."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from fhir_server.settings import Settings
from tests.builders.referrals import bundle, put
from tests.http.client import Client
from tests.scenarios.network import NETWORK


@pytest.fixture
def settings(database_url: str, tmp_path: Path) -> Settings:
    """A server that lets anyone on this machine in."""
    return Settings(database=database_url, access="open", journal_folder=str(tmp_path / "journals"))


@pytest.fixture
def client(settings: Settings) -> Iterator[Client]:
    """A client of an empty server."""
    made = Client(settings)
    yield made
    made.close()


@pytest.fixture
def network(client: Client) -> Client:
    """A client of a server that knows a clinic, a hub, two CBOs, a doctor, two people and what they need."""
    answer = client.post("", bundle("transaction", *(put(resource) for resource in NETWORK)))
    assert answer.status == 200, answer.text
    assert {entry["response"]["status"][:3] for entry in answer.json["entry"]} == {"201"}
    return client
