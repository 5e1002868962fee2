"""The folders profiles/ and terminology/ to frozen registries.

https://hl7.org/fhir/R4/conformance-module.html  Loading fails loudly: an unknown type or base, a parameter without an
expression, two parameters with one number, a bound value set nobody listed, a type switched on that does not exist.
"""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from importlib import resources
from pathlib import Path
from types import MappingProxyType
from typing import Any

from fhir_server.definitions import lines, server, structures
from fhir_server.definitions.package import DefinitionsError
from fhir_server.definitions.registry import Definitions, SearchParameter, ValueSetCodes
from fhir_server.fhir.structures import Structure

BASE = "r4"
_ABSTRACT = ("Resource", "DomainResource")
_KINDS = frozenset({"token", "reference", "string", "date", "uri", "number", "quantity", "composite", "special"})

Parameters = dict[str, dict[str, SearchParameter]]


def load(profiles_folder: Path | None = None, terminology_folder: Path | None = None) -> Definitions:
    """The registries of a profiles/ and a terminology/ folder; without arguments, of the shipped ones."""
    profiles = profiles_folder or shipped("profiles")
    terminology = terminology_folder or shipped("terminology")
    primitives = {row["name"]: row for row in lines.read(profiles / BASE / "primitives.json")["primitives"]}
    tables = {table["name"]: table for table in _tables(profiles / BASE / "types")}
    built = structures.build(tables, primitives)
    numbers = _numbers(tables.values())
    value_sets = _value_sets(terminology / BASE / "required-value-sets.json", built.values())
    sources = ["r4", *lines.read(profiles / "server" / "packages.json")["packages"]]
    parameters = _parameters(profiles, sources, set(numbers), built)
    profile = server.load(profiles / "server", parameters, built)
    return Definitions(
        structures=MappingProxyType(built),
        resource_types=MappingProxyType(numbers),
        patterns=MappingProxyType({name: _pattern(row, primitives) for name, row in primitives.items()}),
        search_parameters=_frozen(parameters),
        compartments=_compartments(profiles / BASE / "compartments.json", parameters),
        value_sets=MappingProxyType(value_sets),
        server=MappingProxyType(profile.resources),
        work_rows=MappingProxyType(profile.work_rows),
        include_aliases=MappingProxyType(profile.include_aliases),
        chain_aliases=MappingProxyType(profile.chain_aliases),
        canonicals=profile.canonicals,
        hierarchies=MappingProxyType(profile.hierarchies),
        singles=profile.singles,
        identifiers=profile.identifiers,
        packages=tuple(sources),
    )


def shipped(name: str) -> Path:
    """The folder that the wheel carries, or the one of the checkout."""
    packaged = Path(str(resources.files("fhir_server"))) / "_shipped" / name
    checkout = Path(__file__).parents[2] / name
    for folder in (packaged, checkout):
        if (folder / BASE).is_dir():
            return folder
    raise DefinitionsError(f"no {name} folder: neither in the installed package nor in a checkout")


def _tables(folder: Path) -> list[dict[str, Any]]:
    found = [lines.read(path) for path in sorted(folder.glob("*.json"))]
    if not found:
        raise DefinitionsError("no type is defined; run `fhir-server definitions compile`")
    return found


def _numbers(tables: Iterable[dict[str, Any]]) -> dict[str, int]:
    numbers = {table["name"]: table["number"] for table in tables if "number" in table}
    missing = [t["name"] for t in tables if t["kind"] == "resource" and t["name"] not in {*numbers, *_ABSTRACT}]
    if missing or len(set(numbers.values())) != len(numbers):
        raise DefinitionsError(f"resource types need numbers of their own: {', '.join(missing) or 'one is used twice'}")
    return dict(sorted(numbers.items()))


def _pattern(row: Mapping[str, Any], primitives: Mapping[str, Mapping[str, Any]]) -> str:
    while "pattern" not in row:
        if row.get("base") not in primitives:
            return ""
        row = primitives[row["base"]]
    return str(row["pattern"])


def _value_sets(path: Path, built: Iterable[Structure]) -> dict[str, ValueSetCodes]:
    listed = lines.read(path)
    bound = {element.binding for structure in built for element in structure.elements if element.binding}
    missing = sorted(bound - listed.keys())
    if missing:
        raise DefinitionsError(f"value set {missing[0]} is bound but not in {path.name}")
    return {
        url: ValueSetCodes(url, MappingProxyType({system: frozenset(codes) for system, codes in systems.items()}))
        for url, systems in listed.items()
        if systems is not None
    }


