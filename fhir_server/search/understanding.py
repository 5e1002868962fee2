"""What names and values of a search are read against: definitions, clock, units, what the server holds."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Protocol

from fhir_server.definitions import Definitions, SearchParameter
from fhir_server.errors import BadRequest
from fhir_server.search.extract import is_indexed
from fhir_server.search.kinds import KINDS, OWN, Kind
from fhir_server.search.labels import read_label
from fhir_server.search.names import Names
from fhir_server.search.readiness import Readiness
from fhir_server.search.request import Criterion
from fhir_server.search.units import Units
from fhir_server.search.values import Targets
from fhir_server.terminology import Expansion


class Held(Protocol):
    """Value sets, code systems and hierarchies of resources that the caller may see; each raises BadRequest."""

    def is_there(self, type_name: str, resource_id: str) -> bool:
        """Whether there is such a resource."""
        ...

    def value_set(self, reference: str) -> Expansion:
        """The codes of a value set, by its URL or id."""
        ...

    def codes(self, system: str, code: str, *, upward: bool) -> Sequence[str]:
        """A code with all that are below it, or above, in its code system."""
        ...

    def parts(self, type_name: str, resource_id: str, *, upward: bool) -> Sequence[str]:
        """The ids of a resource and all that are below it, or above, by the parameter of its type's hierarchy."""
        ...


@dataclass(frozen=True)
class Understanding:
    """`base` is this server's FHIR base, `now` the clock in epoch microseconds."""

    definitions: Definitions
    names: Names
    base: str
    now: int
    units: Units
    held: Held
    readiness: Readiness

    @cached_property
    def targets(self) -> Targets:
        """How references are read."""
        return Targets(self.base, self.definitions.resource_types)

    def kind_of(self, parameters: Sequence[SearchParameter]) -> tuple[Kind, tuple[int, ...]]:
        """The kind of parameters of one name, and the numbers of their rows (none: columns of the resource)."""
        first = parameters[0]
        if first.code in OWN:
            return OWN[first.code], ()
        for parameter in parameters:
            if not is_indexed(parameter):
                raise BadRequest(
                    f"{first.code}: searching by {first.kind} is not supported by this server", code="not-supported"
                )
            self.readiness.check(parameter)
        kind = "position" if first.kind == "special" else first.kind
        return KINDS[kind], tuple(sorted({p.number for p in parameters}))

    def without_alias(self, criterion: Criterion, alias: str) -> Criterion:
        """The chain that an aliased parameter stands for; its values may name the resource with its type."""
        if criterion.modifier:
            raise BadRequest(f"{criterion.label[:120]}: no modifier fits this parameter", code="not-supported")
        links, name, _ = read_label(alias)
        if any(value.startswith("$") for value in criterion.values):
            raise BadRequest(f"{criterion.label[:120]}: functional lists are not supported", code="not-supported")
        types = {link.type_name for link in links}
        values = tuple(v.removeprefix(f"{t}/") for v in criterion.values for t in types)
        return replace(criterion, links=links, name=name, values=values)
