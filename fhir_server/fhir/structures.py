"""What the standard says about the shape of types: element tables as values.

https://hl7.org/fhir/R4/structuredefinition.html  `definitions` builds these; nothing here reads files.
The one rule: everything is frozen, so that threads may share it.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Element:
    """One element: `name` is "value" for value[x]; `max` None means *; `content` names a nested structure."""

    name: str
    path: str
    min: int
    max: int | None
    types: tuple[str, ...]
    content: str | None = None
    targets: tuple[str, ...] = ()
    is_choice: bool = False
    is_summary: bool = False
    is_modifier: bool = False
    binding: str | None = None
    representation: str | None = None


@dataclass(frozen=True, slots=True)
class Property:
    """One JSON member: "valueString" of "value[x]"; `structure` is where to descend, None for primitives."""

    name: str
    element: Element
    type: str
    structure: str | None
    is_primitive: bool


@dataclass(frozen=True, slots=True)
class Structure:
    """A resource type, datatype, primitive or nested element ("Task.input"), in the standard's order."""

    name: str
    kind: str
    elements: tuple[Element, ...]
    properties: Mapping[str, Property]


class Structures(Protocol):
    """Where structures are looked up by name."""

    def structure(self, name: str) -> Structure | None:
        """The structure of that name, or None."""
        ...

    @property
    def resource_types(self) -> Mapping[str, int]:
        """Every resource type with its small stable number."""
        ...
