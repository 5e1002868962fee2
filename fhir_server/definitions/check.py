"""Whether the folders load and are written as the compiler writes them: `fhir-server definitions check`.

https://hl7.org/fhir/R4/conformance-module.html  A file that was edited out of shape spoils the next diff.
"""

from pathlib import Path

from fhir_server.definitions import lines
from fhir_server.definitions.load import load
from fhir_server.definitions.package import DefinitionsError


def check(folder: Path, terminology: Path | None = None) -> list[str]:
    """What is wrong with a profiles/ folder, one line a problem; empty when it is sound."""
    terminology = terminology or folder.parent / "terminology"
    problems = []
    try:
        load(folder, terminology)
    except DefinitionsError as error:
        problems.append(str(error))
    except (KeyError, TypeError, AttributeError) as error:
        problems.append(f"a definition lacks a member: {error!r}")
    for path in sorted(folder.glob("*/types/*.json")) + sorted(folder.glob("*/search-parameters.json")):
        problems += _shape(path)
    return problems


def _shape(path: Path) -> list[str]:
    content = lines.read(path)
    name = "elements" if "elements" in content else "parameters"
    rows = content.pop(name, [])
    where = f"{path.relative_to(path.parents[2])}"
    if path.read_text(encoding="utf-8") != lines.listing(content, name, rows):
        return [f"{where}: not as the compiler writes it; run `fhir-server definitions compile`"]
    return []
