"""The concepts of one code system, with their properties and their hierarchy.

https://hl7.org/fhir/R4/codesystem.html#hierarchy  Nesting and the properties `parent` and `child` are one graph, which
may have several parents for a concept and, in bad content, cycles. The one rule: walks are loops that go nowhere twice.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from fhir_server.fhir.json import JsonObject
from fhir_server.terminology.content import items, text

_DEFINED = "http://hl7.org/fhir/concept-properties#"
_VALUES = ("valueCode", "valueString", "valueBoolean", "valueInteger", "valueDecimal", "valueDateTime")
_DEFAULTS = {"inactive": ("false",), "notSelectable": ("false",)}
_ALWAYS_KNOWN = frozenset({"display", "parent", "child", *_DEFAULTS})

Links = dict[str, dict[str, None]]


@dataclass(slots=True)
class Concepts:
    """Codes in order, their displays and properties, and who is above whom.

    `is_subsumption` is false when the hierarchy means something else than "is a".
    """

    is_subsumption: bool
    displays: dict[str, str] = field(default_factory=dict)
    properties: dict[str, dict[str, list[str]]] = field(default_factory=dict)
    parents: Links = field(default_factory=dict)
    children: Links = field(default_factory=dict)
    known_properties: set[str] = field(default_factory=lambda: set(_ALWAYS_KNOWN))

    @property
    def codes(self) -> Iterable[str]:
        """Every code, nested ones included."""
        return self.displays.keys()

    def values(self, code: str, name: str) -> Iterable[str]:
        """The values of a property of a concept, as texts; what the standard assumes where there is none."""
        if name == "display":
            return (self.displays[code],) if self.displays[code] else ()
        if name in {"parent", "child"}:
            return (self.parents if name == "parent" else self.children).get(code, ())
        own = self.properties.get(code, {}).get(name)
        return _DEFAULTS.get(name, ()) if own is None else own

    def has(self, code: str, name: str) -> bool:
        """Whether a concept has a property itself."""
        if name in {"display", "parent", "child"}:
            return bool(self.values(code, name))
        return bool(self.properties.get(code, {}).get(name))

    def below(self, code: str) -> set[str]:
        """A code and all below it; nothing for a code that is not there."""
        return self._reached(code, self.children)

    def above(self, code: str) -> set[str]:
        """A code and all above it; nothing for a code that is not there."""
        return self._reached(code, self.parents)

    def _reached(self, code: str, links: Links) -> set[str]:
        reached = {code} & self.displays.keys()
        pending = list(reached)
        while pending:
            for found in links.get(pending.pop(), ()):
                if found not in reached and found in self.displays:
                    reached.add(found)
                    pending.append(found)
        return reached


def concepts_of(code_system: JsonObject) -> Concepts:
    """The concepts of a CodeSystem resource; malformed ones are passed over."""
    found = Concepts(is_subsumption=code_system.get("hierarchyMeaning", "is-a") == "is-a")
    names = _property_names(code_system, found)
    pending: list[tuple[str, JsonObject]] = [("", concept) for concept in reversed(items(code_system, "concept"))]
    while pending:
        parent, concept = pending.pop()
        code = text(concept, "code")
        if not code:
            continue
        found.displays.setdefault(code, text(concept, "display"))
        _link(found, parent, code)
        for entry in items(concept, "property"):
            _add_property(found, code, names, entry)
        pending.extend((code, nested) for nested in reversed(items(concept, "concept")))
    return found


def is_complete(code_system: JsonObject) -> bool:
    """Whether the resource has every concept of the code system."""
    return code_system.get("content") == "complete"


def _property_names(code_system: JsonObject, found: Concepts) -> Mapping[str, str]:
    """Codes by which this system calls the properties `parent` and `child` of the standard."""
    names = {"parent": "parent", "child": "child"}
    for declared in items(code_system, "property"):
        code, uri = text(declared, "code"), text(declared, "uri")
        found.known_properties.add(code)
        if uri in {f"{_DEFINED}parent", f"{_DEFINED}child"}:
            names[code] = uri.removeprefix(_DEFINED)
    found.known_properties.update(text(declared, "code") for declared in items(code_system, "filter"))
    return names


def _add_property(found: Concepts, code: str, names: Mapping[str, str], entry: JsonObject) -> None:
    name, value = text(entry, "code"), _value(entry)
    if not name or value is None:
        return
    link = names.get(name)
    if link is not None:
        _link(found, *((value, code) if link == "parent" else (code, value)))
    if link != name:
        found.known_properties.add(name)
        found.properties.setdefault(code, {}).setdefault(name, []).append(value)


def _link(found: Concepts, parent: str, child: str) -> None:
    if parent and parent != child:
        found.parents.setdefault(child, {})[parent] = None
        found.children.setdefault(parent, {})[child] = None


def _value(entry: JsonObject) -> str | None:
    coding: Any = entry.get("valueCoding")
    if isinstance(coding, dict):
        return text(coding, "code") or None
    for name in _VALUES:
        value = entry.get(name)
        if isinstance(value, bool):
            return "true" if value else "false"
        if value is not None and not isinstance(value, dict | list):
            return str(value)
    return None
