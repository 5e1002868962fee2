"""Element rows to structures: inheritance resolved, choices spelled out as JSON members.

https://hl7.org/fhir/R4/json.html  The order of elements is the standard's: inherited ones first. Every type that an
element names must be known, or loading fails.
"""

from collections.abc import Mapping
from dataclasses import replace
from types import MappingProxyType
from typing import Any

from fhir_server.definitions.package import DefinitionsError
from fhir_server.fhir.structures import Element, Property, Structure

Row = dict[str, Any]
Table = dict[str, Any]
_NESTED = {"BackboneElement", "Element"}


def build(tables: Mapping[str, Table], primitives: Mapping[str, Row]) -> dict[str, Structure]:
    """All structures by name, from type tables and primitive rows."""
    return _Builder(tables, primitives).all()


class _Builder:
    """Structures built so far; each type after its base."""

    def __init__(self, tables: Mapping[str, Table], primitives: Mapping[str, Row]) -> None:
        self._tables = tables
        self._primitives = primitives
        self._elements: dict[str, tuple[Element, ...]] = {}
        self._kinds: dict[str, str] = {}

    def all(self) -> dict[str, Structure]:
        for name in self._tables:
            self._type(name)
        for name in self._primitives:
            self._elements[name] = tuple(_moved(element, name) for element in self._elements["Element"])
            self._kinds[name] = "primitive"
        return {
            name: Structure(name, self._kinds[name], found, MappingProxyType(self._properties(found)))
            for name, found in self._elements.items()
        }

    def _type(self, name: str) -> tuple[Element, ...]:
        if name in self._elements:
            return self._elements[name]
        table = self._tables.get(name)
        if table is None:
            raise DefinitionsError(f"type {name} is named but not defined")
        base = table.get("base")
        inherited = self._type(base) if base else ()
        levels: dict[str, list[Row]] = {"": []}
        for row in table["elements"]:
            parent = row["path"].rpartition(".")[0]
            levels.setdefault(row["path"] if _is_parent(row, table) else parent, [])
            levels.setdefault(parent, []).append(row)
        self._kinds[name] = table["kind"]
        self._elements[name] = _merged(inherited, name, _elements(levels.pop(""), table))
        for path, rows in levels.items():
            nested = f"{name}.{path}"
            self._kinds[nested] = "backbone"
            above = self._type(next(row["types"][0] for row in table["elements"] if row["path"] == path))
            self._elements[nested] = _merged(above, nested, _elements(rows, table))
        return self._elements[name]

    def _properties(self, elements: tuple[Element, ...]) -> dict[str, Property]:
        found: dict[str, Property] = {}
        for element in elements:
            if element.content:
                if element.content not in self._elements:
                    raise DefinitionsError(f"{element.path}: {element.content} is not defined")
                found[element.name] = Property(element.name, element, "", element.content, is_primitive=False)
            for code in () if element.content else element.types:
                name = element.name + code[0].upper() + code[1:] if element.is_choice else element.name
                primitive = code in self._primitives
                if not primitive and code not in self._elements:
                    raise DefinitionsError(f"{element.path}: type {code} is not defined")
                found[name] = Property(name, element, code, None if primitive else code, is_primitive=primitive)
        return found


def _is_parent(row: Row, table: Table) -> bool:
    return "types" in row and row["types"][0] in _NESTED and table["kind"] != "primitive"


def _elements(rows: list[Row], table: Table) -> list[Element]:
    return [_element(row, table) for row in rows]


def _element(row: Row, table: Table) -> Element:
    name = row["path"].rpartition(".")[2]
    low, _, high = row["card"].partition("..")
    content = row.get("content")
    if content is None and _is_parent(row, table):
        content = row["path"]
    return Element(
        name=name.removesuffix("[x]"),
        path=f"{table['name']}.{row['path']}",
        min=int(low),
        max=None if high == "*" else int(high),
        types=tuple(row.get("types", ())),
        content=f"{table['name']}.{content}" if content else None,
        targets=tuple(row.get("targets", ())),
        is_choice=name.endswith("[x]"),
        is_summary=row.get("summary", False),
        is_modifier=row.get("modifier", False),
        binding=row.get("binding"),
        representation=row.get("representation"),
    )


def _merged(inherited: tuple[Element, ...], name: str, own: list[Element]) -> tuple[Element, ...]:
    """Inherited elements under their new path, overridden in place, then the type's own."""
    by_name = {element.name: _moved(element, name) for element in inherited}
    by_name.update((element.name, element) for element in own)
    return tuple(by_name.values())


def _moved(element: Element, name: str) -> Element:
    return replace(element, path=f"{name}.{element.path.rpartition('.')[2]}")
