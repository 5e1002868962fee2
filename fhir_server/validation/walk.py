"""What a schema cannot say, found in one walk over the resource.

https://hl7.org/fhir/R4/domainresource.html#invs and https://hl7.org/fhir/R4/extensibility.html#Extension
ele-1, ext-1, the narrative's XHTML, place holders in arrays of primitives, integers written as decimals, the form of
references and URNs. The walk runs on every write, also on what the schema refused: it must bear any JSON.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from fhir_server.fhir import narrative
from fhir_server.fhir.json import JsonObject
from fhir_server.validation.kinds import UNKNOWN, Kind, Member
from fhir_server.validation.places import Location
from fhir_server.validation.scope import Scope

_RESTFUL = re.compile(r"(?:https?://\S+/)?([A-Z][A-Za-z]+)/[A-Za-z0-9.\-]{1,64}(?:/_history/[A-Za-z0-9.\-]{1,64})?")
_CONDITIONAL = re.compile(r"[A-Z][A-Za-z]+\?")
_SPACE = re.compile(r"\s")
_URN = re.compile(
    r"urn:(?:oid:[0-2](?:\.(?:0|[1-9][0-9]*))+|uuid:[0-9A-Fa-f]{8}(?:-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}|(?!oid:|uuid:).*)",
    re.DOTALL,
)
_EXTENSIONS = frozenset({"extension", "modifierExtension"})


@dataclass(frozen=True, slots=True)
class Problem:
    """One broken rule; `note` says what in words without content, where the rule's own text does not suffice."""

    rule: str
    location: Location
    note: str = ""


def problems(resource: JsonObject, kinds: Mapping[str, Kind]) -> list[Problem]:
    """Every broken rule, in document order, those that concern a whole resource last."""
    walk = _Walk(kinds)
    walk.resource(resource)
    return walk.found


