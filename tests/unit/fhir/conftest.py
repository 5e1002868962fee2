"""The compiled element tables, once for all tests here."""

import pytest

from fhir_server.definitions import load
from fhir_server.fhir.structures import Structures


@pytest.fixture(scope="session")
def structures() -> Structures:
    return load()
