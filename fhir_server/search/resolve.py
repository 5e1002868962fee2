"""Understands a SearchRequest with the definitions: which index rows, which comparison, which order.

https://hl7.org/fhir/R4/search.html#modifiers  What is not built is refused by name; a value that does not fit is
refused with what would.
"""

from dataclasses import dataclass

from fhir_server.definitions import Definitions, SearchParameter
from fhir_server.errors import BadRequest, TooCostly
from fhir_server.search.extract import is_indexed
from fhir_server.search.kinds import KINDS, OWN, Kind, Reading
from fhir_server.search.plan import NOTHING, Condition, Inclusion, OrderKey, Search
from fhir_server.search.request import Criterion, Include, SearchRequest, SortKey
from fhir_server.search.values import Targets

LATER_MODIFIERS = frozenset({"text", "in", "not-in", "above", "below", "of-type", "identifier", "iterate", "type"})
MAX_COMPARISONS = 50
"""Values of one criterion that are no equalities, such as dates."""
NEWEST_FIRST = (OrderKey("updated", 0, descending=True),)


@dataclass(frozen=True, slots=True)
class Understanding:
    """What names and values are read against: definitions, this server's base, the clock in microseconds."""

    definitions: Definitions
    base: str
    now: int

    @property
    def targets(self) -> Targets:
        """How references are read."""
        return Targets(self.base, self.definitions.resource_types)


def resolve(request: SearchRequest, understanding: Understanding) -> Search:
    """The search that a request means; raises BadRequest."""
    definitions, type_name = understanding.definitions, request.type_name
    return Search(
        type_number=definitions.resource_types[type_name],
        conditions=tuple(_condition(c, type_name, understanding) for c in request.criteria),
        order=tuple(_order_key(key, type_name, definitions) for key in request.sort) or NEWEST_FIRST,
        includes=tuple(_include(i, type_name, definitions) for i in request.includes),
        revincludes=tuple(_revinclude(i, type_name, definitions) for i in request.revincludes),
    )


def _condition(criterion: Criterion, type_name: str, understanding: Understanding) -> Condition:
    parameter = understanding.definitions.search_parameters[type_name][criterion.name]
    kind, number = _kind_of(parameter)
    if criterion.modifier == "missing":
        return Condition(kind.name, number, "absent" if _is_true(criterion) else "present")
    _check_modifier(criterion, parameter, kind, understanding.definitions)
    reading = Reading(criterion.label, criterion.modifier, understanding.targets, understanding.now)
    alternatives = tuple(kind.read(value, reading) for value in criterion.values)
    alternatives = tuple(a for a in alternatives if a != NOTHING) or (NOTHING,)
    if sum(a.form in kind.forms and not kind.forms[a.form].columns for a in alternatives) > MAX_COMPARISONS:
        raise TooCostly(f"{criterion.label}: at most {MAX_COMPARISONS} such values are taken in one search")
    return Condition(kind.name, number, "not" if criterion.modifier == "not" else "match", alternatives)


def _kind_of(parameter: SearchParameter) -> tuple[Kind, int]:
    if parameter.code in OWN:
        return OWN[parameter.code], 0
    if not is_indexed(parameter):
        raise BadRequest(
            f"{parameter.code}: searching by {parameter.kind} is not supported by this server", code="not-supported"
        )
    return KINDS[parameter.kind], parameter.number


def _is_true(criterion: Criterion) -> bool:
    if len(set(criterion.values)) != 1 or criterion.values[0] not in {"true", "false"}:
        raise BadRequest(f"{criterion.label}: expected true or false", code="value")
    return criterion.values[0] == "true"


def _check_modifier(criterion: Criterion, parameter: SearchParameter, kind: Kind, definitions: Definitions) -> None:
    modifier = criterion.modifier
    if not modifier or modifier in kind.modifiers:
        return
    if kind.name == "reference" and modifier in definitions.resource_types:
        if parameter.targets and modifier not in parameter.targets:
            raise BadRequest(f"{criterion.label}: expected one of {', '.join(parameter.targets)}", code="value")
        return
    reason = "is not supported by this server" if modifier in LATER_MODIFIERS else "does not fit this parameter"
    raise BadRequest(f"{criterion.label[:120]}: modifier {modifier[:60]} {reason}", code="not-supported")


def _order_key(key: SortKey, type_name: str, definitions: Definitions) -> OrderKey:
    parameter = definitions.search_parameter(type_name, key.name)
    if parameter is None:
        raise BadRequest(f"_sort: {key.name[:60]} is not a search parameter of this type", code="not-supported")
    kind, number = _kind_of(parameter)
    return OrderKey(kind.name, number, key.descending)


def _include(include: Include, type_name: str, definitions: Definitions) -> Inclusion:
    source, code = _source(include, definitions)
    if source != type_name:
        raise BadRequest(f"_include={include.label[:120]}: expected to begin with {type_name}", code="value")
    parameter = _reference_parameter("_include", include, source, code, definitions)
    return Inclusion(parameter.number, _type_number("_include", include, definitions))


def _revinclude(include: Include, type_name: str, definitions: Definitions) -> Inclusion:
    source, code = _source(include, definitions)
    if source not in definitions.server:
        raise BadRequest(f"_revinclude={include.label[:120]}: no such type on this server", code="not-supported")
    if include.target not in {"", type_name}:
        raise BadRequest(f"_revinclude={include.label[:120]}: expected to end with {type_name}", code="value")
    parameter = _reference_parameter("_revinclude", include, source, code, definitions)
    return Inclusion(parameter.number, definitions.resource_types[type_name])


def _source(include: Include, definitions: Definitions) -> tuple[str, str]:
    written = f"{include.source}:{include.name}"
    source, _, code = definitions.include_aliases.get(written, written).partition(":")
    return source, code


def _reference_parameter(
    what: str, include: Include, source: str, code: str, definitions: Definitions
) -> SearchParameter:
    parameter = definitions.search_parameter(source, code)
    if parameter is None or parameter.kind != "reference":
        raise BadRequest(
            f"{what}={include.label[:120]}: not a reference parameter of {source[:60]}", code="not-supported"
        )
    profile = definitions.server.get(source)
    if profile is not None and f"{source}:{code}" not in profile.search_includes:
        raise BadRequest(f"{what}={include.label[:120]} is not supported by this server", code="not-supported")
    return parameter


def _type_number(what: str, include: Include, definitions: Definitions) -> int:
    if include.target and include.target not in definitions.resource_types:
        raise BadRequest(f"{what}={include.label[:120]}: the target is not a resource type", code="value")
    return definitions.resource_types.get(include.target, 0)
