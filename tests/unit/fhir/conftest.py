"""The compiled element tables, once for all tests here."""

from collections.abc import Mapping

import pytest

from fhir_server.definitions import load
from fhir_server.fhir.structures import Structure, Structures


class Tables:
    """The tables without their megabytes of representation, which a failing property would print."""

    def __init__(self, tables: Structures) -> None:
        self._tables = tables

    def structure(self, name: str) -> Structure | None:
        return self._tables.structure(name)

    @property
    def resource_types(self) -> Mapping[str, int]:
        return self._tables.resource_types


@pytest.fixture(scope="session")
def structures() -> Structures:
    return Tables(load())
