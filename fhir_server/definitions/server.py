"""What this server switches on: profiles/server/, the one folder of definitions that is ours.

https://hl7.org/fhir/R4/capabilitystatement.html  A type that is not listed is defined, but not served. Includes follow
from the reference parameters of the types that are switched on, unless a row lists its own.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any

from fhir_server.definitions import lines
from fhir_server.definitions.package import DefinitionsError
from fhir_server.definitions.registry import WORK_COLUMNS, ResourceProfile, SearchParameter, WorkRow
from fhir_server.fhir.structures import Element, Structure

INTERACTIONS = frozenset(
    {"read", "vread", "update", "patch", "delete", "history-instance", "history-type", "create", "search-type"}
)
MEMBERS = frozenset({"type", "interactions", "searchIncludes", "searchRevIncludes"})

Parameters = Mapping[str, Mapping[str, SearchParameter]]
Followed = Mapping[str, list[str]]
"""The reference parameters of each type that includes can follow."""
_URIS = frozenset({"canonical", "uri", "url"})
_SINGLE = re.compile(r"(\w+)\.(\w+)(?:\.where\(resolve\(\) is \w+\))?")


@dataclass(frozen=True, slots=True)
class ServerProfile:
    """The content of profiles/server/."""

    resources: dict[str, ResourceProfile]
    work_rows: dict[str, WorkRow]
    include_aliases: dict[str, str]
    chain_aliases: dict[str, str]
    canonicals: frozenset[tuple[str, str]]
    hierarchies: dict[str, str]
    singles: frozenset[tuple[str, str]]
    identifiers: frozenset[tuple[str, str]]


def load(folder: Path, parameters: Parameters, structures: Mapping[str, Structure]) -> ServerProfile:
    """Read and check the folder; raises DefinitionsError."""
    followed = {
        name: [code for code, found in sorted(of_type.items()) if _is_followed(found, structures)]
        for name, of_type in parameters.items()
    }
    content = lines.read(folder / "resources.json")
    rows = {row["type"]: {**content["defaults"], **row} for row in content["types"]}
    for name in rows:
        if name not in parameters:
            raise DefinitionsError(f"server/resources.json: type {name} is not defined")
    work_rows = {
        name: _work_row(name, row, parameters, structures)
        for name, row in lines.read(folder / "work-rows.json").items()
    }
    aliases = dict(lines.read(folder / "include-aliases.json"))
    resources = {name: _profile(name, row, rows.keys(), parameters, followed) for name, row in sorted(rows.items())}
    includes = {include for profile in resources.values() for include in profile.search_includes}
    for alias, include in aliases.items():
        if include not in includes:
            raise DefinitionsError(f"server/include-aliases.json: {alias}: {include} is not an include that we offer")
    return ServerProfile(
        resources=resources,
        work_rows=work_rows,
        include_aliases=aliases,
        chain_aliases=dict(lines.read(folder / "chain-aliases.json")),
        canonicals=_holding("canonical", {"reference", "uri"}, rows, parameters, structures),
        hierarchies=_hierarchies(folder, parameters),
        singles=_single_dates(rows, parameters, structures),
        identifiers=_holding("Identifier", {"token"}, rows, parameters, structures),
    )


def _hierarchies(folder: Path, parameters: Parameters) -> dict[str, str]:
    found = dict(lines.read(folder / "hierarchies.json"))
    for name, code in found.items():
        parameter = parameters.get(name, {}).get(code)
        if parameter is None or name not in parameter.targets:
            raise DefinitionsError(f"server/hierarchies.json: {name}.{code} does not refer to a {name}")
    return found


def _holding(
    type_name: str, kinds: set[str], enabled: Iterable[str], parameters: Parameters, structures: Mapping[str, Structure]
) -> frozenset[tuple[str, str]]:
    """The parameters of some kinds that hold values of a type."""
    return frozenset(
        (name, code)
        for name in enabled
        for code, found in parameters[name].items()
        if found.kind in kinds
        and any(type_name in element_types(branch, structures) for branch in found.expression.split("|"))
    )


def _profile(
    name: str, row: dict[str, Any], enabled: Any, parameters: Parameters, followed: Followed
) -> ResourceProfile:
    strange = row.keys() - MEMBERS
    if strange:
        raise DefinitionsError(f"server/resources.json: {name}: unknown member {min(strange)}")
    unknown = set(row["interactions"]) - INTERACTIONS
    if unknown:
        raise DefinitionsError(f"server/resources.json: {name}: unknown interaction {min(unknown)}")
    return ResourceProfile(
        type_name=name,
        interactions=tuple(row["interactions"]),
        search_includes=tuple(row.get("searchIncludes", _includes(name, followed))),
        search_rev_includes=tuple(row.get("searchRevIncludes", _rev_includes(name, enabled, parameters, followed))),
    )


def _includes(name: str, followed: Followed) -> list[str]:
    return [f"{name}:{code}" for code in followed[name]]


def _rev_includes(name: str, enabled: Any, parameters: Parameters, followed: Followed) -> list[str]:
    return [
        f"{other}:{code}"
        for other in sorted(enabled)
        for code in followed[other]
        if not parameters[other][code].targets or name in parameters[other][code].targets
    ]


def _is_followed(parameter: SearchParameter, structures: Mapping[str, Structure]) -> bool:
    """Whether includes can follow the parameter: one that holds canonicals only names no resource by type and id."""
    if parameter.kind != "reference":
        return False
    return any(element_types(branch, structures) - _URIS for branch in parameter.expression.split("|"))


def element_types(expression: str, structures: Mapping[str, Structure]) -> set[str]:
    """The types of the element that a path ends at; of anything but a plain path, that of references."""
    root, *names = expression.strip().split(".")
    structure, types = structures.get(root), {"Reference"}
    for name in names:
        element = next((e for e in structure.elements if e.name == name), None) if structure is not None else None
        if element is None:
            return {"Reference"}
        types = set(element.types)
        structure = structures.get(element.content or next(iter(element.types), ""))
    return types


def _work_row(name: str, row: dict[str, str], parameters: Parameters, structures: Mapping[str, Structure]) -> WorkRow:
    for column, code in row.items():
        if column not in WORK_COLUMNS:
            raise DefinitionsError(f"server/work-rows.json: {name}: there is no column {column}")
        if code not in parameters.get(name, {}):
            raise DefinitionsError(f"server/work-rows.json: {name} has no search parameter {code}")
    exact = (column for column, code in row.items() if _is_single(name, parameters[name][code], structures))
    return WorkRow(name, MappingProxyType(dict(row)), frozenset(exact))


def _is_single(name: str, parameter: SearchParameter, structures: Mapping[str, Structure]) -> bool:
    """Whether a resource has at most one value for the parameter: that of one code or reference."""
    element = _single_element(name, parameter, structures)
    return element is not None and set(element.types) <= {"code", "Reference"}


def _single_dates(
    enabled: Iterable[str], parameters: Parameters, structures: Mapping[str, Structure]
) -> frozenset[tuple[str, str]]:
    return frozenset(
        (name, code)
        for name in enabled
        for code, found in parameters[name].items()
        if found.kind == "date" and _single_element(name, found, structures) is not None
    )


def _single_element(name: str, parameter: SearchParameter, structures: Mapping[str, Structure]) -> Element | None:
    """The one element that a parameter is about, of which a resource has at most one; None for any other parameter."""
    path = _SINGLE.fullmatch(parameter.expression)
    if path is None or path[1] != name:
        return None
    return next((e for e in structures[name].elements if e.name == path[2] and e.max == 1), None)