class _Walk:
    """The state of one walk; `trail` is the location of the node in hand."""

    __slots__ = ("found", "kinds", "scope", "trail")

    def __init__(self, kinds: Mapping[str, Kind]) -> None:
        self.found: list[Problem] = []
        self.trail: list[str | int] = []
        self.kinds = kinds
        self.scope = Scope()

    def resource(self, resource: JsonObject) -> None:
        """Walk a resource that is not contained in another, with its contained ones."""
        outer, self.scope = self.scope, Scope(tuple(self.trail))
        self._node(resource, self._kind_of(resource))
        contained = resource.get("contained", [])
        if isinstance(contained, list):
            self.scope.contain(contained)
            self.found += [Problem(rule, location) for rule, location in self.scope.broken()]
        self.scope = outer

    def _kind_of(self, resource: JsonObject) -> Kind:
        name = resource.get("resourceType")
        return self.kinds.get(name, UNKNOWN) if isinstance(name, str) else UNKNOWN

    def _node(self, node: JsonObject, kind: Kind) -> None:
        trail = self.trail
        for name, value in node.items():
            given = type(value)
            if given is str:
                if name in kind.uris:
                    self._uri(name, value, kind)
                elif name == "div":
                    self._narrative(value)
            elif given is dict:
                if name in kind.members:
                    trail.append(name)
                    self._child(node, name, value, kind.members[name])
                    trail.pop()
            elif given is list:
                trail.append(name)
                self._items(node, name, value, kind)
                trail.pop()
            elif isinstance(value, Decimal) and name in kind.integers and not _is_integer(value, name, kind):
                self.found.append(Problem("integer", (*trail, name)))

    def _child(self, node: JsonObject, name: str, value: JsonObject, member: Member) -> None:
        if name[:1] == "_":
            if node.get(name[1:]) is None and "extension" not in value:
                self._report("ele-1")
        elif len(value) == 1 and "id" in value:
            self._report("ele-1")
        self._complex(name, value, member)

    def _complex(self, name: str, value: JsonObject, member: Member) -> None:
        kind = member.kind
        if kind.name == "Reference":
            self._reference(value, member.targets)
        elif kind.name == "Resource":
            if name != "contained":
                self.resource(value)
                return
            kind = self._kind_of(value)
        self._node(value, kind)

    def _items(self, node: JsonObject, name: str, items: list[Any], kind: Kind) -> None:
        trail = self.trail
        member = kind.members.get(name)
        is_extension = name in _EXTENSIONS
        for index, item in enumerate(items):
            if type(item) is dict:
                if member is None:
                    continue
                trail.append(index)
                if is_extension:
                    self._extension(item, nested=kind.name == "Extension")
                elif len(item) == 1 and "id" in item:
                    self._lone_id(node, name, index)
                self._complex(name, item, member)
                trail.pop()
            elif item is None:
                if member is None or name[:1] == "_":
                    self._place_holder(node, name, index)
            elif member is None:
                self._primitive_item(name, item, kind, index)

    def _primitive_item(self, name: str, item: Any, kind: Kind, index: int) -> None:
        if isinstance(item, str):
            if name in kind.uris:
                self._uri(name, item, kind)
        elif isinstance(item, Decimal) and name in kind.integers and not _is_integer(item, name, kind):
            self._report("integer", at=index)

    def _uri(self, name: str, text: str, kind: Kind) -> None:
        first = text[:1]
        if first == "#":
            self.scope.point(text, (*self.trail, name), must_resolve=name in kind.canonicals)
        elif first == "u" and not _URN.fullmatch(text) and text.startswith("urn:"):
            self.found.append(Problem("urn", (*self.trail, name)))

    def _reference(self, value: JsonObject, targets: frozenset[str] | None) -> None:
        text = value.get("reference")
        if type(text) is not str:
            return
        if text[:1] == "#":
            self.scope.point(text, tuple(self.trail), must_resolve=True)
        elif targets is None or text.partition("/")[0] not in targets:
            self._strange_reference(text, targets)

    def _strange_reference(self, text: str, targets: frozenset[str] | None) -> None:
        restful = _RESTFUL.fullmatch(text)
        if restful is not None:
            if targets is not None and restful[1] in self.kinds and restful[1] not in targets:
                self._report("target", ", ".join(sorted(targets)))
        elif _SPACE.search(text):
            self._report("reference")
        elif _CONDITIONAL.match(text) and not self.scope.is_entry:
            self._report("conditional")

    def _extension(self, item: JsonObject, *, nested: bool) -> None:
        url = item.get("url")
        if not nested and isinstance(url, str) and ":" not in url:
            self._report("extension-url")
        if len(item) == 2 and "url" in item and "id" not in item:
            return
        values = {name.removeprefix("_") for name in item if name.startswith(("value", "_value"))}
        if len(values) > 1:
            self._report("choice", "value[x]")
        elif bool(values) == ("extension" in item):
            self._report("ext-1")

    def _lone_id(self, node: JsonObject, name: str, index: int) -> None:
        """An object with an id only: fine beside a value of its own, else nothing."""
        if name[:1] != "_" or _item(node.get(name[1:]), index) is None:
            self._report("ele-1")

    def _place_holder(self, node: JsonObject, name: str, index: int) -> None:
        partner = name[1:] if name[:1] == "_" else "_" + name
        if _item(node.get(partner), index) is None:
            self._report("null", at=index)

    def _narrative(self, div: str) -> None:
        for note in narrative.problems(div):
            self.found.append(Problem("txt", (*self.trail, "div"), note))

    def _report(self, rule: str, note: str = "", *, at: int | None = None) -> None:
        location = tuple(self.trail) if at is None else (*self.trail, at)
        self.found.append(Problem(rule, location, note))


def _is_integer(value: Decimal, name: str, kind: Kind) -> bool:
    """Whether the literal is an integer's: "-0" and very long ones are kept as Decimal too."""
    text = str(value)
    return text.isdigit() or (text[1:].isdigit() and name not in kind.unsigned)


def _item(partner: Any, index: int) -> Any:
    return partner[index] if isinstance(partner, list) and index < len(partner) else None
