"""The wheel carries profiles/ and terminology/, and serves the same away from the checkout."""

import json
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from fhir_server.version import VERSION
from tests.serving import serving

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def unpacked(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel's content, as pip would lay it out."""
    folder = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "hatchling", "build", "--target", "wheel", "--directory", str(folder)]
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True)
    (wheel,) = folder.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(folder / "site")
    return folder / "site"


def names(folder: Path) -> set[str]:
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}


@pytest.mark.parametrize("folder", ["profiles", "terminology"])
def test_every_definition_is_in_the_wheel(unpacked: Path, folder: str) -> None:
    assert names(unpacked / "fhir_server" / "_shipped" / folder) == names(ROOT / folder)


def test_migrations_are_in_the_wheel(unpacked: Path) -> None:
    versions = {path.name for path in (ROOT / "fhir_server" / "migrations" / "versions").glob("*.py")}
    assert versions <= {path.name for path in (unpacked / "fhir_server" / "migrations" / "versions").iterdir()}


def test_nothing_but_the_package_is_in_the_wheel(unpacked: Path) -> None:
    assert {path.name for path in unpacked.iterdir()} == {"fhir_server", f"fhir_server-{VERSION}.dist-info"}


def test_it_serves_away_from_the_checkout(unpacked: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONPATH", str(unpacked))
    monkeypatch.chdir(tmp_path)
    where = "import fhir_server; print(fhir_server.__file__)"
    where += "; from fhir_server.definitions.load import shipped; print(shipped('profiles'))"
    told = subprocess.run([sys.executable, "-c", where], check=True, capture_output=True, text=True)
    assert all(line.startswith(str(unpacked)) for line in told.stdout.splitlines())
    with serving(tmp_path, f"sqlite:///{tmp_path / 'new.db'}", "--access", "open") as served:
        status, _, body = served.request("GET", "/fhir/metadata")
        assert status == 200
        assert json.loads(body)["fhirVersion"] == "4.0.1"
