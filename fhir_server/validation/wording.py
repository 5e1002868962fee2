"""Faults and problems in our own words: an issue with its code, its FHIRPath expression, and what would be right.

https://hl7.org/fhir/R4/valueset-issue-type.html  A missing element is reported at its parent, with its name. No word of
the resource's content is ever repeated; names of unknown members are shown only when they look like element names.
"""

import re
from collections.abc import Callable, Iterator
from typing import Any

from fhir_server.definitions import schema
from fhir_server.errors import Issue
from fhir_server.fhir.structures import Structures
from fhir_server.validation.engine import Fault
from fhir_server.validation.places import Place, place
from fhir_server.validation.walk import Problem

_NAME = re.compile(r"_?[A-Za-z][A-Za-z0-9]{0,63}\Z")
_JSON_TYPES = {"boolean": "true or false", "decimal": "a JSON number"} | dict.fromkeys(
    ("integer", "unsignedInt", "positiveInt"), "a JSON number without fraction or exponent"
)
_RULES = {
    "ele-1": ("invariant", "an element must have a value or children, not only an id"),
    "ext-1": ("invariant", "an extension must have either a value or extensions, not both and not neither"),
    "choice": ("structure", "only one {note} is allowed"),
    "ref-1": ("invariant", "the reference does not lead to a contained resource of this resource"),
    "dom-2": ("invariant", "a contained resource may not contain resources"),
    "dom-3": ("invariant", "a contained resource must be referred to, or refer to what contains it"),
    "dom-4": ("invariant", "a contained resource may not have meta.versionId or meta.lastUpdated"),
    "dom-5": ("invariant", "a contained resource may not have a security label"),
    "contained-id": ("required", "a contained resource must have an id"),
    "contained-twice": ("duplicate", "two contained resources have the same id"),
    "null": ("structure", "null may stand in an array only where its partner with or without '_' has something"),
    "urn": ("value", "is not a valid urn:oid or urn:uuid"),
    "reference": ("value", "a reference may not contain white space"),
    "conditional": ("value", "a conditional reference may stand in a transaction only"),
    "target": ("structure", "may refer to these types only: {note}"),
    "extension-url": ("value", "the url of an extension must be absolute"),
    "integer": ("value", "must be a JSON number without fraction or exponent"),
    "txt": ("invariant", "narrative: {note}"),
}


def of_problem(structures: Structures, resource: Any, problem: Problem) -> Iterator[Issue]:
    """The issue of a broken rule; none where the schema has said as much."""
    found = place(structures, resource, problem.location)
    if problem.rule == "null" and not (found.declared and found.declared.is_primitive):
        return
    code, text = _RULES[problem.rule]
    expression = found.expression + (".value" if problem.rule == "choice" else "")
    rule = problem.rule if "-" in problem.rule and problem.rule[-1].isdigit() else ""
    yield Issue("error", code, text.format(note=problem.note), (expression,), rule)


def of_fault(structures: Structures, resource: Any, fault: Fault) -> Iterator[Issue]:
    """The issues of one failed keyword of the schema."""
    found = place(structures, resource, fault.location)
    if fault.keyword in {"required", "additionalProperties"}:
        for name in fault.names:
            yield _of_name(fault.keyword, found, name)
        return
    if fault.keyword == "oneOf":
        yield from _of_choice(structures, found, fault)
        return
    code, text = _WORDS.get(fault.keyword, _other)(found)
    concept, _, coding = found.expression.rpartition(".")
    expression = concept if fault.keyword == "contains" and coding == "coding" else found.expression
    yield Issue("error", code, text, (expression,))


def _of_choice(structures: Structures, found: Place, fault: Fault) -> Iterator[Issue]:
    """None given where one is required, or several; nothing where the schema has said that it is no object."""
    if found.structure is None or not isinstance(found.node, dict):
        return
    element = list(schema.rules(found.structure))[fault.rule].element
    names = [declared.name for declared in found.structure.properties.values() if declared.element is element]
    if any(name in found.node or f"_{name}" in found.node for name in names):
        text = f"only one {element.name}[x] is allowed"
        yield Issue("error", "structure", text, (f"{found.expression}.{element.name}",))
    else:
        yield Issue("error", "required", f"{element.name}[x] is required", (found.expression,))


def _of_name(keyword: str, found: Place, name: str) -> Issue:
    if keyword == "required":
        return Issue("error", "required", f"{name} is required", (found.expression,))
    shown = f"'{name}'" if _NAME.match(name) else "a member with an odd name"
    owner = found.structure.name if found.structure else "this element"
    return Issue("error", "structure", f"{shown} is not an element of {owner}", (found.expression,))


Words = tuple[str, str]


def _type(found: Place) -> Words:
    declared = found.declared
    if declared is None:
        return "structure", "must be a JSON object"
    if declared.element.max != 1 and not found.is_item:
        return "structure", "must be a JSON array"
    if found.structure is not None:
        return "structure", f"must be a JSON object ({found.structure.name})"
    return "value", f"must be {_JSON_TYPES.get(declared.type, 'a JSON string')} ({declared.type or 'element'})"


def _pattern(found: Place) -> Words:
    return "value", f"is not a valid {found.declared.type if found.declared else 'value'}"


def _enum(found: Place) -> Words:
    if found.declared is None or found.declared.element.binding is None:
        return "structure", "resourceType does not name a resource type of FHIR R4"
    return "code-invalid", f"must be a code of {found.declared.element.binding}"


def _range(found: Place) -> Words:
    return "value", f"is out of the range of {found.declared.type if found.declared else 'its type'}"


def _fixed(code: str, text: str) -> Callable[[Place], Words]:
    return lambda _found: (code, text)


_other = _fixed("structure", "does not have the structure that FHIR defines")
_WORDS: dict[str, Callable[[Place], Words]] = {
    "type": _type,
    "pattern": _pattern,
    "enum": _enum,
    "const": _fixed("structure", "resourceType is not the type expected here"),
    "contains": _fixed("code-invalid", "one coding must be from the value set that is required here"),
    "minimum": _range,
    "maximum": _range,
    "minItems": _fixed("structure", "an array may not be empty"),
    "maxItems": _fixed("structure", "the array has too many items"),
    "minProperties": _fixed("structure", "an object may not be empty"),
    "minLength": _fixed("value", "a string may not be empty"),
}
