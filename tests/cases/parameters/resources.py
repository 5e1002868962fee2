"""Small valid resources: what a type requires, and values put at the end of routes.

https://hl7.org/fhir/R4/json.html  Elements that a type requires get values which no case searches for. Several routes
can share a resource: each descends into what is there, and adds what is not.
"""

import copy
from collections.abc import Iterable
from typing import Any

from fhir_server.definitions import Definitions
from fhir_server.fhir.structures import Element, Property, Structure
from tests.cases.parameters.routes import Route, Step

JsonObject = dict[str, Any]
_FILLER: dict[str, Any] = {
    "boolean": False,
    "canonical": "http://example.org/filler",
    "code": "filler",
    "CodeableConcept": {"text": "Filler"},
    "Coding": {"code": "filler"},
    "ContactPoint": {"value": "filler"},
    "date": "1999-01-01",
    "dateTime": "1999-01-01",
    "HumanName": {"text": "Filler"},
    "Identifier": {"value": "filler"},
    "instant": "1999-01-01T00:00:00Z",
    "integer": 1,
    "decimal": 1,
    "markdown": "Filler",
    "Period": {"start": "1999-01-01", "end": "1999-01-01"},
    "positiveInt": 1,
    "Quantity": {"value": 1},
    "Range": {"low": {"value": 1}},
    "Reference": {"display": "Filler"},
    "string": "Filler",
    "unsignedInt": 1,
    "uri": "http://example.org/filler",
    "url": "http://example.org/filler",
    "Age": {"value": 1},
    "Attachment": {"title": "Filler"},
}


def minimal(type_name: str, resource_id: str, definitions: Definitions) -> JsonObject:
    """A resource with nothing but an id and what its type requires."""
    return {"resourceType": type_name, "id": resource_id, **_required(definitions.structures[type_name], definitions)}


def insert(resource: JsonObject, route: Route, value: Any, definitions: Definitions) -> None:
    """Put a value at the end of a route, into the elements that are there already."""
    node = resource
    for step in route.steps[:-1]:
        node = _entered(node, step, definitions)
    last = route.steps[-1]
    _clear_choice(node, last, definitions)
    value = copy.deepcopy(value)
    if isinstance(value, dict):
        value |= {name: content for name, content in last.fixed if name not in value}
    if not last.repeats:
        node[last.member] = value
    elif _is_filler(node.get(last.member), last):
        node[last.member] = [value]
    else:
        node[last.member] = [*node.get(last.member, ()), value]


def is_at(node: Any, steps: Iterable[Step]) -> bool:
    """Whether a resource has something at the end of a route, conditions left aside."""
    nodes = [node]
    for step in steps:
        found = [n.get(step.member) for n in nodes if isinstance(n, dict)]
        nodes = [item for f in found for item in (f if isinstance(f, list) else [f]) if item is not None]
    return bool(nodes)


def _entered(node: JsonObject, step: Step, definitions: Definitions) -> JsonObject:
    """The node that a step leads to, made where it is not there."""
    _clear_choice(node, step, definitions)
    if not step.repeats:
        below: JsonObject = node.setdefault(step.member, _new(step, definitions))
        return below
    items: list[JsonObject] = node.setdefault(step.member, [])
    for item in items:
        if all(item.get(name) == content for name, content in step.fixed):
            return item
    items.append(_new(step, definitions))
    return items[-1]


def _new(step: Step, definitions: Definitions) -> JsonObject:
    return {**_required(definitions.structures[step.type], definitions), **copy.deepcopy(dict(step.fixed))}


def _clear_choice(node: JsonObject, step: Step, definitions: Definitions) -> None:
    """A choice element has one value: that of another type goes."""
    if step.element.is_choice:
        stem = step.element.name
        for code in step.element.types:
            member = stem + code[0].upper() + code[1:]
            if member != step.member:
                node.pop(member, None)


def _is_filler(present: Any, step: Step) -> bool:
    return isinstance(present, list) and present == [_FILLER.get(step.type)]


def _required(structure: Structure, definitions: Definitions) -> JsonObject:
    chosen: dict[str, Property] = {}
    for found in structure.properties.values():
        if found.element.min and (found.element.name not in chosen or found.type in {"CodeableConcept", "Reference"}):
            chosen[found.element.name] = found
    return {found.name: _listed(found, definitions) for found in chosen.values()}


def _listed(found: Property, definitions: Definitions) -> Any:
    value = filler(found.structure or found.type, found.element, definitions)
    return value if found.element.max == 1 else [value]


def filler(type_name: str, element: Element, definitions: Definitions) -> Any:
    """A value of an element that no case searches for."""
    codes = codes_of(element, definitions) if type_name in {"code", "CodeableConcept"} else []
    if codes:
        system, code = codes[-1]
        return code if type_name == "code" else {"coding": [{"system": system, "code": code}]}
    if type_name in _FILLER:
        return copy.deepcopy(_FILLER[type_name])
    return _required(definitions.structures[type_name], definitions)


def codes_of(element: Element | None, definitions: Definitions) -> list[tuple[str, str]]:
    """System and code of the members of the element's required value set, in a fixed order; the filler is the last."""
    bound = definitions.value_sets.get((element.binding if element else None) or "")
    if bound is None:
        return []
    return [(system, code) for system in sorted(bound.by_system) for code in sorted(bound.by_system[system])]
