"""What comes with the matches: https://hl7.org/fhir/R4/search.html#include .

References to elsewhere and to what is not there are skipped; `:iterate` goes on until nothing new is found.
"""

from collections.abc import Collection
from dataclasses import dataclass

from fhir_server.definitions import SearchParameter
from tests.oracle.facts import Facts, Record
from tests.oracle.query import Refused


@dataclass(frozen=True, slots=True)
class Include:
    """One _include or (`backwards`) _revinclude; `target` "" is any type."""

    parameters: tuple[SearchParameter, ...]
    target: str
    backwards: bool
    iterates: bool

    def step(self, facts: Facts, found: Collection[Record]) -> set[Record]:
        """The records one step from those found."""
        if not self.backwards:
            return {
                there
                for record in found
                for parameter in self.parameters
                if parameter.type_name == record.type_name
                for there in facts.linked(record, parameter)
                if self.target in {"", there.type_name}
            }
        goals = {record for record in found if self.target in {"", record.type_name}}
        return {
            record
            for parameter in self.parameters
            for record in facts.of_type(parameter.type_name)
            if goals.intersection(facts.linked(record, parameter))
        }


def read(facts: Facts, name: str, value: str, searched: Collection[str]) -> Include:
    """`_include`, `_include:iterate`, `_revinclude` ... with its value; raises Refused."""
    what, _, modifier = name.partition(":")
    if modifier not in {"", "iterate"}:
        raise Refused(f"{name}: the modifier does not fit")
    backwards, iterates = what == "_revinclude", modifier == "iterate"
    if value == "*":
        types = facts.definitions.server if backwards or iterates else searched
        return Include(tuple(p for t in types for p in _offered(facts, t)), "", backwards, iterates)
    value = facts.definitions.include_aliases.get(value, value)
    parts = value.split(":")
    if not 2 <= len(parts) <= 3 or not all(parts):
        raise Refused(f"{name}={value}: expected Type:parameter or Type:parameter:Target")
    source, code, target = (*parts, "")[:3]
    _check(facts, f"{name}={value}", (source, target), searched, backwards=backwards, iterates=iterates)
    offered = [p for p in _offered(facts, source) if code in {"*", p.code}]
    if not offered:
        raise Refused(f"{name}={value}: not a reference parameter of {source}")
    return Include(tuple(offered), target, backwards, iterates)


def _check(
    facts: Facts, label: str, ends: tuple[str, str], searched: Collection[str], *, backwards: bool, iterates: bool
) -> None:
    source, target = ends
    if source not in facts.definitions.server:
        raise Refused(f"{label}: {source} is not a type of this server")
    if target and target not in facts.definitions.resource_types:
        raise Refused(f"{label}: {target} is not a resource type")
    if not iterates and not backwards and source not in searched:
        raise Refused(f"{label}: expected to begin with {', '.join(searched)}")
    if not iterates and backwards and target and target not in searched:
        raise Refused(f"{label}: expected to end with {', '.join(searched)}")


def _offered(facts: Facts, type_name: str) -> list[SearchParameter]:
    """The parameters of a type that includes may follow."""
    codes = [include.partition(":")[2] for include in facts.definitions.server[type_name].search_includes]
    return [facts.definitions.search_parameters[type_name][code] for code in codes]


def included(facts: Facts, includes: list[Include], matches: list[Record]) -> set[Record]:
    """All that comes with the matches, and is none of them."""
    found = set(matches)
    for include in includes:
        found |= include.step(facts, matches)
    while True:
        more = set[Record]().union(*(i.step(facts, found) for i in includes if i.iterates)) - found
        if not more:
            return found - set(matches)
        found |= more
