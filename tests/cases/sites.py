"""Where a resource can be broken: every value in it, with what the standard says about its place.

Element tables are read here straight from the snapshots of hl7.fhir.r4.core, by other code than the product's, so that
a mistake in the product's tables does not hide itself. https://hl7.org/fhir/R4/elementdefinition.html
"""

import json
import tarfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

_SYSTEM_TYPE = "http://hl7.org/fhirpath/System."


@dataclass(frozen=True)
class Row:
    """One row of an element table: `path` is "Task.input.value[x]", `required_binding` a value set or ""."""

    path: str
    min: int
    max: str
    types: tuple[str, ...]
    content: str
    required_binding: str

    @property
    def name(self) -> str:
        return self.path.rpartition(".")[2]


@dataclass(frozen=True)
class Site:
    """A value within a source: `pointer` is where it is, `member` where the list is that holds it, if one does."""

    source: str
    resource_type: str
    pointer: str
    member: str
    row: Row
    type: str
    value: Any = field(compare=False, repr=False)
    among: int = 1
    holder: frozenset[str] = frozenset()

    @property
    def name(self) -> str:
        return self.member.rpartition("/")[2]

    @property
    def parent(self) -> str:
        return self.member.rpartition("/")[0]

    @property
    def is_listed(self) -> bool:
        return self.pointer != self.member

    @property
    def is_primitive(self) -> bool:
        return self.type[:1].islower() and self.type != "xhtml"

    @property
    def is_choice(self) -> bool:
        return self.row.path.endswith("[x]")

    @property
    def sibling(self) -> str:
        """The pointer of the member that carries id and extensions of a primitive."""
        return f"{self.parent}/_{self.name}"

    @property
    def depth(self) -> int:
        return self.pointer.count("/")


class Tables:
    """Element tables of every type in the core package, read when first asked for."""

    def __init__(self, package: Path) -> None:
        self._definitions: dict[str, Any] = {}
        with tarfile.open(package) as archive:
            for item in archive:
                name = item.name.rpartition("/")[2]
                if name.startswith("StructureDefinition-") and (stream := archive.extractfile(item)):
                    found = json.load(stream)
                    if found.get("derivation") != "constraint" and found["kind"] != "logical":
                        self._definitions[found["type"]] = found
        self.children = cache(self._children)

    def is_resource(self, name: str) -> bool:
        return name in self._definitions and self._definitions[name]["kind"] == "resource"

    def _children(self, path: str) -> dict[str, Row]:
        """Rows by name below a type ("Task") or a nested element ("Task.input")."""
        definition = self._definitions.get(path.partition(".")[0])
        if definition is None:
            return {}
        below = [
            e
            for e in definition["snapshot"]["element"]
            if e["path"].startswith(path + ".") and "." not in e["path"][len(path) + 1 :]
        ]
        return {row.name: row for row in map(_row, below)}

    def find(self, path: str, member: str) -> tuple[Row, str] | None:
        """The row and type of a JSON member: "valueString" of Extension gives value[x] and "string"."""
        rows = self.children(path)
        if member in rows:
            row = rows[member]
            return row, row.types[0] if row.types else ""
        for row in rows.values():
            stem = row.name.removesuffix("[x]")
            if stem != row.name and member.startswith(stem):
                for code in row.types:
                    if member == stem + code[0].upper() + code[1:]:
                        return row, code
        return None


def _row(element: dict[str, Any]) -> Row:
    codes = []
    for item in element.get("type", []):
        code = item["code"]
        if code.startswith(_SYSTEM_TYPE):
            inner = [e.get("valueUrl") for e in item.get("extension", []) if "fhir-type" in e["url"]]
            code = inner[0] if inner else "string"
        codes.append(code)
    binding = element.get("binding", {})
    required = binding.get("valueSet", "") if binding.get("strength") == "required" else ""
    content = element.get("contentReference", "").removeprefix("#")
    return Row(element["path"], element["min"], element["max"], tuple(codes), content, required)


def walk(tables: Tables, source: str, resource: dict[str, Any]) -> Iterator[Site]:
    """Every site of a resource, contained resources and entries of a Bundle included; the resource itself first."""
    yield from _resource(tables, source, resource["resourceType"], "", "", resource, Row("", 1, "1", (), "", ""), 1)


def _resource(
    tables: Tables, source: str, top: str, pointer: str, member: str, value: dict[str, Any], row: Row, among: int
) -> Iterator[Site]:
    name = value["resourceType"]
    yield Site(source, top, pointer, member, row, name, value, among)
    yield from _members(tables, source, top, pointer, value, name)


def _members(tables: Tables, source: str, top: str, pointer: str, value: dict[str, Any], path: str) -> Iterator[Site]:
    holder = frozenset(value)
    for member, present in value.items():
        found = tables.find(path, member)
        if found is None:
            continue
        row, code = found
        here = f"{pointer}/{member}"
        items = present if isinstance(present, list) else [present]
        for index, item in enumerate(items):
            spot = f"{here}/{index}" if isinstance(present, list) else here
            if isinstance(item, dict) and "resourceType" in item and code == "Resource":
                yield from _resource(tables, source, top, spot, here, item, row, len(items))
                continue
            yield Site(source, top, spot, here, row, code, item, len(items), holder)
            if isinstance(item, dict):
                nested = row.content or (row.path if code in ("BackboneElement", "Element") else code)
                yield from _members(tables, source, top, spot, item, nested)
