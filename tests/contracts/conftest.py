"""The database under test, on each engine."""

from collections.abc import Iterator

import pytest

from fhir_server.store.database import Database, open_database


@pytest.fixture
def database(database_url: str) -> Iterator[Database]:
    """A migrated database without rows."""
    opened = open_database(database_url, timeout_ms=30_000)
    yield opened
    opened.close()
