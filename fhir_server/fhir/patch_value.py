"""The value of a FHIRPath Patch operation: a `value[x]`, or nested parts that spell out an object.

https://hl7.org/fhir/R4/fhirpatch.html#concept  The one rule: names come from the element tables, so that a part
called "value" with a string becomes the member "valueString".
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from fhir_server.errors import BadRequest
from fhir_server.fhir.element_path import named
from fhir_server.fhir.json import JsonObject
from fhir_server.fhir.siblings import pairs_of, put_pairs, put_single
from fhir_server.fhir.structures import Property, Structure, Structures


@dataclass(frozen=True, slots=True)
class PatchValue:
    """What a part holds: `value` and `sibling` of a `value[x]` of that `suffix` ("CodeableConcept"), or `parts`."""

    value: Any
    sibling: Any = None
    suffix: str = ""
    parts: tuple[JsonObject, ...] = ()


def value_of(part: JsonObject, place: str) -> PatchValue:
    """The value in a part of a Parameters resource; `place` is the part's FHIRPath, for the refusal."""
    names = {name.removeprefix("_") for name in part if name.removeprefix("_").startswith("value")}
    nested = part.get("part")
    if len(names) + ("part" in part) + ("resource" in part) != 1:
        raise BadRequest("a part needs one value[x], or a resource, or nested parts", expression=(place,))
    if names:
        name = names.pop()
        return PatchValue(part.get(name), part.get("_" + name), name.removeprefix("value"))
    if "resource" in part:
        return PatchValue(part["resource"])
    if not isinstance(nested, list) or not nested or not all(isinstance(item, dict) for item in nested):
        raise BadRequest("nested parts are expected to be an array of parts", expression=(place,))
    return PatchValue(None, parts=tuple(nested))


def member_for(structure: Structure | None, name: str, value: PatchValue, place: str) -> Property:
    """The member that the value goes to; of a choice, the one of the value's type."""
    found = named(structure, name.removesuffix("[x]"))
    if len(found) == 1:
        return found[0]
    for candidate in found:
        if value.suffix and candidate.name == candidate.element.name + value.suffix:
            return candidate
    offered = f"a {value.suffix}" if value.suffix else "what the parts spell out"
    raise BadRequest(f"{found[0].element.path} cannot be {offered}: give a value[x] of its type", expression=(place,))


def built(value: PatchValue, found: Property, structures: Structures, place: str) -> Any:
    """The JSON value for that member; nested parts become an object."""
    if not value.parts:
        return value.value
    structure = structures.structure(found.structure) if found.structure else None
    return _object(value.parts, structure, structures, place)


def _object(parts: Sequence[JsonObject], structure: Structure | None, structures: Structures, place: str) -> JsonObject:
    made: JsonObject = {}
    for index, part in enumerate(parts):
        here = f"{place}.part[{index}]"
        name = part.get("name")
        if not isinstance(name, str):
            raise BadRequest("a part needs a name", expression=(here,))
        value = value_of(part, here)
        found = member_for(structure, name, value, here)
        _put(made, found, built(value, found, structures, here), value.sibling, here)
    return made


def _put(made: JsonObject, found: Property, value: Any, sibling: Any, place: str) -> None:
    pairs = pairs_of(made, found.name)
    if found.element.max != 1:
        put_pairs(made, found.name, [*pairs, (value, sibling)])
    elif pairs:
        raise BadRequest(f"'{found.name}' does not repeat", expression=(place,))
    else:
        put_single(made, found.name, value, sibling)
