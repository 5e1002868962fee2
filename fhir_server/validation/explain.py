"""Why the strict schema refused a resource: the element tables walked in order, one issue a fault, as it is found.

https://hl7.org/fhir/R4/validation.html  Runs only on what the schema refused. Issues come lazily, so that who asks for
a hundred never waits for a million. It must find a fault exactly where the schema does; tests hold the two together.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from decimal import Decimal
from typing import Any

from fhir_server.definitions import Definitions, ValueSetCodes, primitives, schema
from fhir_server.errors import Issue
from fhir_server.fhir.structures import Element, Property, Structure

_NAME = re.compile(r"_?[A-Za-z][A-Za-z0-9]{0,63}\Z")
_BASE64 = re.compile(r"[0-9A-Za-z+/]+={0,2}")
_SPACE = re.compile(r"\s+")
_NOT_A_TYPE = "resourceType does not name a resource type of FHIR R4"


class Explainer:
    """The element tables with their patterns compiled; shared between threads."""

    def __init__(self, definitions: Definitions) -> None:
        self._definitions = definitions
        self._element = definitions.structures["Element"]
        self._rules = {name: tuple(schema.rules(found)) for name, found in definitions.structures.items()}
        self._patterns = {
            name: re.compile(primitives.pattern(name, definitions.patterns).removesuffix("$"))
            for name in definitions.patterns
            if name not in {"boolean", "decimal", "base64Binary", *primitives.INTEGER_RANGES}
        }

    def faults(self, resource: Any) -> Iterator[Issue]:
        """The faults of a resource whose type is known."""
        structure = self._definitions.structures[resource["resourceType"]]
        return self._complex(resource, structure, structure.name)

    def _complex(self, node: Any, structure: Structure, at: str) -> Iterator[Issue]:
        if not isinstance(node, dict):
            yield _issue("structure", f"must be a JSON object ({structure.name})", at)
            return
        if not node:
            yield _issue("structure", "an object may not be empty", at)
        for name, value in node.items():
            declared = structure.properties.get(name)
            if declared is not None:
                yield from self._member(value, declared, f"{at}.{declared.element.name}")
            elif name != "resourceType" or structure.kind != "resource":
                yield from self._sibling(name, value, structure, at)
        yield from self._missing(node, structure, at)

    def _missing(self, node: dict[str, Any], structure: Structure, at: str) -> Iterator[Issue]:
        stated = self._rules[structure.name]
        for rule in stated:
            if rule.kind == "choice":
                yield from _choice(node, rule.element, structure, at)
        spared = {rule.element.name for rule in stated if rule.kind == "required"}
        for element in structure.elements:
            name = element.name
            if (
                element.min
                and not element.is_choice
                and name not in node
                and not (name in spared and f"_{name}" in node)
            ):
                yield _issue("required", f"{name} is required", at)

    def _sibling(self, name: str, value: Any, structure: Structure, at: str) -> Iterator[Issue]:
        declared = structure.properties.get(name[1:]) if name[:1] == "_" else None
        if declared is None or not schema.may_be_extended(declared, structure):
            shown = f"'{name}'" if _NAME.match(name) else "a member with an odd name"
            yield _issue("structure", f"{shown} is not an element of {structure.name}", at)
            return
        at = f"{at}.{declared.element.name}"
        if declared.element.max == 1:
            yield from self._complex(value, self._element, at)
            return
        for item, place in _items(value, declared.element, at):
            if isinstance(item, Issue):
                yield item
            elif item is not None:
                yield from self._complex(item, self._element, place)

    def _member(self, value: Any, declared: Property, at: str) -> Iterator[Issue]:
        if declared.element.max == 1:
            yield from self._single(value, declared, at)
            return
        for item, place in _items(value, declared.element, at):
            if isinstance(item, Issue):
                yield item
            elif item is not None or not declared.is_primitive:
                yield from self._single(item, declared, place)

    def _single(self, value: Any, declared: Property, at: str) -> Iterator[Issue]:
        codes = self._definitions.value_sets.get(declared.element.binding or "")
        if declared.is_primitive:
            if codes is None:
                yield from self._primitive(value, declared.type, at)
            elif not isinstance(value, str) or value not in codes.codes:
                yield _issue("code-invalid", f"must be a code of {codes.url}", at)
        elif declared.structure == schema.RESOURCE:
            yield from self._resource(value, at)
        else:
            yield from self._complex(value, self._definitions.structures[declared.structure or ""], at)
            if codes is not None and isinstance(value, dict):
                yield from _coded(value, codes, at)

    def _resource(self, value: Any, at: str) -> Iterator[Issue]:
        name = value.get("resourceType") if isinstance(value, dict) else None
        if not isinstance(value, dict):
            yield _issue("structure", "must be a JSON object (a resource)", at)
        elif name is None:
            yield _issue("required", "resourceType is required", at)
        elif not isinstance(name, str) or name not in self._definitions.resource_types:
            yield _issue("structure", _NOT_A_TYPE, at)
        else:
            yield from self._complex(value, self._definitions.structures[name], at)

    def _primitive(self, value: Any, type_name: str, at: str) -> Iterator[Issue]:
        if type_name in primitives.INTEGER_RANGES:
            yield from _integer(value, type_name, at)
        elif type_name in _PLAIN:
            is_fit, wanted = _PLAIN[type_name]
            if not is_fit(value):
                yield _issue("value", f"must be {wanted} ({type_name})", at)
        elif not isinstance(value, str):
            yield _issue("value", f"must be a JSON string ({type_name})", at)
        elif not value:
            yield _issue("value", "a string may not be empty", at)
        elif not self._is_well_formed(value, type_name):
            yield _issue("value", f"is not a valid {type_name}", at)

    def _is_well_formed(self, text: str, type_name: str) -> bool:
        if type_name != "base64Binary":
            return self._patterns[type_name].fullmatch(text) is not None
        letters = _SPACE.sub("", text)
        return len(letters) % 4 == 0 and _BASE64.fullmatch(letters) is not None


def _items(value: Any, element: Element, at: str) -> Iterator[tuple[Any, str]]:
    """The items of a repeating element with their places; an issue in place of an item where there is no array."""
    if not isinstance(value, list):
        yield _issue("structure", "must be a JSON array", at), at
    elif not value:
        yield _issue("structure", "an array may not be empty", at), at
    else:
        if element.max is not None and len(value) > element.max:
            yield _issue("structure", "the array has too many items", at), at
        for index, item in enumerate(value):
            yield item, f"{at}[{index}]"


def _choice(node: dict[str, Any], element: Element, structure: Structure, at: str) -> Iterator[Issue]:
    names = (declared.name for declared in structure.properties.values() if declared.element is element)
    given = sum(name in node or f"_{name}" in node for name in names)
    if given > 1:
        yield _issue("structure", f"only one {element.name}[x] is allowed", f"{at}.{element.name}")
    elif element.min and not given:
        yield _issue("required", f"{element.name}[x] is required", at)


def _coded(concept: dict[str, Any], codes: ValueSetCodes, at: str) -> Iterator[Issue]:
    coding = concept.get("coding")
    if "coding" not in concept:
        yield _issue("required", f"a coding from {codes.url} is required", at)
    elif isinstance(coding, list) and not any(_is_listed(item, codes) for item in coding):
        yield _issue("code-invalid", f"one coding must be from {codes.url}", at)


def _is_listed(coding: Any, codes: ValueSetCodes) -> bool:
    if not isinstance(coding, dict):
        return False
    system, code = coding.get("system"), coding.get("code")
    return isinstance(system, str) and isinstance(code, str) and code in codes.by_system.get(system, ())


def _integer(value: Any, type_name: str, at: str) -> Iterator[Issue]:
    low, high = primitives.INTEGER_RANGES[type_name]
    if not _is_number(value) or value != int(value):
        yield _issue("value", f"must be a JSON number without fraction or exponent ({type_name})", at)
    elif not low <= value <= high:
        yield _issue("value", f"is out of the range of {type_name}", at)


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float | Decimal) and not isinstance(value, bool)


def _is_boolean(value: Any) -> bool:
    return isinstance(value, bool)


def _issue(code: str, text: str, at: str) -> Issue:
    return Issue("error", code, text, (at,))


_PLAIN: Mapping[str, tuple[Callable[[Any], bool], str]] = {
    "decimal": (_is_number, "a JSON number"),
    "boolean": (_is_boolean, "true or false"),
}
