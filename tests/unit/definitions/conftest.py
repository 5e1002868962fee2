"""The shipped registries, once for all tests here, and a copy of the folders to spoil."""

import shutil
from pathlib import Path

import pytest

from fhir_server.definitions import Definitions, load

ROOT = Path(__file__).parents[3]


@pytest.fixture(scope="session")
def definitions() -> Definitions:
    return load()


@pytest.fixture
def profiles(tmp_path: Path) -> Path:
    """A copy of profiles/ with terminology/ beside it."""
    for name in ("profiles", "terminology"):
        shutil.copytree(ROOT / name, tmp_path / name)
    return tmp_path / "profiles"
