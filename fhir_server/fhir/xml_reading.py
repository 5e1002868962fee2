"""Resources read from XML: https://hl7.org/fhir/R4/xml.html .

expat reads, a stack of open elements builds the JSON form with the element tables beside it. The one rule: no document
type declaration, hence no entities; every element and attribute is one that the tables know, or is refused.
"""

import re
from typing import Any, NoReturn
from xml.parsers import expat

from fhir_server.errors import BadRequest
from fhir_server.fhir.json import JsonObject, number
from fhir_server.fhir.narrative import XHTML, is_well_formed
from fhir_server.fhir.siblings import Pair, put_pairs, put_single
from fhir_server.fhir.structures import Property, Structure, Structures

FHIR = "http://hl7.org/fhir"
SHOWN_NAME_LENGTH = 64

_SCHEMA_INSTANCE = "http://www.w3.org/2001/XMLSchema-instance "
_ENCODINGS = frozenset({"utf-8", "utf8", "us-ascii", "ascii"})
_INTEGER_TYPES = frozenset({"integer", "positiveInt", "unsignedInt"})
_INTEGER = re.compile(r"[+-]?(0|[1-9][0-9]*)")
_DECIMAL = re.compile(r"-?(0|[1-9][0-9]*)(\.[0-9]+)?([eE][+-]?[0-9]+)?")
_DIV = re.compile(r"<(?:([A-Za-z_][\w.\-]*):)?div")
_TAG = re.compile(rb"""<(?:[^"'<>]|"[^"<]*"|'[^'<]*')*>""")


def parse(raw: bytes, structures: Structures, *, max_depth: int) -> JsonObject:
    """The resource of an XML document in UTF-8, as its JSON form; values that do not fit their type stay strings.

    Raises BadRequest for malformed XML, declarations of document types, other namespaces, elements and attributes that
    are unknown or repeat wrongly, and nesting whose JSON form is deeper than `max_depth`.
    """
    reading = _Reading(raw.removeprefix(b"\xef\xbb\xbf"), structures, max_depth)
    try:
        reading.parser.Parse(reading.raw, True)
    except expat.ExpatError as error:
        message = f"the XML is malformed: {expat.ErrorString(error.code)} at line {error.lineno}, column {error.offset}"
        raise BadRequest(message, code="structure") from None
    resource: JsonObject = reading.document.resources()[0]
    return resource


class _Open:
    """An element that is not yet closed: `members` collects pairs of values and siblings by name."""

    __slots__ = ("attributes", "depth", "found", "members", "structure", "value")

    def __init__(self, found: Property | None, structure: Structure | None, depth: int) -> None:
        self.found = found  # how the element is declared; None for resources and the document
        self.structure = structure  # what its members may be; None: it holds a resource
        self.depth = depth
        self.value: Any = None
        self.attributes: JsonObject = {}
        self.members: dict[str, list[Pair]] = {}

    def resources(self) -> list[Any]:
        return [value for value, _ in self.members.get("", [])]

    def item(self) -> JsonObject:
        """The object of its attributes and members, in the document's order."""
        made = dict(self.attributes)
        for name, pairs in self.members.items():
            found = self.structure.properties[name] if self.structure is not None else None
            if found is not None and found.element.max != 1:
                put_pairs(made, name, pairs)
            else:
                put_single(made, name, *pairs[0])
        return made


