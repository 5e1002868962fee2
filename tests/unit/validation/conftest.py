"""The validator over the shipped definitions, once for all tests here."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from fhir_server.definitions import Definitions, load
from fhir_server.fhir import json
from fhir_server.validation.structure import StructureValidator


@pytest.fixture(scope="session")
def definitions() -> Definitions:
    return load()


@pytest.fixture(scope="session")
def validator(definitions: Definitions) -> StructureValidator:
    return StructureValidator(definitions)


@pytest.fixture(scope="session")
def examples(shared_folder: Path) -> list[tuple[str, Any]]:
    """The examples of both versions of the Gravity guide."""
    return list(_read(sorted((shared_folder / "gravity-examples").rglob("*.json"))))


def _read(paths: list[Path]) -> Iterator[tuple[str, Any]]:
    for path in paths:
        yield path.name, json.parse(path.read_bytes(), max_depth=64)
