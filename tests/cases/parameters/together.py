"""Resources with values of several parameters, and resources that refer to others."""

from dataclasses import dataclass

from fhir_server.definitions import Definitions, SearchParameter
from tests.cases.parameters.cases import query, sample_at
from tests.cases.parameters.places import last_updated, own_id
from tests.cases.parameters.resources import JsonObject, insert, minimal
from tests.cases.parameters.routes import Route, parameter_routes
from tests.cases.parameters.samples import Sample


@dataclass(frozen=True, slots=True)
class Together:
    """A resource that has a value of each parameter; `finding` asks for all, each of `not_finding` has one wrong."""

    resource: JsonObject
    finding: str
    not_finding: tuple[str, ...]


def together(type_name: str, codes: list[str], ordinal: int, definitions: Definitions) -> Together:
    """A resource with the first value that each parameter may have; raises LookupError where there is none."""
    resource = minimal(type_name, f"together.{ordinal}", definitions)
    own = {"_id": own_id(resource["id"]), "_lastUpdated": last_updated()}
    samples: dict[str, Sample] = {}
    for number, code in enumerate(codes):
        if code in own:
            samples[code] = own[code]
        else:
            parameter = definitions.search_parameters[type_name][code]
            route, samples[code] = first_sample(parameter, 10 * ordinal + number, definitions)
            insert(resource, route, samples[code].value, definitions)
    finds = {code: query("", code, sample.finds)[1:] for code, sample in samples.items()}
    misses = {code: query("", code, sample.misses)[1:] for code, sample in samples.items()}
    return Together(
        resource,
        f"{type_name}?{'&'.join(finds.values())}",
        tuple(f"{type_name}?{'&'.join((finds | {code: misses[code]}).values())}" for code in codes),
    )


def first_sample(parameter: SearchParameter, ordinal: int, definitions: Definitions) -> tuple[Route, Sample]:
    """The first route of a parameter to a value of its kind, with one."""
    for route in parameter_routes(parameter, definitions):
        sample = sample_at(parameter, route, ordinal, definitions)
        if sample is not None:
            return route, sample
    raise LookupError(f"{parameter.type_name}.{parameter.code}: no value can be built")


def referring(parameter: SearchParameter, resource_id: str, target: JsonObject, definitions: Definitions) -> JsonObject:
    """A resource that refers to another by a reference parameter."""
    resource = minimal(parameter.type_name, resource_id, definitions)
    found = parameter_routes(parameter, definitions)
    route = next(r for r in found if r.type == "Reference" and r.refers_to in {"", target["resourceType"]})
    insert(resource, route, {"reference": f"{target['resourceType']}/{target['id']}"}, definitions)
    return resource
