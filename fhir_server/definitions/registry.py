"""The frozen registries: what the standard, the guides and our own policy say, looked up by name.

https://hl7.org/fhir/R4/conformance-module.html  Built by `load` only; everything here is shared between threads and
never changes while the server runs.
"""

import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from types import MappingProxyType

from fhir_server.fhir.structures import Structure

WORK_COLUMNS = ("status", "intent", "priority", "owner", "requester", "patient", "focus", "code", "authored")
"""The typed columns of a work row; profiles/server/work-rows.json says what fills them."""


@dataclass(frozen=True, slots=True)
class SearchParameter:
    """One search parameter of one type; `expression` speaks of that type only.

    `components` of a composite are pairs: the code of the parameter, the expression below `expression`; and
    `component_kinds` the kinds of these parameters.
    """

    type_name: str
    code: str
    kind: str
    expression: str
    targets: tuple[str, ...]
    url: str
    components: tuple[tuple[str, str], ...] = ()
    source: str = ""
    component_kinds: tuple[str, ...] = ()

    @property
    def number(self) -> int:
        """The number of its index rows: signed 32 bits, the same in every process and release."""
        return parameter_number(self.type_name, self.code)

    def number_of(self, modifier: str) -> int:
        """The number of the rows that a modifier is about: those of "code:text" are not those of "code"."""
        return parameter_number(self.type_name, f"{self.code}:{modifier}")


def parameter_number(type_name: str, code: str) -> int:
    """The number under which index rows of a parameter are kept; the next three belong to it as well."""
    unsigned = zlib.crc32(f"{type_name}.{code}".encode()) & ~3
    return unsigned - (1 << 32) if unsigned >= 1 << 31 else unsigned


@dataclass(frozen=True, slots=True)
class ValueSetCodes:
    """The members of a value set, by code system."""

    url: str
    by_system: Mapping[str, frozenset[str]]

    @property
    def codes(self) -> frozenset[str]:
        """Every code, whatever its system."""
        return frozenset[str]().union(*self.by_system.values())

    @property
    def only_system(self) -> str | None:
        """The code system, if there is just one."""
        return next(iter(self.by_system)) if len(self.by_system) == 1 else None


@dataclass(frozen=True, slots=True)
class ResourceProfile:
    """What is switched on for one resource type; codes as in CapabilityStatement.rest.resource."""

    type_name: str
    interactions: tuple[str, ...]
    search_includes: tuple[str, ...]
    search_rev_includes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class WorkRow:
    """Which search parameter of a type fills which typed column; a column that nothing fills is left out.

    `exact` are the columns whose parameter has at most one value, which the column then is.
    """

    type_name: str
    columns: Mapping[str, str]
    exact: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Definitions:
    """All registries. `structures` holds every type and nested element by name ("Task", "Task.input", "HumanName").

    `chain_aliases` are parameters that stand for the end of a chain; `canonicals` those (type, code) whose values
    name something by its `url`; `hierarchies` the parameter by which resources of a type are parts of one another;
    `singles` those (type, code) of dates of which a resource has at most one, and
    `identifiers` those of tokens that are identifiers.
    """

    structures: Mapping[str, Structure]
    resource_types: Mapping[str, int]
    patterns: Mapping[str, str]
    search_parameters: Mapping[str, Mapping[str, SearchParameter]]
    compartments: Mapping[str, Mapping[str, tuple[str, ...]]]
    value_sets: Mapping[str, ValueSetCodes]
    server: Mapping[str, ResourceProfile]
    work_rows: Mapping[str, WorkRow]
    include_aliases: Mapping[str, str]
    chain_aliases: Mapping[str, str]
    canonicals: frozenset[tuple[str, str]]
    hierarchies: Mapping[str, str]
    singles: frozenset[tuple[str, str]]
    identifiers: frozenset[tuple[str, str]]
    packages: tuple[str, ...]

    @cached_property
    def type_names(self) -> Mapping[int, str]:
        """The resource types by number."""
        return MappingProxyType({number: name for name, number in self.resource_types.items()})

    def structure(self, name: str) -> Structure | None:
        """The structure of that name, or None."""
        return self.structures.get(name)

    def search_parameter(self, type_name: str, code: str) -> SearchParameter | None:
        """The parameter of that type and code, or None."""
        return self.search_parameters.get(type_name, {}).get(code)
