"""The cases of a search parameter: for each way to a value a resource, and searches that find it or do not.

https://hl7.org/fhir/R4/searchparameter-registry.html  Every parameter of every type that is switched on gets at least
one case; a parameter that none can be built for is an error here, not an omission.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from urllib.parse import quote

from fhir_server.definitions import Definitions, SearchParameter
from tests.cases.parameters import amounts, places, pointers, texts, times, tokens
from tests.cases.parameters.resources import JsonObject, filler, insert, is_at, minimal
from tests.cases.parameters.routes import Route, parameter_routes
from tests.cases.parameters.samples import Place, Probe, Sample

MINIMAL = "minimal"
"""The id of the resource of each type that has nothing beyond what the type requires."""
MAKE: Mapping[str, Callable[[Place], Sample | None]] = {
    "token": tokens.token, "string": texts.string, "uri": texts.uri, "reference": pointers.reference,
    "date": times.when, "number": amounts.number, "quantity": amounts.quantity, "special": places.near,
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Search:
    """A search by one parameter, and whether it finds the resource of its case."""

    query: str
    finds: bool


@dataclass(frozen=True, slots=True)
class Case:
    """A resource with a value of a parameter, the search that finds it, one that does not, and all searches.

    `is_unique`: the finding search finds nothing else of the case's type. `is_required`: the minimal resource has a
    value as well. `others`: resources that the finding search must not find. A case of an element that is there
    but has nothing to search for has neither `finding` nor `not_finding`. `type`: of the value, "" for a composite.
    """

    parameter: SearchParameter
    path: str
    resource: JsonObject
    finding: str
    not_finding: str
    searches: tuple[Search, ...]
    is_unique: bool
    is_required: bool
    others: tuple[JsonObject, ...] = ()
    type: str = ""


def query(type_name: str, label: str, value: str) -> str:
    """A search by one parameter, as a client writes it."""
    return f"{type_name}?{label}={quote(value, safe=':/|$,')}"


def search(parameter: SearchParameter, probe: Probe) -> Search:
    """The search that a probe stands for."""
    label = f"{parameter.code}:{probe.modifier}" if probe.modifier else parameter.code
    return Search(query(parameter.type_name, label, probe.value), probe.finds)


def sample_at(parameter: SearchParameter, route: Route, ordinal: int, definitions: Definitions) -> Sample | None:
    """A value of the parameter's kind at the end of a route; None where the type there holds none."""
    fixed = dict(route.steps[-1].fixed) if route.steps else {}
    place = Place(parameter, route.type, route.element, ordinal, definitions, route.refers_to, route.is_truth, fixed)
    return MAKE[parameter.kind](place)


def resource_id(parameter: SearchParameter, ordinal: int) -> str:
    """The id of the resource of a case."""
    return f"{parameter.code.strip('_')}.{ordinal}"


def simple_cases(parameter: SearchParameter, numbers: Iterator[int], definitions: Definitions) -> Iterator[Case]:
    """The cases of a parameter that is no composite, one a route."""
    routes = parameter_routes(parameter, definitions)
    bare = minimal(parameter.type_name, MINIMAL, definitions)
    is_required = parameter.code in _OWN or any(route.is_truth or _is_in(bare, route) for route in routes)
    for route in routes:
        ordinal = next(numbers)
        resource = minimal(parameter.type_name, resource_id(parameter, ordinal), definitions)
        sample = _OWN[parameter.code](resource) if parameter.code in _OWN else None
        if sample is None:
            sample = sample_at(parameter, route, ordinal, definitions)
            value = sample.value if sample else _unsearchable(route, definitions)
            insert(resource, route, value, definitions)
        made = finished(parameter, str(route), resource, sample, is_required=is_required)
        yield replace(made, type=route.type)


def finished(
    parameter: SearchParameter,
    path: str,
    resource: JsonObject,
    sample: Sample | None,
    *,
    is_required: bool,
    others: tuple[JsonObject, ...] = (),
) -> Case:
    """A case with all its searches; without a sample, those for the presence of the element alone."""
    presence = tuple(search(parameter, Probe(text, text == "false", "missing")) for text in ("false", "true"))
    if sample is None:
        return Case(parameter, path, resource, "", "", presence, is_unique=False, is_required=is_required)
    first = [search(parameter, probe) for probe in (Probe(sample.finds, True), Probe(sample.misses, False))]
    searches = (*first, *presence, *(search(parameter, probe) for probe in sample.probes))
    return Case(
        parameter, path, resource, first[0].query, first[1].query, searches, sample.is_unique, is_required, others
    )


def _is_in(bare: JsonObject, route: Route) -> bool:
    is_plain = not route.refers_to and not any(step.fixed for step in route.steps)
    return bool(route.steps) and is_plain and is_at(bare, route.steps)


def _unsearchable(route: Route, definitions: Definitions) -> object:
    step = route.steps[-1]
    return filler(step.type, step.element, definitions)


_OWN: Mapping[str, Callable[[JsonObject], Sample]] = {
    "_id": lambda resource: places.own_id(resource["id"]),
    "_lastUpdated": lambda _: places.last_updated(),
}
"""Parameters of what every resource has when it is written, whose values cannot be chosen."""
