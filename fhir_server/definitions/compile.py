"""Official packages to the files in profiles/ and terminology/: the work of `fhir-server definitions compile`.

https://hl7.org/fhir/R4/downloads.html  Facts only, no prose. Numbers of resource types and the
folder `server` are ours: a number once given is kept, and nothing here touches `server`.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from fhir_server.definitions import elements, lines, parameters, value_sets
from fhir_server.definitions.package import DefinitionsError, Package, read_package
from fhir_server.fhir.json import JsonObject

_ABSTRACT = {"Resource", "DomainResource"}
_EXAMPLE_COMPARTMENTS = {"example"}


@dataclass(frozen=True, slots=True)
class Report:
    """What was compiled: one line a package, and a note for each definition that gave nothing."""

    packages: tuple[str, ...]
    notes: tuple[str, ...]


def compile_packages(paths: Sequence[Path], folder: Path, terminology: Path | None = None) -> Report:
    """Compile packages into `folder` (profiles/) and `terminology` (its sibling when not given)."""
    terminology = terminology or folder.parent / "terminology"
    packages = sorted((read_package(path) for path in paths), key=lambda package: package.folder != "r4")
    written: list[str] = []
    notes: list[str] = []
    for package in packages:
        target = folder / package.folder
        counts = {}
        if package.folder == "r4":
            counts = _compile_base(package, target, terminology / package.folder)
        type_names = _type_names(folder / "r4")
        rows, said = parameters.rows(package.all("SearchParameter"), type_names)
        lines.write(target / "search-parameters.json", lines.listing(_head(package), "parameters", rows.values()))
        counts["search parameters"] = len(rows)
        written.append(f"{package.name} {package.version}: " + ", ".join(f"{n} {what}" for what, n in counts.items()))
        notes += [f"{package.folder}: {note}" for note in said]
    return Report(tuple(written), tuple(notes))


def _head(package: Package) -> dict[str, str]:
    return {"package": package.name, "version": package.version, "license": package.license}


def _compile_base(package: Package, target: Path, terminology: Path) -> dict[str, int]:
    types = {found["type"]: found for found in package.all("StructureDefinition") if elements.is_base_type(found)}
    primitives = [found for found in types.values() if found["kind"] == "primitive-type"]
    structures = [found for found in types.values() if found["kind"] != "primitive-type"]
    tables = {found["type"]: elements.all_rows(found) for found in structures}
    numbers = _numbers(target, [found["type"] for found in structures if found["kind"] == "resource"])
    lines.write(
        target / "primitives.json",
        lines.listing(_head(package), "primitives", (elements.primitive_row(found) for found in primitives)),
    )
    for found in structures:
        _write_type(found, elements.own_rows(found, tables), numbers, target)
    _write_compartments(package, target)
    bound = {row["binding"] for table in tables.values() for row in table.values() if "binding" in row}
    _write_value_sets(package, bound, terminology)
    return {"types": len(structures), "primitive types": len(primitives), "bound value sets": len(bound)}


def _write_type(definition: JsonObject, rows: list[elements.Row], numbers: dict[str, int], target: Path) -> None:
    name = definition["type"]
    head = {"name": name, "kind": "resource" if definition["kind"] == "resource" else "datatype"}
    head |= {"base": elements.base_name(definition)} if elements.base_name(definition) else {}
    head |= {"number": numbers[name]} if name in numbers else {}
    lines.write(target / "types" / f"{name}.json", lines.listing(head, "elements", rows))


def _numbers(target: Path, names: list[str]) -> dict[str, int]:
    """A number for each concrete resource type: the one it has, else the next free one."""
    found = [lines.read(path) for path in sorted((target / "types").glob("*.json"))]
    numbers = {read["name"]: read["number"] for read in found if "number" in read}
    for name in sorted(set(names) - _ABSTRACT - numbers.keys()):
        numbers[name] = max(numbers.values(), default=0) + 1
    return numbers


def _type_names(target: Path) -> set[str]:
    names = {path.stem for path in (target / "types").glob("*.json")}
    if not names:
        raise DefinitionsError("compile the base package (hl7.fhir.r4.core) first or together with the others")
    return {name for name in names if lines.read(target / "types" / f"{name}.json")["kind"] == "resource"}


def _write_compartments(package: Package, target: Path) -> None:
    compartments = {
        found["code"]: {entry["code"]: entry["param"] for entry in found["resource"] if entry.get("param")}
        for found in package.all("CompartmentDefinition")
        if found["id"] not in _EXAMPLE_COMPARTMENTS
    }
    lines.write(target / "compartments.json", lines.nested_table(dict(sorted(compartments.items()))))


def _write_value_sets(package: Package, bound: set[str], terminology: Path) -> None:
    found = value_sets.expansions(bound, package.all("ValueSet"), package.all("CodeSystem"))
    lines.write(terminology / "required-value-sets.json", lines.table(found))
    systems = sorted({system for codes in found.values() if codes for system in codes})
    lines.write(terminology / "manifest.json", lines.listing(_head(package), "systems", systems))
