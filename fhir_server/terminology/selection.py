"""Sets of codes that may hold whole code systems, and their algebra.

https://hl7.org/fhir/R4/valueset.html#compositions  A code system that the server does not hold can be a member as a
whole, but nothing can be taken out of it.
"""

from collections.abc import Iterable
from dataclasses import dataclass

Code = tuple[str, str]
"""System and code."""


@dataclass(frozen=True, slots=True)
class Expansion:
    """The members of a value set: `codes` one by one, and every code of `systems`, whichever there are."""

    codes: frozenset[Code] = frozenset()
    systems: frozenset[str] = frozenset()

    @property
    def size(self) -> int:
        """How many members are named."""
        return len(self.codes) + len(self.systems)


def joined(codes: Iterable[Code], systems: Iterable[str]) -> Expansion:
    """Codes and whole systems together; a code of a whole system needs no mention."""
    whole = frozenset(systems)
    return Expansion(_outside(frozenset(codes), whole), whole)


def shared(one: Expansion, other: Expansion) -> Expansion:
    """Members of both."""
    codes = (one.codes & other.codes) | _inside(one.codes, other.systems) | _inside(other.codes, one.systems)
    return Expansion(frozenset(codes), one.systems & other.systems)


def without(one: Expansion, other: Expansion) -> Expansion | None:
    """Members of the first that are not of the second; None when that leaves a part of a whole system."""
    systems = one.systems - other.systems
    if any(system in systems for system, _ in other.codes):
        return None
    return Expansion(_outside(one.codes, other.systems) - other.codes, systems)


def _inside(codes: frozenset[Code], systems: frozenset[str]) -> frozenset[Code]:
    return frozenset(code for code in codes if code[0] in systems) if systems else frozenset()


def _outside(codes: frozenset[Code], systems: frozenset[str]) -> frozenset[Code]:
    return codes - _inside(codes, systems)
