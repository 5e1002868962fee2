"""Where a search looks, read from its path below the base: https://hl7.org/fhir/R4/http.html#search"""

from fhir_server.errors import NotFound
from fhir_server.search.kinds.reference import is_id
from fhir_server.search.names import Names
from fhir_server.search.parse import Scope
from fhir_server.search.request import Compartment


def scope_of(path: str, names: Names) -> Scope:
    """The scope of "" (all types), "Type", "Type/id/Type" or "Type/id/*"; raises NotFound for any other."""
    *owner, name = path.strip("/").split("/")
    if len(owner) not in {0, 2}:
        raise NotFound("nothing is searched at this path; expected are Type?..., ?... and Type/id/Type?...")
    compartment = _compartment(owner[0], owner[1], names) if owner else None
    if name == ("*" if owner else ""):
        return Scope(tuple(sorted(names.searchable)), is_open=True, compartment=compartment)
    if name not in names.searchable:
        raise NotFound(f"{name[:60]} is not a type that can be searched here", code="not-supported")
    return Scope((name,), compartment=compartment)


def _compartment(type_name: str, resource_id: str, names: Names) -> Compartment:
    if type_name not in names.definitions.compartments or not is_id(resource_id):
        raise NotFound(f"{type_name[:60]} has no compartments, or the id is none")
    return Compartment(type_name, resource_id)
