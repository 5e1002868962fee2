"""Cases of composite parameters: parts of one element together.

https://hl7.org/fhir/R4/search.html#composite  Where the element repeats, a second resource has the same parts in two
elements; it must not be found.
"""

import itertools
from collections.abc import Iterator
from dataclasses import replace

from fhir_server.definitions import Definitions, SearchParameter
from tests.cases.parameters.cases import Case, finished, resource_id, sample_at
from tests.cases.parameters.resources import JsonObject, insert, minimal
from tests.cases.parameters.routes import Route, narrowed, routes
from tests.cases.parameters.samples import Probe, Sample

Part = tuple[SearchParameter, Route]
OTHER = 500
"""Added to the ordinal of a case for values that it does not have."""


def composite_cases(parameter: SearchParameter, numbers: Iterator[int], definitions: Definitions) -> Iterator[Case]:
    """One case for each element and each combination of types that its parts may have."""
    for whole in routes(parameter.expression, parameter.type_name, definitions):
        for parts in itertools.product(*_parts(parameter, whole, definitions)):
            yield _case(parameter, whole, parts, next(numbers), definitions)


def _parts(parameter: SearchParameter, whole: Route, definitions: Definitions) -> list[list[Part]]:
    """The choices for each part: its parameter, and a route from the whole.

    R4 names the components of one parameter (relationship) the wrong way round: what fits is taken.
    """
    known = definitions.search_parameters[parameter.type_name]
    found = []
    for code, expression in parameter.components:
        below = routes(expression, whole.type, definitions)
        named = [known[code], *(known[other] for other, _ in parameter.components if other != code)]
        fitting = [[(part, route) for route in _of_kind(below, part, definitions)] for part in named]
        found.append(next(choices for choices in fitting if choices))
    return found


def _of_kind(below: list[Route], part: SearchParameter, definitions: Definitions) -> list[Route]:
    fitting = narrowed(below, part.kind, definitions)
    return [route for route in fitting if sample_at(part, route, 1, definitions) is not None]


def _case(
    parameter: SearchParameter, whole: Route, parts: tuple[Part, ...], ordinal: int, definitions: Definitions
) -> Case:
    samples, others = (_samples(parts, number, definitions) for number in (ordinal, ordinal + OTHER))
    name = resource_id(parameter, ordinal)

    def built(suffix: str, values: list[Sample]) -> JsonObject:
        resource = minimal(parameter.type_name, name + suffix, definitions)
        for (_, route), sample in zip(parts, values, strict=True):
            insert(resource, replace(whole, steps=whole.steps + route.steps), sample.value, definitions)
        return resource

    crossed: tuple[JsonObject, ...] = ()
    if whole.steps and all(one.value != other.value for one, other in zip(samples, others, strict=True)):
        member = whole.steps[0].member
        first, second = built(".crossed", [samples[0], *others[1:]]), built("", [others[0], *samples[1:]])
        crossed = (first | {member: first[member] + second[member]},)
    path = f"{whole}: " + " + ".join(str(route).removeprefix(f"{whole.type}.") for _, route in parts)
    return finished(parameter, path, built("", samples), _joined(samples), is_required=False, others=crossed)


def _samples(parts: tuple[Part, ...], ordinal: int, definitions: Definitions) -> list[Sample]:
    found = [sample_at(part, route, ordinal, definitions) for part, route in parts]
    return [sample for sample in found if sample is not None]


def _joined(samples: list[Sample]) -> Sample:
    """The sample of the whole: one part wrong at a time, and every plain search value of the last part."""
    *before, last = samples
    head = "$".join(sample.finds for sample in before)
    wrong = ["$".join(other.misses if other is sample else other.finds for other in samples) for sample in samples]
    probes = [Probe(text, False) for text in wrong]
    probes += [Probe(f"{head}${probe.value}", probe.finds) for probe in last.probes if not probe.modifier]
    is_unique = any(sample.is_unique for sample in samples)
    return Sample(None, f"{head}${last.finds}", wrong[-1], tuple(probes), is_unique)
