"""Modules, functions and names keep the shape that we agreed on; what may not is listed with its reason."""

import ast
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from fhir_server import definitions

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "fhir_server"
MODULE_LINES = 400
FUNCTION_LINES = 50
CLASS_LINES = 250
INIT_LINES = 30
WEAK_NAMES = {"manager", "helper", "helpers", "utils", "util", "common", "base", "process", "data", "info", "misc"}
GENERIC = ("search", "store", "validation", "interactions", "definitions", "fhir", "jobs")
# What these mean is part of the protocol itself, not of a domain that the server serves.
PROTOCOL_TYPES = {"Binary", "Bundle", "CapabilityStatement", "OperationOutcome", "Parameters"}
# What a compiler of definitions reads.
DEFINITION_TYPES = {"CodeSystem", "CompartmentDefinition", "SearchParameter", "StructureDefinition", "ValueSet"}

# File or file::name -> why it may be larger.
EXCEPTIONS: Mapping[str, str] = {}


def modules() -> list[Path]:
    return sorted(path for path in PACKAGE.rglob("*.py") if "_shipped" not in path.parts)


def name(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def definitions_in(path: Path, *kinds: type[ast.AST]) -> Iterator[tuple[str, int]]:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, kinds):
            assert isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef)
            assert node.end_lineno is not None
            yield node.name, node.end_lineno - node.lineno + 1


def test_modules_are_short() -> None:
    lengths = {name(path): len(path.read_text(encoding="utf-8").splitlines()) for path in modules()}
    assert {n: lines for n, lines in lengths.items() if lines > MODULE_LINES and n not in EXCEPTIONS} == {}


def test_package_files_hold_no_logic() -> None:
    lengths = {name(p): len(p.read_text(encoding="utf-8").splitlines()) for p in modules() if p.stem == "__init__"}
    assert {n: lines for n, lines in lengths.items() if lines > INIT_LINES and n not in EXCEPTIONS} == {}


@pytest.mark.parametrize(
    ("kinds", "limit"), [((ast.FunctionDef, ast.AsyncFunctionDef), FUNCTION_LINES), ((ast.ClassDef,), CLASS_LINES)]
)
def test_functions_and_classes_are_short(kinds: tuple[type[ast.AST], ...], limit: int) -> None:
    long = {
        f"{name(path)}::{called}": lines
        for path in modules()
        for called, lines in definitions_in(path, *kinds)
        if lines > limit
    }
    assert {n: lines for n, lines in long.items() if n not in EXCEPTIONS} == {}


def test_modules_are_named_after_the_domain() -> None:
    assert [name(p) for p in modules() if WEAK_NAMES & {p.stem, p.parent.name}] == []


def test_every_module_says_what_it_is() -> None:
    silent = [name(p) for p in modules() if not ast.get_docstring(ast.parse(p.read_text(encoding="utf-8")))]
    assert silent == []


def test_the_generic_core_knows_no_resource_type() -> None:
    known = set(definitions.load().resource_types) - PROTOCOL_TYPES
    found = []
    for path in modules():
        package = path.relative_to(PACKAGE).parts[0]
        if package in GENERIC:
            foreign = known - DEFINITION_TYPES if package == "definitions" else known
            found += [f"{name(path)}: {text}" for text in strings(path) if text in foreign]
    assert found == []


def strings(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield node.value


def test_every_exception_still_stands() -> None:
    missing = [entry for entry in EXCEPTIONS if not (ROOT / entry.partition("::")[0]).exists()]
    assert missing == []
