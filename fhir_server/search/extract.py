"""Index rows of a resource: what each search parameter finds in it.

https://hl7.org/fhir/R4/search.html  The rules are compiled when the server starts; a parameter that is searched and
not extracted here (or the other way round) would answer wrongly, so both ask `is_indexed`.
"""

import functools
from dataclasses import dataclass, field
from typing import Any

from fhir_server.definitions import Definitions, SearchParameter
from fhir_server.errors import BadRequest
from fhir_server.fhir.json import JsonObject
from fhir_server.search.converters import TABLE_OF, Convert, Converters, Tail
from fhir_server.search.expressions import Branch, Step, Truth, Where, compile_expression
from fhir_server.search.kinds import OWN
from fhir_server.search.kinds.composite import arrangement
from fhir_server.search.units import Units
from fhir_server.search.values import CONTINUED, FOLDED_LENGTH, Targets, span_of, windows
from fhir_server.store.tables import INDEX_TABLES, WORK_COLUMNS
from fhir_server.store.unit_of_work import IndexRows, Work

EXTRACTION_VERSION = 1
"""How values become rows. Add one when a converter gives other rows than before: all that is stored is then stale."""
MOST_PAIRS = 20_000
"""Pairs of values that composites find in one resource: they grow with the product of its codes and values."""
PAIRS = TABLE_OF["composite"]
ON_RESOURCE = frozenset(OWN)
"""Parameters that need no index rows: their value is a column of the resource."""


def is_indexed(parameter: SearchParameter) -> bool:
    """Whether index rows are kept for the parameter."""
    if parameter.kind == "composite":
        return arrangement(parameter.component_kinds) is not None
    if parameter.kind == "special":
        return parameter.code == "near"
    return parameter.kind in TABLE_OF and parameter.code not in ON_RESOURCE


_Found = dict[str, dict[Tail, None]]


@dataclass(frozen=True, slots=True)
class _Rule:
    """What a value found for a parameter turns into: rows of a table."""

    table: str
    number: int
    convert: Convert


@dataclass(slots=True)
class _Place:
    """A place in resources of one type: the rules for values found there, the members and conditions below it."""

    rules: list[_Rule] = field(default_factory=list)
    members: dict[str, "_Place"] = field(default_factory=dict)
    conditions: list[tuple[Where | Truth, "_Place"]] = field(default_factory=list)

    def below(self, step: Step) -> "_Place":
        """The place one step further, the same for equal steps; positions do not matter to an index."""
        if isinstance(step, str):
            return self.members.setdefault(step, _Place())
        if isinstance(step, int):
            return self
        for known, place in self.conditions:
            if known is step:
                return place
        self.conditions.append((step, _Place()))
        return self.conditions[-1][1]


class Extractor:
    """Index rows of resources of the types that are switched on; `base` is the server's own FHIR base."""

    def __init__(self, definitions: Definitions, *, base: str, units: Units) -> None:
        converters = Converters(definitions, Targets(base, definitions.resource_types), units)
        self._places = {name: _places(definitions, name, converters) for name in definitions.server}
        self._work = {name: _work_sources(definitions, name) for name in definitions.work_rows}
        self._names = {number: name for name, number in definitions.resource_types.items()}

    def index_rows(self, resource: JsonObject) -> IndexRows:
        """The rows of a resource, none of them twice; of a type that is switched off, none."""
        found: _Found = {table: {} for table in INDEX_TABLES}
        place = self._places.get(resource["resourceType"])
        if place is not None:
            _visit(resource, place, found)
        rows = IndexRows(**{table: list(rows) for table, rows in found.items()})
        rows.date = [(number + span_of(low, high), low, high) for number, low, high in rows.date]
        rows.string += [
            (number + CONTINUED, window, "") for number, folded, exact in rows.string
            if len(folded) == FOLDED_LENGTH for window in windows(exact)
        ]  # fmt: skip
        return rows

    def work_row(self, resource: JsonObject, rows: IndexRows | None = None) -> Work | None:
        """The typed columns of a type that has a work row; `rows`, if at hand, saves extracting them again."""
        sources = self._work.get(resource["resourceType"])
        if sources is None:
            return None
        rows = rows or self.index_rows(resource)
        first: dict[int, str] = {}
        for number, _, code in rows.token:
            first.setdefault(number, code)
        for number, type_number, target_id, base in rows.reference:
            first.setdefault(number, self._reference_text(type_number, target_id, base))
        status, intent, priority, owner, requester, patient, focus, code, _ = (first.get(s, "") for s in sources)
        authored = next((low for n, low, high in rows.date if n - span_of(low, high) == sources[-1]), None)
        return status, intent, priority, owner, requester, patient, focus, code, authored

    def _reference_text(self, type_number: int, target_id: str, base: str) -> str:
        path = f"{self._names[type_number]}/{target_id}" if type_number else target_id
        return f"{base}/{path}" if base else path


def _work_sources(definitions: Definitions, type_name: str) -> tuple[int, ...]:
    """The parameter number of each work column, 0 where nothing fills it."""
    parameters = definitions.search_parameters[type_name]
    columns = definitions.work_rows[type_name].columns
    return tuple(parameters[columns[name]].number if name in columns else 0 for name in WORK_COLUMNS)


def _places(definitions: Definitions, type_name: str, converters: Converters) -> _Place:
    """All parameters of a type as one tree, so that a resource is walked once and steps in common are taken once."""
    root = _Place()
    for parameter in definitions.search_parameters[type_name].values():
        if not is_indexed(parameter):
            continue
        for branch in compile_expression(parameter.expression, type_name, definitions):
            rules = _rules(parameter, branch, converters)
            if rules:
                functools.reduce(_Place.below, branch.steps, root).rules.extend(rules)
    return root


def _rules(parameter: SearchParameter, branch: Branch, converters: Converters) -> list[_Rule]:
    """What a value found for a parameter turns into: its own rows, and those of its modifiers."""
    own = converters.of(parameter, branch)
    rules = [] if own is None else [_Rule(TABLE_OF[parameter.kind], parameter.number, own)]
    for modifier, table, convert in converters.of_modifiers(parameter.kind, branch.type):
        rules.append(_Rule(table, parameter.number_of(modifier), convert))
    return rules


def _visit(node: Any, place: _Place, found: _Found) -> None:
    for rule in place.rules:
        rows = found[rule.table]
        for tail in rule.convert(node):
            rows[rule.number, *tail] = None
        if rule.table == PAIRS and len(rows) > MOST_PAIRS:
            raise BadRequest(
                f"this resource has more than {MOST_PAIRS} pairs of values to search by", code="too-costly"
            )
    if place.conditions:
        _visit_conditions(node, place, found)
    if place.members and isinstance(node, dict):
        for member, value in node.items():
            below = place.members.get(member)
            if below is not None:
                for item in value if isinstance(value, list) else (value,):
                    if item is not None:
                        _visit(item, below, found)


def _visit_conditions(node: Any, place: _Place, found: _Found) -> None:
    for step, below in place.conditions:
        outcome = step.test(node)
        if isinstance(step, Truth):
            _visit(outcome, below, found)
        elif outcome:
            _visit(node, below, found)
