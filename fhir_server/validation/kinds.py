"""Structures boiled down to what the walk asks for at each node: one dictionary look-up a complex member.

https://hl7.org/fhir/R4/structuredefinition.html  Built once at start from the element tables, then read only.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from fhir_server.definitions import Definitions
from fhir_server.fhir.structures import Property, Structure

_URIS = {"uri", "url", "canonical"}
_UNSIGNED = {"unsignedInt", "positiveInt"}
_INTEGERS = {"integer", *_UNSIGNED}


@dataclass(slots=True)
class Kind:
    """What a node of one structure may hold; `members` are the complex ones and the `_name` siblings."""

    name: str
    uris: frozenset[str] = frozenset()
    canonicals: frozenset[str] = frozenset()
    integers: frozenset[str] = frozenset()
    unsigned: frozenset[str] = frozenset()
    members: dict[str, "Member"] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Member:
    """One complex member: its kind, and for a Reference the types it may lead to (None: any)."""

    kind: Kind
    targets: frozenset[str] | None = None


UNKNOWN = Kind("unknown")
"""Stands for whatever the tables do not know; the schema has refused it already."""


def kinds(definitions: Definitions) -> Mapping[str, Kind]:
    """All kinds by the name of their structure."""
    found = {name: Kind(name) for name in definitions.structures}
    for name, structure in definitions.structures.items():
        _fill(found[name], structure, found)
    return found


def _fill(kind: Kind, structure: Structure, found: Mapping[str, Kind]) -> None:
    declared = structure.properties.values()
    kind.uris = frozenset(p.name for p in declared if p.type in _URIS)
    kind.canonicals = frozenset(p.name for p in declared if p.type == "canonical")
    kind.integers = frozenset(p.name for p in declared if p.type in _INTEGERS)
    kind.unsigned = frozenset(p.name for p in declared if p.type in _UNSIGNED)
    for each in declared:
        if each.is_primitive:
            kind.members["_" + each.name] = Member(found["Element"])
        else:
            kind.members[each.name] = _member(each, found)


def _member(declared: Property, found: Mapping[str, Kind]) -> Member:
    targets = frozenset(declared.element.targets) if declared.type == "Reference" else frozenset[str]()
    return Member(found[declared.structure or "Element"], targets or None)