def _parameters(profiles: Path, sources: list[str], type_names: set[str], built: Mapping[str, Structure]) -> Parameters:
    """Parameters by type and code. The first source that defines one stands; the others must agree on its kind."""
    found: Parameters = {name: {} for name in (*_ABSTRACT, *sorted(type_names))}
    for source in sources:
        for row in lines.read(profiles / source / "search-parameters.json")["parameters"]:
            parameter = _parameter(row, source)
            if parameter.type_name not in found:
                raise DefinitionsError(f"{source}: {parameter.url}: type {parameter.type_name} is not defined")
            _add(found, parameter)
    general = [parameter for name in _ABSTRACT for parameter in found.pop(name).values()]
    result = {name: {p.code: p for p in [_of_type(g, name) for g in general]} | own for name, own in found.items()}
    _check(result)
    return {
        name: {code: _with_kinds(p, of_type, built) for code, p in of_type.items()} for name, of_type in result.items()
    }


def _with_kinds(
    parameter: SearchParameter, of_type: Mapping[str, SearchParameter], built: Mapping[str, Structure]
) -> SearchParameter:
    """Kinds of components follow the elements: R4 has those of DocumentReference.relationship the wrong way round."""
    if not parameter.components:
        return parameter
    unknown = [code for code, _ in parameter.components if code not in of_type]
    if unknown:
        raise DefinitionsError(f"{parameter.url}: component {unknown[0]} is not a parameter of {parameter.type_name}")
    kinds = []
    for code, expression in parameter.components:
        kind = of_type[code].kind
        root = parameter.expression.split("|")[0].strip()
        types = server.element_types(f"{root}.{expression}", built)
        if kind == "token" and types == {"Reference"} and expression.isalpha():
            kind = "reference"
        elif kind == "reference" and "Reference" not in types:
            kind = "token"
        kinds.append(kind)
    return replace(parameter, component_kinds=tuple(kinds))


def _parameter(row: dict[str, Any], source: str) -> SearchParameter:
    where = f"{source}: search parameter {row.get('url')}"
    if not row.get("expression"):
        raise DefinitionsError(f"{where} has no expression")
    if row.get("kind") not in _KINDS:
        raise DefinitionsError(f"{where} is of an unknown kind")
    return SearchParameter(
        type_name=row["type"],
        code=row["code"],
        kind=row["kind"],
        expression=row["expression"],
        targets=tuple(row.get("targets", ())),
        url=row["url"],
        components=tuple((code, expression) for code, expression in row.get("components", ())),
        source=source,
    )


def _add(found: Parameters, parameter: SearchParameter) -> None:
    known = found[parameter.type_name].get(parameter.code) or next(
        (found[name][parameter.code] for name in _ABSTRACT if parameter.code in found[name]), None
    )
    if known is None:
        found[parameter.type_name][parameter.code] = parameter
    elif known.kind != parameter.kind:
        raise DefinitionsError(
            f"{parameter.source}: {parameter.url} is a {parameter.kind}, {known.source} says {known.kind}"
        )


def _of_type(general: SearchParameter, name: str) -> SearchParameter:
    expression = name + general.expression.removeprefix(general.type_name)
    return SearchParameter(
        name, general.code, general.kind, expression, general.targets, general.url, (), general.source
    )


def _check(parameters: Parameters) -> None:
    numbers: dict[int, str] = {}
    for own in parameters.values():
        for parameter in own.values():
            name = f"{parameter.type_name}.{parameter.code}"
            other = numbers.setdefault(parameter.number, name)
            if other != name:
                raise DefinitionsError(f"search parameters {other} and {name} have the same number")
            unknown = [code for code, _ in parameter.components if code not in own]
            if unknown:
                raise DefinitionsError(f"{name}: component {unknown[0]} is not a parameter of its type")
            strange = [target for target in parameter.targets if target not in parameters]
            if strange:
                raise DefinitionsError(f"{name}: target {strange[0]} is not defined")


def _compartments(path: Path, parameters: Parameters) -> Mapping[str, Mapping[str, tuple[str, ...]]]:
    frozen = {}
    for compartment, members in lines.read(path).items():
        for type_name, codes in members.items():
            unknown = [code for code in codes if code not in parameters.get(type_name, {}) and code != "{def}"]
            if unknown:
                raise DefinitionsError(f"compartment {compartment}: {type_name} has no parameter {unknown[0]}")
        frozen[compartment] = MappingProxyType({name: tuple(codes) for name, codes in members.items()})
    return MappingProxyType(frozen)


def _frozen(parameters: Parameters) -> Mapping[str, Mapping[str, SearchParameter]]:
    return MappingProxyType({name: MappingProxyType(own) for name, own in parameters.items()})
