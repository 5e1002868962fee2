"""Criteria: parameters, chains, `_has` and `_list`, each a test of a record.

https://hl7.org/fhir/R4/search.html#chaining and #has  A record passes when one of the alternatives is true of it.
"""

from collections.abc import Callable

from fhir_server.definitions import SearchParameter
from tests.oracle import dates
from tests.oracle.facts import Facts, Record
from tests.oracle.query import Refused, split, unescape
from tests.oracle.values import Asking, check_modifier, read

Passes = Callable[[Record], bool]
MAX_LINKS = 4


def criterion(facts: Facts, type_name: str, name: str, value: str, links: int = 0) -> Passes:
    """The test that a pair of the query stands for; raises Refused."""
    if links > MAX_LINKS:
        raise Refused(f"{name}: at most {MAX_LINKS} links")
    if name.startswith("_has:"):
        return _has(facts, type_name, name, value, links)
    first, dot, rest = name.partition(".")
    code, _, modifier = first.partition(":")
    if dot:
        return _chain(facts, type_name, (code, modifier, rest), value, links)
    values = [part for part in split(value, ",") if part]
    if code == "_list" and not modifier:
        return _on_list(facts, type_name, values)
    parameter = facts.parameter(type_name, code)
    if parameter is None:
        raise Refused(f"{code} is not a search parameter of {type_name}")
    return _own(Asking(facts, parameter, modifier), values)


def _own(asking: Asking, values: list[str]) -> Passes:
    facts, parameter = asking.facts, asking.parameter
    if asking.modifier == "missing":
        if set(values) not in ({"true"}, {"false"}):
            raise Refused(f"{asking.label}: expected true or false")
        return lambda record: (not _is_present(facts, record, parameter)) == (values[0] == "true")
    check_modifier(asking)
    if parameter.code == "_lastUpdated":
        return _updated(asking, values)
    tests = [read(asking, value) for value in values]
    negated = asking.modifier in {"not", "not-in"}
    return lambda record: any(test(node) for test in tests for node in facts.nodes(record, parameter)) != negated


def _is_present(facts: Facts, record: Record, parameter: SearchParameter) -> bool:
    """Whether the element is there; of a composite, whether all its parts are in one element."""
    nodes = facts.nodes(record, parameter)
    if parameter.code in {"_id", "_lastUpdated"}:
        return True
    if parameter.kind == "composite":
        return any(all(facts.below(node, part) for _, part in parameter.components) for node in nodes)
    return bool(nodes)


def _updated(asking: Asking, values: list[str]) -> Passes:
    asked = [dates.read(value, asking.label, asking.facts.now) for value in values]
    return lambda record: any(
        dates.compares(prefix, (record.updated, record.updated + 1), stretch) for prefix, stretch in asked
    )


def _reference_parameter(facts: Facts, type_name: str, code: str, name: str) -> SearchParameter:
    parameter = facts.parameter(type_name, code)
    if parameter is None or parameter.kind != "reference":
        raise Refused(f"{name}: {code} is not a reference parameter of {type_name}")
    return parameter


def _chain(facts: Facts, type_name: str, link: tuple[str, str, str], value: str, links: int) -> Passes:
    code, only, rest = link
    name = f"{code}.{rest}"
    parameter = _reference_parameter(facts, type_name, code, name)
    switched_on = [t for t in parameter.targets or facts.definitions.server if t in facts.definitions.server]
    if only and (only not in facts.definitions.server or (parameter.targets and only not in parameter.targets)):
        raise Refused(f"{code}:{only}: expected one of {', '.join(switched_on)}")
    types = [only] if only else [t for t in switched_on if _has_next(facts, t, rest)]
    if not types:
        raise Refused(f"{name}: no type that {code} leads to has this parameter")
    passes = _of_each(facts, types, rest, value, links + 1)
    return lambda record: any(
        passes[there.type_name](there) for there in facts.linked(record, parameter) if there.type_name in passes
    )


def _of_each(facts: Facts, types: list[str], rest: str, value: str, links: int) -> dict[str, Passes]:
    """The rest of a chain on each type that a link leads to; refused when it fits none (`:Type` may fit a few)."""
    passes: dict[str, Passes] = {}
    refusals: list[Refused] = []
    for type_name in types:
        try:
            passes[type_name] = criterion(facts, type_name, rest, value, links)
        except Refused as refused:
            refusals.append(refused)
    if not passes:
        raise refusals[0]
    return passes


def _has_next(facts: Facts, type_name: str, rest: str) -> bool:
    """Whether a type has what comes next in a chain: a parameter, or one of another type that leads to it."""
    code, *more = rest.partition(".")[0].split(":")
    if code == "_has" and len(more) > 1:
        back = facts.parameter(more[0], more[1])
        return back is not None and (not back.targets or type_name in back.targets)
    return facts.parameter(type_name, code) is not None


def _has(facts: Facts, type_name: str, name: str, value: str, links: int) -> Passes:
    parts = name.split(":", 3)
    if len(parts) != 4 or not all(parts[1:]):
        raise Refused(f"{name}: expected _has:Type:parameter:name")
    _, source, code, rest = parts
    if source not in facts.definitions.server:
        raise Refused(f"{name}: {source} is not a type of this server")
    parameter = _reference_parameter(facts, source, code, name)
    if parameter.targets and type_name not in parameter.targets:
        raise Refused(f"{name}: {code} does not lead to {type_name}")
    passes = criterion(facts, source, rest, value, links + 1)
    return lambda record: any(
        passes(there) for there in facts.of_type(source) if record in facts.linked(there, parameter)
    )


def _on_list(facts: Facts, type_name: str, values: list[str]) -> Passes:
    parameter = _reference_parameter(facts, "List", "item", "_list")
    names = [unescape(value).removeprefix("List/") for value in values]
    if any("/" in name or name.startswith("$") for name in names):
        raise Refused("_list: expected the id of a List")
    lists = [there for there in (facts.record("List", name) for name in names) if there is not None]
    return lambda record: any(record in facts.linked(there, parameter) for there in lists)
