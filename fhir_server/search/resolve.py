"""Understands a SearchRequest with the definitions: which index rows, which comparison, which order.

https://hl7.org/fhir/R4/search.html  What cannot be understood is refused by name, and with what would fit.
"""

from collections.abc import Mapping, Sequence

from fhir_server.definitions import SearchParameter
from fhir_server.errors import BadRequest
from fhir_server.search.compartments import in_compartment
from fhir_server.search.criteria import HELD_MODIFIERS, condition
from fhir_server.search.inclusions import resolve_inclusions
from fhir_server.search.kinds import KINDS
from fhir_server.search.plan import AnyOf, Linked, Node, OrderKey, Search
from fhir_server.search.request import Criterion, Link, SearchRequest, SortKey
from fhir_server.search.stretches import together
from fhir_server.search.understanding import Understanding

NEWEST_FIRST = (OrderKey("updated", (), descending=True),)


def resolve(request: SearchRequest, understanding: Understanding) -> Search:
    """The search that a request means; raises BadRequest."""
    numbers = understanding.definitions.resource_types
    conditions = [_node(criterion, request.type_names, understanding) for criterion in request.criteria]
    if request.compartment is not None:
        conditions.append(in_compartment(request.compartment, request.type_names, understanding))
    conditions = together(conditions, request.type_names, understanding.definitions)
    return Search(
        type_numbers=tuple(numbers[name] for name in request.type_names),
        conditions=tuple(conditions),
        order=tuple(_order_key(key, request.type_names, understanding) for key in request.sort) or NEWEST_FIRST,
        inclusions=resolve_inclusions(request, understanding),
    )


def depends_on_more(request: SearchRequest) -> bool:
    """Whether a search means something else at another time: by the clock, or by resources that it stands for."""
    if request.compartment is not None or any(c.modifier in HELD_MODIFIERS for c in request.criteria):
        return True
    parts = (part for criterion in request.criteria for value in criterion.values for part in value.split("$"))
    return any(part.startswith("ap") for part in parts)


def _node(criterion: Criterion, type_names: Sequence[str], understanding: Understanding) -> Node:
    alias = understanding.definitions.chain_aliases.get(criterion.name)
    if alias is not None and not criterion.links:
        criterion = understanding.without_alias(criterion, alias)
    return _follow(criterion, criterion.links, type_names, understanding)


def _follow(
    criterion: Criterion, links: Sequence[Link], type_names: Sequence[str], understanding: Understanding
) -> Node:
    """The condition at the end of some links, which begin at some types."""
    if not links:
        return _any_of(
            [condition(criterion, same, understanding) for same in _by_kind(criterion, type_names, understanding)]
        )
    link = links[0]
    targets = understanding.names.led_to(link, type_names, criterion.path) or []
    starts = [link.type_name] if link.is_reverse else type_names
    named = (understanding.definitions.search_parameter(name, link.code) for name in starts)
    found = [p for p in named if p is not None and p.kind == "reference"]
    for parameter in found:
        understanding.readiness.check(parameter)
    reachable = _with_next(criterion, links, targets, understanding)
    numbers = understanding.definitions.resource_types
    return _any_of([
        Linked(
            is_reverse=link.is_reverse,
            numbers=tuple(sorted({p.number for p in found})),
            type_numbers=tuple(sorted(numbers[name] for name in group)),
            tail=_follow(criterion, links[1:], group, understanding),
            url_numbers=_url_numbers(found, type_names if link.is_reverse else group, understanding),
        )
        for group in _groups(criterion, links, reachable, understanding)
    ])  # fmt: skip


def _groups(
    criterion: Criterion, links: Sequence[Link], reachable: list[str], understanding: Understanding
) -> list[list[str]]:
    """The types that a last link leads to, together where the parameter is of one kind.

    Otherwise `:missing` would be true of a resource that has it, by the parameter of another kind.
    """
    if len(links) > 1:
        return [reachable]
    return [[p.type_name for p in same] for same in _by_kind(criterion, reachable, understanding)]


def _any_of(options: Sequence[Node]) -> Node:
    return options[0] if len(options) == 1 else AnyOf(tuple(options))


def _with_next(
    criterion: Criterion, links: Sequence[Link], targets: Sequence[str], understanding: Understanding
) -> list[str]:
    """Those of the types that a link leads to which have what comes next."""
    definitions = understanding.definitions
    if len(links) > 1:
        following = links[1]
        if following.is_reverse:
            pointing = definitions.search_parameter(following.type_name, following.code)
            return [t for t in targets if pointing is not None and (not pointing.targets or t in pointing.targets)]
        led = ((t, definitions.search_parameter(t, following.code)) for t in targets)
        return [t for t, parameter in led if parameter is not None and parameter.kind == "reference"]
    return [t for t in targets if definitions.search_parameter(t, criterion.name) is not None]


def _url_numbers(
    found: Sequence[SearchParameter], targets: Sequence[str], understanding: Understanding
) -> tuple[int, ...]:
    definitions = understanding.definitions
    if not any((p.type_name, p.code) in definitions.canonicals for p in found):
        return ()
    urls = (definitions.search_parameter(name, "url") for name in targets)
    return tuple(sorted(p.number for p in urls if p is not None and p.kind == "uri"))


def _by_kind(
    criterion: Criterion, type_names: Sequence[str], understanding: Understanding
) -> list[list[SearchParameter]]:
    """The parameters of that name of all the types that have it, together where they are of one kind."""
    groups: dict[tuple[str, tuple[str, ...]], list[SearchParameter]] = {}
    for name in type_names:
        parameter = understanding.definitions.search_parameter(name, criterion.name)
        if parameter is not None:
            components = tuple(code for code, _ in parameter.components)
            groups.setdefault((parameter.kind, components), []).append(parameter)
    return list(groups.values())


def _order_key(key: SortKey, type_names: Sequence[str], understanding: Understanding) -> OrderKey:
    common: Mapping[str, list[SearchParameter]] = understanding.names.common(type_names)
    parameters = common.get(key.name)
    if parameters is None:
        raise BadRequest(f"_sort: {key.name[:60]} is not a search parameter of this type", code="not-supported")
    kind, numbers = understanding.kind_of(parameters)
    if not KINDS[kind.name].sort_column:
        raise BadRequest(f"_sort: nothing can be ordered by {key.name[:60]}", code="not-supported")
    return OrderKey(kind.name, numbers, key.descending)
