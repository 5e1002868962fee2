"""What a schema cannot say, found in one walk over the resource.

https://hl7.org/fhir/R4/domainresource.html#invs and https://hl7.org/fhir/R4/extensibility.html#Extension
ele-1, ext-1, ref-1, dom-2 to dom-5, the narrative's XHTML, place holders in arrays of primitives, integers written as
decimals. The walk runs on every write, also on resources that the schema refused: it must bear any JSON.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from fhir_server.fhir import narrative
from fhir_server.fhir.json import JsonObject
from fhir_server.fhir.structures import Structure
from fhir_server.validation.engine import Location

_LINK_TYPES = {"uri", "url", "canonical"}
_INTEGER_TYPES = {"integer", "unsignedInt", "positiveInt"}
_RESOURCE_MEMBERS = frozenset({"resource", "outcome"})


@dataclass(frozen=True, slots=True)
class Problem:
    """One broken rule; `note` says what in words without content, where the rule's own text does not suffice."""

    rule: str
    location: Location
    note: str = ""


@dataclass(frozen=True, slots=True)
class Members:
    """Names of JSON members that the walk must look at, whatever structure they stand in."""

    links: frozenset[str]
    integers: frozenset[str]

    @classmethod
    def of(cls, structures: Iterable[Structure]) -> "Members":
        """The names in a set of structures."""
        declared = [found for structure in structures for found in structure.properties.values()]
        return cls(
            links=frozenset(found.name for found in declared if found.type in _LINK_TYPES) | {"reference"},
            integers=frozenset(found.name for found in declared if found.type in _INTEGER_TYPES),
        )


@dataclass(slots=True)
class _Scope:
    """One resource with its contained ones: who is contained, and who points at whom."""

    contained: dict[str, Location] = field(default_factory=dict)
    pointers: list[tuple[str, str, Location]] = field(default_factory=list)


def problems(resource: JsonObject, members: Members) -> list[Problem]:
    """Every broken rule, in document order, those that concern a whole resource last."""
    walk = _Walk(members)
    walk.resource(resource)
    return walk.found


class _Walk:
    """The state of one walk; `trail` is the location of the node in hand."""

    __slots__ = ("found", "integers", "links", "scope", "trail")

    def __init__(self, members: Members) -> None:
        self.found: list[Problem] = []
        self.trail: list[str | int] = []
        self.links = members.links
        self.integers = members.integers
        self.scope = _Scope()

    def resource(self, resource: JsonObject) -> None:
        """Walk a resource that is not contained in another, with its contained ones."""
        outer, self.scope = self.scope, _Scope()
        contained = resource.get("contained")
        if isinstance(contained, list):
            self._contained(contained)
        self._node(resource)
        if self.scope.contained or self.scope.pointers:
            self._resolve()
        self.scope = outer

    def _node(self, node: JsonObject) -> None:
        trail = self.trail
        for name, value in node.items():
            kind = type(value)
            if kind is str:
                if name in self.links:
                    if value[:1] == "#":
                        self.scope.pointers.append((name, value, tuple(trail)))
                elif name == "div":
                    self._narrative(value)
            elif kind is dict:
                trail.append(name)
                self._child(node, name, value)
                trail.pop()
            elif kind is list:
                trail.append(name)
                self._items(node, name, value)
                trail.pop()
            elif isinstance(value, Decimal) and name in self.integers:
                self.found.append(Problem("integer", (*trail, name)))

    def _child(self, node: JsonObject, name: str, value: JsonObject) -> None:
        if name[:1] == "_":
            if node.get(name[1:]) is None and "extension" not in value:
                self._report("ele-1")
        elif len(value) == 1 and "id" in value:
            self._report("ele-1")
        if name in _RESOURCE_MEMBERS and "resourceType" in value:
            self.resource(value)
        else:
            self._node(value)

    def _items(self, node: JsonObject, name: str, items: list[Any]) -> None:
        trail = self.trail
        is_extension = name in {"extension", "modifierExtension"}
        for index, item in enumerate(items):
            kind = type(item)
            if kind is dict:
                trail.append(index)
                if is_extension and not (len(item) == 2 and "url" in item and "id" not in item):
                    self._extension(item)
                elif len(item) == 1 and "id" in item:
                    self._lone_id(node, name, index)
                self._node(item)
                trail.pop()
            elif kind is str:
                if item[:1] == "#" and name in self.links:
                    self.scope.pointers.append((name, item, tuple(trail)))
            elif item is None:
                self._place_holder(node, name, index)
            elif isinstance(item, Decimal) and name in self.integers:
                self.found.append(Problem("integer", (*trail, index)))
        if name[:1] == "_" or "_" + name in node:
            self._partners(node, name, items)

    def _extension(self, item: JsonObject) -> None:
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

    def _partners(self, node: JsonObject, name: str, items: list[Any]) -> None:
        partner = node.get(name[1:] if name[:1] == "_" else "_" + name)
        if name[:1] == "_" and isinstance(partner, list) and len(partner) < len(items):
            self._report("length")

    def _narrative(self, div: str) -> None:
        for note in narrative.problems(div):
            self.found.append(Problem("txt", (*self.trail, "div"), note))

    def _contained(self, contained: list[Any]) -> None:
        """dom-2, dom-4, dom-5 and the ids; the content is walked with the rest."""
        for index, item in enumerate(contained):
            if not isinstance(item, dict):
                continue
            self.trail += ["contained", index]
            if "contained" in item:
                self._report("dom-2")
            meta = item.get("meta")
            if isinstance(meta, dict):
                if "versionId" in meta or "lastUpdated" in meta:
                    self._report("dom-4")
                if "security" in meta:
                    self._report("dom-5")
            name = item.get("id")
            if not isinstance(name, str):
                self._report("contained-id")
            elif name in self.scope.contained:
                self._report("contained-twice")
            else:
                self.scope.contained[name] = tuple(self.trail)
            del self.trail[-2:]

    def _resolve(self) -> None:
        """ref-1 and dom-3: fragments lead to contained resources, and each of these is pointed at or points out."""
        depth = len(self.trail)
        used = set()
        for name, text, location in self.scope.pointers:
            inside = location[: depth + 2] if location[depth : depth + 1] == ("contained",) else None
            target = text[1:]
            if target in self.scope.contained:
                used.add(self.scope.contained[target])
            elif not target and inside is not None:
                used.add(inside)
            elif name == "reference":
                self.found.append(Problem("ref-1", location))
        for location in self.scope.contained.values():
            if location not in used:
                self.found.append(Problem("dom-3", location))

    def _report(self, rule: str, note: str = "", *, at: int | None = None) -> None:
        location = tuple(self.trail) if at is None else (*self.trail, at)
        self.found.append(Problem(rule, location, note))


def _item(partner: Any, index: int) -> Any:
    return partner[index] if isinstance(partner, list) and index < len(partner) else None
