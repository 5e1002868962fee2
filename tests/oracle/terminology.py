"""Value sets and code systems: https://hl7.org/fhir/R4/valueset.html#compositions .

What is known are the ValueSets and CodeSystems among the records, and the required value sets of R4.
"""

from collections.abc import Iterable
from typing import Any

from tests.oracle.facts import Facts, Record
from tests.oracle.query import Refused
from tests.oracle.tokens import Token

Codes = set[Token]


def members(facts: Facts, name: str, label: str) -> Codes:
    """The codes of a value set, named by URL (with or without a version) or as `ValueSet/id`."""
    return _expand(facts, name, label, ())


def _expand(facts: Facts, name: str, label: str, within: tuple[str, ...]) -> Codes:
    if name in within:
        raise Refused(f"{label}: value set {name} includes itself")
    record = _value_set(facts, name)
    if record is not None:
        compose = record.resource.get("compose")
        if not compose:
            raise Refused(f"{label}: value set {name} says not what is in it")
        within = (*within, name)
        found = _union(_part(facts, part, label, within) for part in compose["include"])
        return found - _union(_part(facts, part, label, within) for part in compose.get("exclude", ()))
    shipped = facts.definitions.value_sets.get(name.partition("|")[0])
    if shipped is None:
        raise Refused(f"{label}: value set {name} is not known")
    return {Token(system, code) for system, codes in shipped.by_system.items() for code in codes}


def _value_set(facts: Facts, name: str) -> Record | None:
    url, _, version = name.partition("|")
    for record in facts.of_type("ValueSet"):
        if name == f"ValueSet/{record.id}":
            return record
        if record.resource.get("url") == url and version in {"", record.resource.get("version")}:
            return record
    return None


def _union(parts: Iterable[Codes]) -> Codes:
    return set[Token]().union(*parts)


def _part(facts: Facts, part: Any, label: str, within: tuple[str, ...]) -> Codes:
    """One include or exclude: what is in its system and in each of its value sets."""
    sides = [_expand(facts, name, label, within) for name in part.get("valueSet", ())]
    if "system" in part:
        sides.append(_of_system(facts, part, label))
    return set.intersection(*sides)


def _of_system(facts: Facts, part: Any, label: str) -> Codes:
    system = part["system"]
    if part.get("concept"):
        return {Token(system, concept["code"]) for concept in part["concept"]}
    if not part.get("filter") and not _is_complete(facts, system):
        return {token for record in facts.records for token in _used(record.resource, system)}
    tree = Tree(facts, system, label)
    codes = set(tree.parents)
    for sieve in part.get("filter", ()):
        if sieve["property"] != "concept" or sieve["op"] not in {"is-a", "descendent-of"}:
            raise Refused(f"{label}: a filter by {sieve['op']} cannot be expanded")
        below = tree.below(sieve["value"])
        codes &= below if sieve["op"] == "is-a" else below - {sieve["value"]}
    return {Token(system, code) for code in codes}


def _is_complete(facts: Facts, system: str) -> bool:
    found = (r.resource for r in facts.of_type("CodeSystem") if r.resource.get("url") == system)
    return any(resource.get("content") == "complete" for resource in found)


def _used(value: Any, system: str) -> Iterable[Token]:
    """A code system that is not held has every code that somebody uses of it."""
    if isinstance(value, dict):
        if value.get("system") == system and "code" in value:
            yield Token(system, value["code"])
        for inner in value.values():
            yield from _used(inner, system)
    elif isinstance(value, list):
        for inner in value:
            yield from _used(inner, system)


class Tree:
    """The concepts of a CodeSystem among the records; `parents` has "" for those at the top."""

    def __init__(self, facts: Facts, system: str, label: str) -> None:
        found = [record for record in facts.of_type("CodeSystem") if record.resource.get("url") == system]
        if not found or found[0].resource.get("content") != "complete":
            raise Refused(f"{label}: code system {system} is not known")
        self.parents: dict[str, str] = {}
        self._add(found[0].resource.get("concept", ()), "")

    def _add(self, concepts: Any, parent: str) -> None:
        for concept in concepts:
            self.parents[concept["code"]] = parent
            self._add(concept.get("concept", ()), concept["code"])

    def above(self, code: str) -> set[str]:
        """The code and all that it is a kind of."""
        found: set[str] = set()
        while code:
            found.add(code)
            code = self.parents.get(code, "")
        return found

    def below(self, code: str) -> set[str]:
        """The code and all that are kinds of it."""
        return {code} | {other for other in self.parents if code in self.above(other)}
