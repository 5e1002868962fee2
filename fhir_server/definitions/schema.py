"""One strict JSON schema (draft 7) for every resource type, built from the element tables.

https://hl7.org/fhir/R4/json.html  Required elements, cardinality, one value of a choice, primitive text, `_name`
siblings, no unknown members, no null but as a place holder, nothing empty, required bindings. Each rule of a structure
that draft 7 states awkwardly stands in `allOf`, in the order of `rules`, so that a fault can be traced to its element.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from fhir_server.definitions import primitives
from fhir_server.definitions.registry import Definitions, ValueSetCodes
from fhir_server.fhir.structures import Element, Property, Structure

Schema = dict[str, Any]

RESOURCE = "Resource"
OR_NULL = " or null"
_ABSTRACT = frozenset({RESOURCE, "DomainResource"})
_OPEN_CHOICE = "Extension.value[x]"
"""ext-1 counts these; a walk in code does it in less time than fifty alternatives of a schema."""


@dataclass(frozen=True, slots=True)
class Rule:
    """One entry of `allOf`: "required" (a primitive that `_name` may stand in for), or "choice" (at most one value)."""

    kind: str
    element: Element


def build(definitions: Definitions) -> Schema:
    """The schema; a resource of any type is valid against its root."""
    found: Schema = {}
    for name in definitions.patterns:
        found[name] = _primitive(name, definitions)
        found[name + OR_NULL] = _nullable(found[name])
    for structure in definitions.structures.values():
        if structure.kind != "primitive" and structure.name not in _ABSTRACT:
            found[structure.name] = _structure(structure, definitions)
    found["Element" + OR_NULL] = _nullable(found["Element"])
    found[RESOURCE] = _any_resource(sorted(definitions.resource_types))
    return {
        "$schema": "http://json-schema.org/draft-07/schema#",
        "definitions": found,
        "$ref": _pointer(RESOURCE),
    }


def rules(structure: Structure) -> Iterator[Rule]:
    """The rules of a structure that stand in `allOf`, in their order there."""
    for element in structure.elements:
        if element.is_choice and element.path != _OPEN_CHOICE:
            yield Rule("choice", element)
        elif element.min and not element.is_choice and _is_primitive(element, structure):
            yield Rule("required", element)


def _is_primitive(element: Element, structure: Structure) -> bool:
    return structure.properties[element.name].is_primitive and element.representation != "xmlAttr"


def _structure(structure: Structure, definitions: Definitions) -> Schema:
    members: Schema = {}
    if structure.kind == "resource":
        members["resourceType"] = {"const": structure.name}
    for declared in structure.properties.values():
        members[declared.name] = _member(declared, definitions)
        if may_be_extended(declared, structure):
            members["_" + declared.name] = _repeated(declared.element, "Element")
    required = ["resourceType"] if structure.kind == "resource" else []
    stated = list(rules(structure))
    apart = {rule.element.name for rule in stated}
    required += [e.name for e in structure.elements if e.min and not e.is_choice and e.name not in apart]
    schema: Schema = {"type": "object", "properties": members, "additionalProperties": False, "minProperties": 1}
    if required:
        schema["required"] = required
    if stated:
        schema["allOf"] = [_rule(rule, structure) for rule in stated]
    return schema


def may_be_extended(declared: Property, structure: Structure) -> bool:
    """Whether a member has a `_name` sibling: primitives do, but not attributes, XHTML and a resource's own id."""
    is_own_id = declared.name == "id" and structure.kind == "resource"
    is_plain = declared.element.representation != "xmlAttr" and declared.type != "xhtml"
    return declared.is_primitive and is_plain and not is_own_id


def _member(declared: Property, definitions: Definitions) -> Schema:
    codes = definitions.value_sets.get(declared.element.binding or "")
    if codes is None:
        return _repeated(declared.element, declared.structure or declared.type)
    if declared.type != "code":
        return _concept(codes)
    listed: list[str | None] = [*sorted(codes.codes)]
    if declared.element.max == 1:
        return {"enum": listed}
    return {"type": "array", "minItems": 1, "items": {"enum": [*listed, None]}}


def _repeated(element: Element, name: str) -> Schema:
    if element.max == 1:
        return {"$ref": _pointer(name)}
    is_single = name[:1].isupper() and name != "Element"
    schema: Schema = {
        "type": "array",
        "minItems": 1,
        "items": {"$ref": _pointer(name if is_single else name + OR_NULL)},
    }
    if element.max is not None:
        schema["maxItems"] = element.max
    return schema


def _concept(codes: ValueSetCodes) -> Schema:
    """A CodeableConcept of which one coding is in the value set."""
    one_of_them = [
        {"properties": {"system": {"const": system}, "code": {"enum": sorted(listed)}}, "required": ["system", "code"]}
        for system, listed in sorted(codes.by_system.items())
    ]
    coding = {"contains": {"anyOf": one_of_them}}
    return {"allOf": [{"$ref": _pointer("CodeableConcept")}], "properties": {"coding": coding}, "required": ["coding"]}


def _primitive(name: str, definitions: Definitions) -> Schema:
    if name == "boolean":
        return {"type": "boolean"}
    if name == "decimal":
        return {"type": "number"}
    if name in primitives.INTEGER_RANGES:
        low, high = primitives.INTEGER_RANGES[name]
        return {"type": "integer", "minimum": low, "maximum": high}
    return {"type": "string", "minLength": 1, "pattern": primitives.pattern(name, definitions.patterns)}


def _nullable(schema: Schema) -> Schema:
    return {**schema, "type": [schema["type"], "null"]}


def _rule(rule: Rule, structure: Structure) -> Schema:
    name = rule.element.name
    if rule.kind == "required":
        return {"if": {"not": {"required": ["_" + name]}}, "then": {"required": [name]}}
    given = [_given(declared) for declared in structure.properties.values() if declared.element is rule.element]
    return {"oneOf": given if rule.element.min else [{"not": {"anyOf": given}}, *given]}


def _given(declared: Property) -> Schema:
    here = {"required": [declared.name]}
    return {"anyOf": [here, {"required": ["_" + declared.name]}]} if declared.is_primitive else here


def _any_resource(names: Sequence[str]) -> Schema:
    return {
        "type": "object",
        "required": ["resourceType"],
        "properties": {"resourceType": {"enum": list(names)}},
        "if": {"required": ["resourceType"], "properties": {"resourceType": {"enum": list(names)}}},
        "then": _dispatch(names),
    }


def _dispatch(names: Sequence[str]) -> Schema:
    """A binary tree of conditions: eight comparisons find one of 146 types."""
    if len(names) == 1:
        return {"$ref": _pointer(names[0])}
    half = len(names) // 2
    condition = {"properties": {"resourceType": {"enum": list(names[:half])}}}
    return {"if": condition, "then": _dispatch(names[:half]), "else": _dispatch(names[half:])}


def _pointer(name: str) -> str:
    return "#/definitions/" + name.replace(" ", "%20")
