"""From a place in the JSON to a FHIRPath expression, along the element tables.

https://hl7.org/fhir/R4/fhirpath.html  The value of a choice is named by its stem (`value`, not `valueQuantity`), a
`_name` sibling by its element. An expression never contains content: a member that the tables do not know ends it.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from fhir_server.fhir.structures import Property, Structure, Structures

Location = tuple[str | int, ...]
"""Members and indexes from the root of the JSON."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where a location leads: `structure` is the one found there (None in a primitive), `declared` the last member.

    `is_item` tells an item of an array from the array; `node` is the JSON found there.
    """

    expression: str
    structure: Structure | None
    declared: Property | None
    node: Any
    is_item: bool = False


def place(structures: Structures, resource: Mapping[str, Any], location: Location) -> Place:
    """The place of a location in a resource of a known type."""
    name = str(resource["resourceType"])
    here = Place(name, structures.structure(name), None, resource)
    for step in location:
        node = _child(here.node, step)
        if isinstance(step, int):
            here = Place(f"{here.expression}[{step}]", here.structure, here.declared, node, is_item=True)
        else:
            further = _member(structures, here, step, node)
            if further is None:
                return here
            here = further
        if here.declared is not None and here.declared.structure == "Resource" and isinstance(node, dict):
            here = replace(here, structure=_resource(structures, node))
    return here


def _member(structures: Structures, here: Place, step: str, node: Any) -> Place | None:
    if here.structure is None:
        return None
    declared = here.structure.properties.get(step)
    name = declared.structure if declared else "Element"
    declared = declared or here.structure.properties.get(step.removeprefix("_"))
    if declared is None:
        return None
    return Place(f"{here.expression}.{declared.element.name}", structures.structure(name or ""), declared, node)


def _resource(structures: Structures, found: Mapping[str, Any]) -> Structure | None:
    name = found.get("resourceType")
    return structures.structure(name) if isinstance(name, str) and name in structures.resource_types else None


def _child(found: Any, step: str | int) -> Any:
    if isinstance(found, dict) and isinstance(step, str):
        return found.get(step)
    if isinstance(found, list) and isinstance(step, int) and step < len(found):
        return found[step]
    return None
