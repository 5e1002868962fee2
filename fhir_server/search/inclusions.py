"""_include and _revinclude: which reference parameters to follow, from what to what.

https://hl7.org/fhir/R4/search.html#include  Only parameters that the server offers are followed; a wildcard means all
of these.
"""

from collections.abc import Sequence

from fhir_server.definitions import SearchParameter
from fhir_server.errors import BadRequest
from fhir_server.search.plan import Inclusion, Inclusions
from fhir_server.search.request import Include, SearchRequest
from fhir_server.search.understanding import Understanding


def resolve_inclusions(request: SearchRequest, understanding: Understanding) -> Inclusions:
    """What a request asks to be included; raises BadRequest."""
    forward: tuple[list[Inclusion], list[Inclusion]] = ([], [])
    backward: tuple[list[Inclusion], list[Inclusion]] = ([], [])
    for include in request.includes:
        forward[include.iterates].extend(_forward(include, request.type_names, understanding))
    for include in request.revincludes:
        backward[include.iterates].extend(_backward(include, request.type_names, understanding))
    return Inclusions(
        forward=_unique(forward[0]),
        backward=_unique(backward[0]),
        iterated_forward=_unique(forward[1]),
        iterated_backward=_unique(backward[1]),
    )


def _unique(found: Sequence[Inclusion]) -> tuple[Inclusion, ...]:
    return tuple(sorted(set(found), key=lambda i: (i.number, i.target_type)))


def _forward(include: Include, type_names: Sequence[str], understanding: Understanding) -> list[Inclusion]:
    include = _renamed(include, understanding)
    if not include.iterates and include.source not in {"*", *type_names}:
        raise BadRequest(
            f"_include={include.label[:120]}: expected to begin with {' or '.join(type_names[:3])}", code="value"
        )
    if include.source not in {"*", *understanding.definitions.server}:
        raise BadRequest(f"_include={include.label[:120]}: no such type on this server", code="not-supported")
    every = sorted(understanding.names.searchable) if include.iterates else type_names
    sources = every if include.source == "*" else [include.source]
    target = _target("_include", include, understanding)
    return [Inclusion(p.number, target) for p in _parameters("_include", include, sources, understanding)]


def _backward(include: Include, type_names: Sequence[str], understanding: Understanding) -> list[Inclusion]:
    include = _renamed(include, understanding)
    definitions = understanding.definitions
    if include.source not in {"*", *definitions.server}:
        raise BadRequest(f"_revinclude={include.label[:120]}: no such type on this server", code="not-supported")
    if include.target and include.target not in type_names and not include.iterates:
        raise BadRequest(
            f"_revinclude={include.label[:120]}: expected to end with {' or '.join(type_names[:3])}", code="value"
        )
    sources = sorted(understanding.names.searchable) if include.source == "*" else [include.source]
    parameters = _parameters("_revinclude", include, sources, understanding)
    if include.iterates or include.target:
        target = _target("_revinclude", include, understanding)
        return [Inclusion(p.number, target) for p in parameters]
    numbers = definitions.resource_types
    return [
        Inclusion(p.number, numbers[name])
        for p in parameters
        for name in type_names
        if include.name != "*" or not p.targets or name in p.targets
    ]


def _renamed(include: Include, understanding: Understanding) -> Include:
    written = f"{include.source}:{include.name}"
    source, _, code = understanding.definitions.include_aliases.get(written, written).partition(":")
    return Include(source, code, include.target, include.iterates)


def _parameters(
    what: str, include: Include, sources: Sequence[str], understanding: Understanding
) -> list[SearchParameter]:
    definitions = understanding.definitions
    found = []
    for source in sources:
        offered = definitions.server[source].search_includes if source in definitions.server else ()
        codes = [o.partition(":")[2] for o in offered] if include.name == "*" else [include.name]
        for code in codes:
            parameter = definitions.search_parameter(source, code)
            if parameter is None or parameter.kind != "reference":
                raise BadRequest(
                    f"{what}={include.label[:120]}: not a reference parameter of {source[:60]}", code="not-supported"
                )
            if f"{source}:{code}" not in offered:
                raise BadRequest(f"{what}={include.label[:120]} is not supported by this server", code="not-supported")
            understanding.readiness.check(parameter)
            found.append(parameter)
    return found


def _target(what: str, include: Include, understanding: Understanding) -> int:
    numbers = understanding.definitions.resource_types
    if include.target and include.target not in numbers:
        raise BadRequest(f"{what}={include.label[:120]}: {include.target[:60]} is not a resource type", code="value")
    return numbers.get(include.target, 0)
