"""A value for each kind of parameter and type of element, with searches that find it and searches that do not.

https://hl7.org/fhir/R4/search.html#ptypes, read as docs/search.md says. A value is made from an ordinal, so that the
values of a type's resources differ: a search for one finds that one alone, where `is_unique`.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from fhir_server.definitions import Definitions, SearchParameter
from fhir_server.fhir.structures import Element

BASE = "https://hub.example.org/fhir"
"""The server's own base, as tests/contracts/search_world.py sets it."""


@dataclass(frozen=True, slots=True)
class Probe:
    """One search value, with its modifier, and whether it finds the resource."""

    value: str
    finds: bool
    modifier: str = ""


@dataclass(frozen=True, slots=True)
class Sample:
    """A value of an element, a search value that finds it, one that does not, and further ones."""

    value: Any
    finds: str
    misses: str
    probes: tuple[Probe, ...] = ()
    is_unique: bool = True


@dataclass(frozen=True, slots=True)
class Place:
    """Where a value goes: the parameter, the type and element at the end of the route, what must differ."""

    parameter: SearchParameter
    type: str
    element: Element | None
    ordinal: int
    definitions: Definitions
    refers_to: str = ""
    is_truth: bool = False
    fixed: Mapping[str, Any] | None = None

    @property
    def number(self) -> str:
        """The ordinal with leading zeros, so that none begins another."""
        return f"{self.ordinal:04}"


Make = Callable[[Place], Sample]


def yes(*values: str, modifier: str = "") -> tuple[Probe, ...]:
    """Search values that find the resource."""
    return tuple(Probe(value, True, modifier) for value in values)


def no(*values: str, modifier: str = "") -> tuple[Probe, ...]:
    """Search values that do not."""
    return tuple(Probe(value, False, modifier) for value in values)
