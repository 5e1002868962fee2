"""Official examples: files of the Gravity guide and of US Core packages, where the machine has them.

They are found in the folder that FHIR_SHARED names, or in `../shared` beside the checkout; tests skip without it.
"""

import os
import tarfile
from pathlib import Path

ROOT = Path(os.environ.get("FHIR_SHARED", Path(__file__).resolve().parents[2].parent / "shared"))


def gravity_examples(version: str) -> dict[str, str]:
    """The guide's own examples, file name to JSON text; empty when they are not here."""
    folder = ROOT / "gravity-examples" / version
    return {path.name: path.read_text(encoding="utf-8") for path in sorted(folder.glob("*.json"))}


def package_examples(package: str) -> dict[str, str]:
    """The examples inside a FHIR package ("hl7.fhir.us.core-7.0.0"), file name to JSON text; empty without it."""
    archive = ROOT / "fhir-packages" / f"{package}.tgz"
    if not archive.exists():
        return {}
    found = {}
    with tarfile.open(archive) as members:
        for member in members:
            path = Path(member.name)
            if path.parent.name == "example" and path.suffix == ".json" and not path.name.startswith("."):
                found[path.name] = members.extractfile(member).read().decode()  # type: ignore[union-attr]
    return dict(sorted(found.items()))
