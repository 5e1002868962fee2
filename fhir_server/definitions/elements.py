"""StructureDefinition to element rows: what a type adds to its base, one row an element, without prose.

https://hl7.org/fhir/R4/elementdefinition.html  A row is left out only when the base says exactly the same; whatever
the standard overrides on the way down is kept.
"""

from collections.abc import Mapping
from typing import Any

from fhir_server.definitions.package import DefinitionsError
from fhir_server.fhir.json import JsonObject

BASE_URL = "http://hl7.org/fhir/StructureDefinition/"
_FHIR_TYPE = BASE_URL + "structuredefinition-fhir-type"
_REGEX = BASE_URL + "regex"
_SYSTEM = "http://hl7.org/fhirpath/System."
_NESTED = {"BackboneElement", "Element"}

Row = dict[str, Any]


def is_base_type(definition: JsonObject) -> bool:
    """Whether a StructureDefinition defines a type of the standard, rather than a profile or a logical model."""
    return definition.get("derivation") != "constraint" and definition["kind"] != "logical"


def base_name(definition: JsonObject) -> str | None:
    """The name of the type that this one specializes."""
    url = definition.get("baseDefinition")
    return url.removeprefix(BASE_URL) if url else None


def primitive_row(definition: JsonObject) -> Row:
    """A primitive type: its base and the pattern of its text."""
    name = definition["name"]
    for element in definition["snapshot"]["element"]:
        if element["path"] == f"{name}.value":
            for extension in element["type"][0].get("extension", ()):
                if extension["url"] == _REGEX:
                    return {"name": name, "base": base_name(definition), "pattern": extension["valueString"]}
    return {"name": name, "base": base_name(definition)}


def own_rows(definition: JsonObject, tables: Mapping[str, Mapping[str, Row]]) -> list[Row]:
    """The rows that a type adds to its base; `tables` has every type's rows by relative path."""
    name = definition["type"]
    rows = tables[name]
    inherited = dict(tables.get(base_name(definition) or "", {}))
    own = []
    for path, row in rows.items():
        parent, _, leaf = path.rpartition(".")
        above = tables[_nested_type(rows[parent])].get(leaf) if parent else inherited.get(path)
        if above is None or {**above, "path": path} != row:
            own.append(row)
    return own


def all_rows(definition: JsonObject) -> dict[str, Row]:
    """Every element of a type but its root, by path relative to the type."""
    name = definition["type"]
    return {
        element["path"].removeprefix(name + "."): _row(element, name, resource=definition["kind"] == "resource")
        for element in definition["snapshot"]["element"]
        if element["path"] != name
    }


def _nested_type(row: Row) -> str:
    if len(row.get("types", ())) != 1 or row["types"][0] not in _NESTED:
        raise DefinitionsError(f"element {row['path']} has children but is no nested element")
    return str(row["types"][0])


def _row(element: JsonObject, name: str, *, resource: bool) -> Row:
    path = element["path"].removeprefix(name + ".")
    row: Row = {"path": path, "card": f"{element['min']}..{element['max']}"}
    if "contentReference" in element:
        row["content"] = element["contentReference"].removeprefix(f"#{name}.")
    elif resource and path == "id":
        row["types"] = ["id"]
    else:
        row["types"] = list(dict.fromkeys(_type_code(entry) for entry in element["type"]))
        targets = _targets(element["type"])
        if targets:
            row["targets"] = targets
    binding = element.get("binding", {})
    if binding.get("strength") == "required" and "valueSet" in binding:
        row["binding"] = binding["valueSet"].partition("|")[0]
    row |= {key: True for key, said in (("modifier", "isModifier"), ("summary", "isSummary")) if element.get(said)}
    if "representation" in element:
        row["representation"] = element["representation"][0]
    return row


def _type_code(entry: JsonObject) -> str:
    code = str(entry["code"])
    if not code.startswith(_SYSTEM):
        return code
    for extension in entry.get("extension", ()):
        if extension["url"] == _FHIR_TYPE:
            return str(extension["valueUrl"])
    raise DefinitionsError(f"type {code} does not say which FHIR type it is")


def _targets(types: list[JsonObject]) -> list[str]:
    targets: list[str] = []
    for entry in types:
        if entry["code"] in {"Reference", "canonical"}:
            names = [url.removeprefix(BASE_URL) for url in entry.get("targetProfile", ())]
            if not names or "Resource" in names:
                return []
            targets += names
    return list(dict.fromkeys(targets))
