"""The whole of a search: https://hl7.org/fhir/R4/search.html .

Reads the query, tries every resource, orders what is left. No index, no page.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

from fhir_server.definitions import Definitions
from tests.oracle import includes, order, query
from tests.oracle.criteria import Passes, criterion
from tests.oracle.facts import Facts, Record
from tests.oracle.query import Query, Refused

Name = tuple[str, str]
_UNSUPPORTED = frozenset({"_filter", "_text", "_content", "_contained", "_containedType", "_query", "_score"})
_CHOICES = {
    "_summary": {"true", "text", "data", "count", "false"},
    "_total": {"none", "estimate", "accurate"},
}


@dataclass(frozen=True, slots=True)
class Answer:
    """What a search finds, without pages; `total` is None when nobody asked."""

    matches: list[Name]
    included: set[Name]
    total: int | None


@dataclass(slots=True)
class _Asked:
    """A search as it was read."""

    types: list[str]
    passes: dict[str, list[Passes]]
    keys: list[order.Key] = field(default_factory=list)
    coming: list[includes.Include] = field(default_factory=list)
    single: dict[str, str] = field(default_factory=dict)


class Oracle:
    """Searches resources: (pk, updated in microseconds, resource), current, not deleted, in the order of pk."""

    def __init__(
        self, resources: Iterable[tuple[int, int, dict[str, Any]]], definitions: Definitions, base: str, now: int
    ) -> None:
        self._facts = Facts([Record(*found) for found in resources], definitions, base, now)

    def search(self, text: str, *, lenient: bool = False) -> Answer:
        """The answer to `Type?...`, `?...` or `Patient/1/Type?...`; raises Refused."""
        asking = query.read(text)
        within, types = self._place(asking)
        asked = self._read(asking, types, lenient=lenient)
        found = [record for record in self._facts.records if record.type_name in types and within(record)]
        found = [record for record in found if all(passes(record) for passes in asked.passes[record.type_name])]
        counts_only = asked.single.get("_count") == "0" or asked.single.get("_summary") == "count"
        is_counted = counts_only or asked.single.get("_total", "none") != "none"
        total = len(found) if is_counted else None
        if counts_only:
            return Answer([], set(), total)
        found = order.ordered(self._facts, found, asked.keys or order.NEWEST_FIRST)
        with_them = includes.included(self._facts, asked.coming, found)
        return Answer([r.name for r in found], {r.name for r in with_them}, total)

    def _place(self, asking: Query) -> tuple[Callable[[Record], bool], list[str]]:
        """Where it looks: a test of records, and the types."""
        switched_on = [n for n, p in self._facts.definitions.server.items() if "search-type" in p.interactions]
        if asking.owner is not None:
            return self._compartment(asking.owner, asking.place, switched_on)
        if asking.place:
            if asking.place not in switched_on:
                raise Refused(f"{asking.place} is not a type that can be searched")
            return (lambda _: True), [asking.place]
        named = [name for label, value in asking.pairs if label == "_type" for name in value.split(",") if name]
        for name in named:
            if name not in switched_on:
                raise Refused(f"_type: {name} is not a type that can be searched")
        return (lambda _: True), list(dict.fromkeys(named)) or switched_on

    def _compartment(
        self, owner: Name, place: str, switched_on: list[str]
    ) -> tuple[Callable[[Record], bool], list[str]]:
        """https://hl7.org/fhir/R4/compartmentdefinition.html ."""
        members = self._facts.definitions.compartments.get(owner[0])
        if members is None:
            raise Refused(f"{owner[0]} has no compartment")
        if place == "*":
            types = [name for name in switched_on if members.get(name) or name == owner[0]]
        elif place in switched_on:
            types = [place]
        else:
            raise Refused(f"{place} is not a type that can be searched")
        is_there = self._facts.record(*owner) is not None

        def within(record: Record) -> bool:
            codes = [code for code in members.get(record.type_name, ()) if code != "{def}"]
            parameters = [self._facts.definitions.search_parameters[record.type_name][code] for code in codes]
            links = [there.name for p in parameters for there in self._facts.linked(record, p)]
            return is_there and (record.name == owner or owner in links)

        return within, types

    def _read(self, asking: Query, types: list[str], *, lenient: bool) -> _Asked:
        asked = _Asked(types, {name: [] for name in types})
        for label, value in asking.pairs:
            name, _, modifier = label.partition(":")
            if name == "_sort" and not modifier:
                asked.keys += order.read(self._facts, value, types)
            elif name in {"_include", "_revinclude"}:
                asked.coming.append(includes.read(self._facts, label, value, types))
            elif name in {"_count", "_total", "_summary", "_elements", "_format", "_pretty"}:
                _read_single(asked, label, value)
            elif name != "_type" or asking.place:
                self._read_criterion(asked, label, value, lenient=lenient)
        if asked.single.get("_summary") == "text" and asked.coming:
            raise Refused("_summary=text cannot be combined with includes")
        return asked

    def _read_criterion(self, asked: _Asked, label: str, value: str, *, lenient: bool) -> None:
        code = label.partition(".")[0].partition(":")[0]
        if code in _UNSUPPORTED:
            raise Refused(f"{code} is not supported")
        if code not in {"_has", "_list"} and not self._is_common(code, asked.types):
            if lenient:
                return
            raise Refused(f"{code} is not a search parameter here")
        for name in asked.types:
            asked.passes[name].append(criterion(self._facts, name, label, value))

    def _is_common(self, code: str, types: list[str]) -> bool:
        parameters = [self._facts.parameter(name, code) for name in types]
        return len({p.kind for p in parameters if p is not None}) == 1 and None not in parameters


def _read_single(asked: _Asked, label: str, value: str) -> None:
    if ":" in label:
        raise Refused(f"{label}: the modifier does not fit")
    if label in {"_count", "_total", "_summary"} and asked.single.get(label, value) != value:
        raise Refused(f"{label} is given more than once")
    if value not in _CHOICES.get(label, {value}):
        raise Refused(f"{label}: expected one of {', '.join(sorted(_CHOICES[label]))}")
    if label == "_count" and not value.isdigit():
        raise Refused("_count: expected a whole number")
    asked.single[label] = value
