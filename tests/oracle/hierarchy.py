"""`:above` and `:below` of references: https://hl7.org/fhir/R4/search.html#recursive .

Up and down the one parameter of a type that leads to the same type.
"""

from fhir_server.definitions import SearchParameter
from tests.oracle.facts import Facts, Record
from tests.oracle.query import Refused

Names = set[tuple[str, str]]


def reach(facts: Facts, type_name: str, resource_id: str, modifier: str, label: str) -> Names:
    """The resource itself and all above or below it; only a resource that is there leads to others."""
    parent = _parent_parameter(facts, type_name)
    if parent is None:
        raise Refused(f"{label}: {type_name} has no hierarchy")
    found: Names = {(type_name, resource_id)}
    while True:
        there = {name for name in found if facts.record(*name) is not None}
        more = _above(facts, parent, there) if modifier == "above" else _below(facts, parent, there)
        if more <= found:
            return found
        found |= more


def _parent_parameter(facts: Facts, type_name: str) -> SearchParameter | None:
    own = facts.definitions.search_parameters[type_name].values()
    return next((p for p in own if p.targets == (type_name,) and p.code in {"partof", "part-of"}), None)


def _above(facts: Facts, parent: SearchParameter, found: Names) -> Names:
    here = [record for record in facts.of_type(parent.type_name) if record.name in found]
    parents = {name for record in here for name in _parents(facts, parent, record)}
    return {name for name in parents if facts.record(*name) is not None}


def _below(facts: Facts, parent: SearchParameter, found: Names) -> Names:
    return {r.name for r in facts.of_type(parent.type_name) if found & set(_parents(facts, parent, r))}


def _parents(facts: Facts, parent: SearchParameter, record: Record) -> Names:
    targets = [facts.target_of(node) for node in facts.nodes(record, parent)]
    return {(t.type_name, t.id) for t in targets if t is not None and t.is_local}
