"""Resources written as XML: https://hl7.org/fhir/R4/xml.html .

Elements come in the standard's order, a primitive's value, id and url as attributes, a narrative as it is. The one
rule: what is written is well-formed, whatever is in the resource.
"""

import re
from decimal import Decimal
from typing import Any

from fhir_server.errors import NotAcceptable
from fhir_server.fhir.json import JsonObject
from fhir_server.fhir.narrative import XHTML, is_well_formed
from fhir_server.fhir.siblings import pairs_of
from fhir_server.fhir.structures import Property, Structure, Structures

FHIR = "http://hl7.org/fhir"
DECLARATION = '<?xml version="1.0" encoding="UTF-8"?>'

_SPECIAL = re.compile(r'[&<>"\x00-\x1f\x7f-\x9f\ud800-\udfff\ufffe\uffff]')
_ESCAPES = {"&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;"}


def dump(resource: JsonObject, structures: Structures, *, pretty: bool = False) -> bytes:
    """The XML document in UTF-8; raises NotAcceptable when the resource holds what the element tables do not know."""
    writer = _Writer(structures, pretty)
    writer.resource(resource, f' xmlns="{FHIR}"', 0)
    return (DECLARATION + "".join(writer.pieces)).encode()


class _Writer:
    """Collects the pieces of one document."""

    def __init__(self, structures: Structures, pretty: bool) -> None:
        self.pieces: list[str] = []
        self._structures = structures
        self._pretty = pretty
        self._orders: dict[str, dict[str, int]] = {}

    def resource(self, resource: Any, attributes: str, level: int) -> None:
        type_name = resource.get("resourceType") if isinstance(resource, dict) else None
        if not isinstance(type_name, str) or type_name not in self._structures.resource_types:
            raise NotAcceptable("this resource has no XML form: one of its resources has no known type")
        members = {name: value for name, value in resource.items() if name != "resourceType"}
        self._object(type_name, members, self._structures.structure(type_name), attributes, level)

    def _object(self, tag: str, item: Any, structure: Structure | None, attributes: str, level: int) -> None:
        if structure is None or not isinstance(item, dict):
            raise NotAcceptable(f"this resource has no XML form: '{tag}' is not what it is declared to be")
        elements: list[Property] = []
        for found in self._in_order(item, structure):
            if found.element.representation == "xmlAttr":
                attributes += f' {found.name}="{_attribute(item.get(found.name))}"'
            else:
                elements.append(found)
        self._tag(tag, attributes, level, not elements)
        for found in elements:
            self._member(item, found, level + 1)
        if elements:
            self._line(level)
            self.pieces.append(f"</{tag}>")

    def _in_order(self, item: JsonObject, structure: Structure) -> list[Property]:
        order = self._orders.get(structure.name)
        if order is None:
            order = self._orders[structure.name] = {name: at for at, name in enumerate(structure.properties)}
        names = {name.removeprefix("_") for name in item}
        if not names <= order.keys():
            raise NotAcceptable(f"this resource has no XML form: {structure.name} has an element that R4 does not know")
        return [structure.properties[name] for name in sorted(names, key=order.__getitem__)]

    def _member(self, item: JsonObject, found: Property, level: int) -> None:
        for value, sibling in pairs_of(item, found.name):
            if found.type == "xhtml":
                self._narrative(value, level)
            elif found.is_primitive:
                self._primitive(found.name, value, sibling, level)
            elif found.structure == "Resource":
                self._tag(found.name, "", level, False)
                self.resource(value, "", level + 1)
                self._line(level)
                self.pieces.append(f"</{found.name}>")
            else:
                self._object(found.name, value, self._structures.structure(found.structure or ""), "", level)

    def _primitive(self, tag: str, value: Any, sibling: Any, level: int) -> None:
        attributes = "" if value is None else f' value="{_attribute(value)}"'
        if sibling is not None:
            self._object(tag, sibling, self._structures.structure("Element"), attributes, level)
        elif attributes:
            self._tag(tag, attributes, level, True)

    def _narrative(self, div: Any, level: int) -> None:
        text = str(div)
        self._line(level)
        self.pieces.append(text if is_well_formed(text) else f'<div xmlns="{XHTML}">{_attribute(text)}</div>')

    def _tag(self, tag: str, attributes: str, level: int, is_empty: bool) -> None:
        self._line(level)
        self.pieces.append(f"<{tag}{attributes}/>" if is_empty else f"<{tag}{attributes}>")

    def _line(self, level: int) -> None:
        if self._pretty:
            self.pieces.append("\n" + "  " * level)


def _attribute(value: Any) -> str:
    if isinstance(value, str):
        return _SPECIAL.sub(_escape, value)
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, (int, Decimal)):
        return str(value)
    raise NotAcceptable("this resource has no XML form: a primitive element is not a string, number or boolean")


def _escape(match: re.Match[str]) -> str:
    """White space as references, because attributes would lose it; what no XML can hold as U+FFFD."""
    character = match[0]
    if character in _ESCAPES:
        return _ESCAPES[character]
    return f"&#{ord(character)};" if character in "\t\n\r" or "\x7f" <= character <= "\x9f" else "\ufffd"
