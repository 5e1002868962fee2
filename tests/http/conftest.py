"""A server for the chapters of the RESTful API: open access, and one that asks for tokens."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from fhir_server.settings import Settings
from tests.http.client import Client


@pytest.fixture
def settings(database_url: str, tmp_path: Path) -> Settings:
    """Open access on a database of its own."""
    return Settings(database=database_url, access="open", journal_folder=str(tmp_path / "journals"))


@pytest.fixture
def client(settings: Settings) -> Iterator[Client]:
    """A client of an empty server."""
    made = Client(settings)
    yield made
    made.close()
