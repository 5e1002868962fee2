"""Filters of a value set on the concepts of one code system.

https://hl7.org/fhir/R4/valueset-filter-operator.html  All filters of an include must hold. `regex` is refused: a
pattern from a stored resource can make matching take for ever.
"""

from collections.abc import Callable, Sequence

from fhir_server.fhir.json import JsonObject
from fhir_server.terminology.concepts import Concepts
from fhir_server.terminology.content import NotExpandable, text

_CODE_ITSELF = frozenset({"concept", "code"})


def filtered(concepts: Concepts, filters: Sequence[JsonObject], place: str) -> set[str]:
    """The codes that pass every filter; raises NotExpandable for one that cannot be applied."""
    passed = set(concepts.codes)
    for number, one in enumerate(filters):
        passed &= _passing(concepts, one, f"{place}.filter[{number}]")
    return passed


def _passing(concepts: Concepts, one: JsonObject, place: str) -> set[str]:
    name, operator, value = (text(one, member) for member in ("property", "op", "value"))
    if operator == "regex":
        raise NotExpandable(place, "the operator regex is not supported")
    if not name or not value:
        raise NotExpandable(place, "a filter needs property, op and value", "invalid")
    if operator in _HIERARCHICAL:
        return _by_hierarchy(concepts, name, operator, value, place)
    if name not in _CODE_ITSELF and name not in concepts.known_properties:
        raise NotExpandable(place, "the code system has no such property")
    if operator == "exists":
        return _existing(concepts, name, value, place)
    if operator not in {"=", "in", "not-in"}:
        raise NotExpandable(place, "the operator is not one of the standard's")
    return _by_value(concepts, name, operator, value)


def _by_hierarchy(concepts: Concepts, name: str, operator: str, value: str, place: str) -> set[str]:
    if name not in _CODE_ITSELF:
        raise NotExpandable(place, f"the operator {operator} is supported on the property concept only")
    if not concepts.is_subsumption:
        raise NotExpandable(place, f"the operator {operator} needs a code system whose hierarchy means is-a")
    return _HIERARCHICAL[operator](concepts, value)


def _existing(concepts: Concepts, name: str, value: str, place: str) -> set[str]:
    if value not in {"true", "false"}:
        raise NotExpandable(place, "the operator exists takes true or false", "invalid")
    having = {code for code in concepts.codes if name in _CODE_ITSELF or concepts.has(code, name)}
    return having if value == "true" else set(concepts.codes) - having


def _by_value(concepts: Concepts, name: str, operator: str, value: str) -> set[str]:
    wanted = {value} if operator == "=" else {part.strip() for part in value.split(",")}
    matching = {
        code
        for code in concepts.codes
        if not wanted.isdisjoint((code,) if name in _CODE_ITSELF else concepts.values(code, name))
    }
    return set(concepts.codes) - matching if operator == "not-in" else matching


_HIERARCHICAL: dict[str, Callable[[Concepts, str], set[str]]] = {
    "is-a": Concepts.below,
    "descendent-of": lambda concepts, code: concepts.below(code) - {code},
    "is-not-a": lambda concepts, code: set(concepts.codes) - concepts.below(code),
    "generalizes": Concepts.above,
}
