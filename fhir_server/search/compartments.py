"""Compartments: what refers to a resource through the parameters that its definition names, and the resource itself.

https://hl7.org/fhir/R4/compartmentdefinition.html
"""

from collections.abc import Sequence

from fhir_server.search.kinds import OWN
from fhir_server.search.plan import NOTHING, Alternative, AnyOf, Condition, Node
from fhir_server.search.request import Compartment
from fhir_server.search.understanding import Understanding


def in_compartment(compartment: Compartment, type_names: Sequence[str], understanding: Understanding) -> Node:
    """The condition that a resource of one of the types is in the compartment."""
    definitions = understanding.definitions
    if not understanding.held.is_there(compartment.type_name, compartment.resource_id):
        return Condition(OWN["_id"].name, (), "match", (NOTHING,))
    members = definitions.compartments[compartment.type_name]
    own_number = definitions.resource_types[compartment.type_name]
    numbers: set[int] = set()
    for name in type_names:
        for code in members.get(name, ()):
            parameter = definitions.search_parameter(name, code)
            if parameter is not None and parameter.kind == "reference":
                understanding.readiness.check(parameter)
                numbers.add(parameter.number)
    options: list[Node] = []
    if numbers:
        to_owner = Alternative("type and id", (compartment.resource_id, own_number))
        options.append(Condition("reference", tuple(sorted(numbers)), "match", (to_owner,)))
    if compartment.type_name in type_names:
        itself = Alternative("type and id", (own_number, compartment.resource_id))
        options.append(Condition(OWN["_id"].name, (), "match", (itself,)))
    if not options:
        return Condition(OWN["_id"].name, (), "match", (NOTHING,))
    return options[0] if len(options) == 1 else AnyOf(tuple(options))
