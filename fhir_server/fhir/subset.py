"""Parts of resources: _summary and _elements.

https://hl7.org/fhir/R4/search.html#summary and https://hl7.org/fhir/R4/search.html#elements  The one rule: a part is
tagged SUBSETTED, so that nobody stores it in place of the whole, and mandatory elements stay.
"""

from collections.abc import Callable, Iterable
from typing import Any

from fhir_server.fhir.json import JsonObject
from fhir_server.fhir.structures import Property, Structure, Structures

SUBSETTED: JsonObject = {"system": "http://terminology.hl7.org/CodeSystem/v3-ObservationValue", "code": "SUBSETTED"}
ALWAYS_KEPT = frozenset({"resourceType", "id", "meta"})

_Keeps = Callable[[Property], bool]


def summarize(resource: JsonObject, mode: str, structures: Structures) -> JsonObject:
    """The part of the resource that _summary=true, text or data asks for; "false" gives the whole resource."""
    if mode == "false":
        return resource
    if mode == "data":
        return _tagged({name: value for name, value in resource.items() if name not in {"text", "_text"}})
    structure = _structure_of(resource, structures)
    if mode == "text":
        return _tagged(_kept_members(resource, structure, lambda p: p.name == "text" or p.element.min > 0))
    if mode == "true":
        return _tagged(_summary(resource, structure, structures))
    raise ValueError(f"no single resource has a summary of this kind: {mode}")


def select_elements(resource: JsonObject, names: Iterable[str], structures: Structures) -> JsonObject:
    """The listed top-level elements, and those that are mandatory or modifiers.

    A choice is listed by its stem, with or without "[x]", or by a member's name; "Type.element" counts for that type.
    """
    type_name = resource.get("resourceType", "")
    wanted = {name.removeprefix(f"{type_name}.").removesuffix("[x]") for name in names}

    def keeps(found: Property) -> bool:
        element = found.element
        return found.name in wanted or element.name in wanted or element.min > 0 or element.is_modifier

    return _tagged(_kept_members(resource, _structure_of(resource, structures), keeps))


def _structure_of(resource: JsonObject, structures: Structures) -> Structure | None:
    type_name = resource.get("resourceType")
    return structures.structure(type_name) if isinstance(type_name, str) else None


def _kept_members(item: JsonObject, structure: Structure | None, keeps: _Keeps) -> JsonObject:
    """The members that the rule keeps; a primitive's "_name" goes with its "name"."""
    kept: JsonObject = {}
    for name, value in item.items():
        found = structure.properties.get(name.removeprefix("_")) if structure is not None else None
        if (found is not None and keeps(found)) or name in ALWAYS_KEPT:
            kept[name] = value
    return kept


def _summary(item: JsonObject, structure: Structure | None, structures: Structures) -> JsonObject:
    """Summary elements at every depth; what has no marks of its own (an extension) is kept whole."""
    if structure is None or structure.name == "Extension":
        return item
    kept = _kept_members(item, structure, _is_in_summary)
    return {name: _summary_of_member(name, value, structure, structures) for name, value in kept.items()}


def _is_in_summary(found: Property) -> bool:
    return found.element.is_summary or found.element.is_modifier or found.element.min > 0


def _summary_of_member(name: str, value: Any, structure: Structure, structures: Structures) -> Any:
    found = structure.properties.get(name)
    if found is None or found.structure is None:
        return value
    if isinstance(value, list):
        return [_summary_of_value(item, found.structure, structures) for item in value]
    return _summary_of_value(value, found.structure, structures)


def _summary_of_value(value: Any, name: str, structures: Structures) -> Any:
    if not isinstance(value, dict):
        return value
    structure = _structure_of(value, structures) if name == "Resource" else structures.structure(name)
    return _summary(value, structure, structures)


def _tagged(part: JsonObject) -> JsonObject:
    """A copy with the SUBSETTED tag; a new `meta` follows the id."""
    given = part.get("meta")
    meta: JsonObject = given if isinstance(given, dict) else {}
    tags = meta["tag"] if isinstance(meta.get("tag"), list) else []
    if not any(isinstance(tag, dict) and SUBSETTED.items() <= tag.items() for tag in tags):
        meta = {**meta, "tag": [*tags, dict(SUBSETTED)]}
    if "meta" in part:
        return {**part, "meta": meta}
    leading: JsonObject = {name: part[name] for name in ("resourceType", "id") if name in part}
    return {**leading, "meta": meta, **part}
