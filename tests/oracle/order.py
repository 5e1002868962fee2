"""The order of matches: https://hl7.org/fhir/R4/search.html#sort .

Of several values the first in the direction asked for counts; what has none comes last; ties are in the order of
creation, in the direction of the last key.
"""

from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

from fhir_server.definitions import SearchParameter
from tests.oracle import dates, quantities, strings, tokens
from tests.oracle.elements import Node
from tests.oracle.facts import Facts, Record
from tests.oracle.query import Refused
from tests.oracle.references import canonical

_UNSORTABLE = frozenset({"composite", "special"})


@dataclass(frozen=True, slots=True)
class Key:
    """One key of the order."""

    code: str
    descends: bool


NEWEST_FIRST = [Key("_lastUpdated", descends=True)]


def read(facts: Facts, value: str, searched: Collection[str]) -> list[Key]:
    """The keys of a _sort; raises Refused."""
    keys = [Key(part.removeprefix("-"), part.startswith("-")) for part in value.split(",") if part]
    for key in keys:
        for type_name in searched:
            parameter = facts.parameter(type_name, key.code)
            if parameter is None or parameter.kind in _UNSORTABLE:
                raise Refused(f"_sort: {key.code} is not a search parameter that can be sorted by")
    return keys


def ordered(facts: Facts, matches: list[Record], keys: list[Key]) -> list[Record]:
    """The matches in order: by the last key first, since each sorting keeps the order of what is equal."""
    found = sorted(matches, key=lambda record: record.pk, reverse=keys[-1].descends)
    for key in reversed(keys):
        values = {record.name: _first(facts, record, key) for record in found}
        present = [record for record in found if values[record.name] is not None]
        present.sort(key=lambda record: values[record.name], reverse=key.descends)
        found = present + [record for record in found if values[record.name] is None]
    return found


def _first(facts: Facts, record: Record, key: Key) -> Any:
    if key.code == "_id":
        return record.id
    if key.code == "_lastUpdated":
        return record.updated
    parameter = facts.definitions.search_parameters[record.type_name][key.code]
    found = [v for node in facts.nodes(record, parameter) for v in _values(facts, parameter, node)]
    return (max if key.descends else min)(found, default=None)


def _values(facts: Facts, parameter: SearchParameter, node: Node) -> list[Any]:
    """What an element is sorted by."""
    if parameter.kind == "string":
        return [strings.fold(text) for text in strings.of_value(node.type, node.value)]
    if parameter.kind == "token":
        return [token.code for token in tokens.of_node(node, facts.definitions) if token.code]
    if parameter.kind == "reference":
        goal = facts.target_of(node)
        if goal is not None and node.type == "canonical" and not goal.is_local:
            return [canonical(node.value)[0]]
        return [] if goal is None else [goal.id]
    if parameter.kind == "date":
        stretch = dates.of_value(node.type, node.value)
        return [] if stretch is None else [stretch[0]]
    if parameter.kind == "uri":
        return [node.value, canonical(node.value)[0]]
    interval = quantities.of_value(node.type, node.value)
    if interval is None:
        return []
    return [(float("-inf") if interval.low is None else interval.low, interval.low_is_open)]