class _Reading:
    """One document: expat calls the methods."""

    def __init__(self, raw: bytes, structures: Structures, max_depth: int) -> None:
        self.raw = raw
        self.document = _Open(None, None, 0)
        self._structures = structures
        self._max_depth = max_depth
        self._stack = [self.document]
        self._narrative_depth = 0
        self._narrative_start = 0
        self.parser = expat.ParserCreate("utf-8", " ")
        self.parser.buffer_text = True
        self.parser.StartElementHandler = self._start
        self.parser.EndElementHandler = self._end
        self.parser.CharacterDataHandler = self._text
        self.parser.StartDoctypeDeclHandler = self._doctype
        self.parser.XmlDeclHandler = self._declaration

    def _start(self, qualified: str, attributes: dict[str, str]) -> None:
        if self._narrative_depth:
            self._narrative_depth += 1
            return
        namespace, _, name = qualified.rpartition(" ")
        above = self._stack[-1]
        if above.structure is None:
            self._start_resource(namespace, name, attributes)
            return
        found = above.structure.properties.get(name)
        if found is None or found.element.representation == "xmlAttr":
            self._refuse(f"{above.structure.name} has no element '{_shown(name)}'")
        if found.element.max == 1 and name in above.members:
            self._refuse(f"the element '{name}' does not repeat")
        if namespace != (XHTML if found.type == "xhtml" else FHIR):
            self._refuse(f"the element '{name}' is in a wrong namespace")
        if found.type == "xhtml":
            above.members[name] = []
            self._narrative_depth, self._narrative_start = 1, self.parser.CurrentByteIndex
            return
        self._start_element(above, found, attributes)

    def _start_resource(self, namespace: str, name: str, attributes: dict[str, str]) -> None:
        above = self._stack[-1]
        if namespace != FHIR:
            self._refuse(f"the element '{_shown(name)}' is not in the namespace {FHIR}")
        if name not in self._structures.resource_types:
            self._refuse(f"'{_shown(name)}' is not a resource type")
        if above.members:
            self._refuse("one resource is expected here, not several")
        opened = _Open(None, self._structures.structure(name), above.depth + (above is self.document))
        opened.attributes["resourceType"] = name
        self._push(opened, attributes, ())

    def _start_element(self, above: _Open, found: Property, attributes: dict[str, str]) -> None:
        depth = above.depth + (1 if found.element.max == 1 else 2)
        if found.is_primitive:
            opened = _Open(found, self._structures.structure("Element"), depth)
            self._push(opened, attributes, ("value", "id"))
        elif found.structure == "Resource":
            self._push(_Open(found, None, depth), attributes, ())
        else:
            opened = _Open(found, self._structures.structure(found.structure or ""), depth)
            self._push(opened, attributes, ("id", "url") if found.structure == "Extension" else ("id",))

    def _push(self, opened: _Open, attributes: dict[str, str], allowed: tuple[str, ...]) -> None:
        is_bare = opened.found is not None and opened.found.is_primitive and "id" not in attributes
        if opened.depth - is_bare > self._max_depth:
            self._refuse(f"the XML is nested deeper than {self._max_depth} levels", code="too-costly")
        for name, value in attributes.items():
            if name.startswith(_SCHEMA_INSTANCE):
                continue
            if name not in allowed:
                self._refuse(f"the attribute '{_shown(name.rpartition(' ')[2])}' is not expected here")
            if name == "value" and opened.found is not None:
                opened.value = _typed(value, opened.found.type)
            else:
                opened.attributes[name] = value
        above = self._stack[-1]
        above.members.setdefault(opened.found.name if opened.found is not None else "", [])
        self._stack.append(opened)

    def _end(self, _qualified: str) -> None:
        if self._narrative_depth:
            self._narrative_depth -= 1
            if not self._narrative_depth:
                self._stack[-1].members["div"] = [(self._narrative(), None)]
            return
        closed = self._stack[-1]
        pair = self._pair(closed)
        self._stack.pop()
        name = closed.found.name if closed.found is not None else ""
        self._stack[-1].members[name].append(pair)

    def _pair(self, closed: _Open) -> Pair:
        if closed.structure is None:
            if not closed.members:
                self._refuse("a resource is expected in this element")
            return closed.resources()[0], None
        if closed.found is None or not closed.found.is_primitive:
            return closed.item(), None
        sibling = closed.item() or None
        if closed.value is None and sibling is None:
            self._refuse("the element has neither a value nor extensions")
        return closed.value, sibling

    def _narrative(self) -> str:
        at = self.parser.CurrentByteIndex
        tag = _TAG.match(self.raw, self._narrative_start)
        is_empty = self.raw[at - 2 : at] == b"/>" and tag is not None and tag.end() == at
        end = at if is_empty else self.raw.index(b">", at) + 1
        text = self.raw[self._narrative_start : end].decode()
        if not is_well_formed(text):  # its namespace is declared further up: declare it here
            text = _DIV.sub(_declared, text, count=1)
        if not is_well_formed(text):
            self._refuse("the narrative uses a namespace that it does not declare itself")
        return text

    def _text(self, text: str) -> None:
        if not self._narrative_depth and not text.isspace():
            self._refuse("text between elements is not expected; values are attributes")

    def _doctype(self, *_declared: object) -> None:
        raise BadRequest("the XML has a document type declaration; none is accepted", code="structure")

    def _declaration(self, version: str, encoding: str | None, _standalone: int) -> None:
        if version != "1.0" or (encoding or "utf-8").lower() not in _ENCODINGS:
            raise BadRequest("the XML is expected to be version 1.0 in UTF-8", code="structure")

    def _refuse(self, reason: str, *, code: str = "structure") -> NoReturn:
        raise BadRequest(reason, code=code, expression=self._place())

    def _place(self) -> tuple[str, ...]:
        """The FHIRPath expression of the element that is open."""
        place = ""
        for above, opened in zip(self._stack, self._stack[1:], strict=False):
            if opened.found is None:
                place = place or str(opened.attributes["resourceType"])
                continue
            place += f".{opened.found.element.name}"
            if opened.found.element.max != 1:
                place += f"[{len(above.members[opened.found.name])}]"
        return (place,) if place else ()


def _declared(tag: re.Match[str]) -> str:
    prefix = f":{tag[1]}" if tag[1] else ""
    return f'{tag[0]} xmlns{prefix}="{XHTML}"'


def _typed(text: str, type_code: str) -> Any:
    """The JSON value of an attribute; a text that does not fit stays one, for the validation to refuse."""
    if type_code == "boolean":
        return {"true": True, "false": False}.get(text, text)
    if type_code in _INTEGER_TYPES and _INTEGER.fullmatch(text):
        return number(text.removeprefix("+"))
    if type_code == "decimal" and _DECIMAL.fullmatch(text):
        return number(text)
    return text


def _shown(name: str) -> str:
    return name[:SHOWN_NAME_LENGTH].encode("ascii", "backslashreplace").decode()
