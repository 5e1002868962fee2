"""Codes of value sets with a required binding, as far as they come from code systems we may ship.

https://hl7.org/fhir/R4/valueset.html#compositions  Only codes, never displays. A value set on a system that cannot be
enumerated (MIME types, currencies, UCUM, LOINC) is written as null: known, and not checked by code.
"""

from collections.abc import Iterable, Mapping

from fhir_server.definitions.package import DefinitionsError
from fhir_server.fhir.json import JsonObject

Codes = dict[str, list[str]]
_SHIPPED = ("http://hl7.org/fhir/", "http://terminology.hl7.org/")
_ENUMERATED_IN_PLACE = {"http://unitsofmeasure.org"}
"""Systems of which only a list that the standard itself spells out is kept (the seven units of time)."""


class NotEnumerable(Exception):
    """The value set has members that no list can name, or that may not be shipped."""


def expansions(
    urls: Iterable[str], value_sets: list[JsonObject], code_systems: list[JsonObject]
) -> dict[str, Codes | None]:
    """The codes of each value set by system, None where they cannot be listed."""
    known = {found["url"]: found for found in value_sets}
    systems = {found["url"]: found for found in code_systems}
    result: dict[str, Codes | None] = {}
    for url in sorted(set(urls)):
        try:
            result[url] = _expand(url, known, systems)
        except NotEnumerable:
            result[url] = None
    return result


def _expand(url: str, known: Mapping[str, JsonObject], systems: Mapping[str, JsonObject]) -> Codes:
    if url not in known:
        raise NotEnumerable(url)
    compose = known[url].get("compose", {})
    if compose.get("exclude"):
        raise DefinitionsError(f"value set {url}: excludes are not supported")
    codes: dict[str, dict[str, None]] = {}
    for include in compose["include"]:
        if include.get("filter"):
            raise NotEnumerable(url)
        for imported in include.get("valueSet", ()):
            for system, found in _expand(imported.partition("|")[0], known, systems).items():
                codes.setdefault(system, {}).update(dict.fromkeys(found))
        if "system" in include:
            codes.setdefault(include["system"], {}).update(dict.fromkeys(_included(include, systems)))
    return {system: list(found) for system, found in codes.items()}


def _included(include: JsonObject, systems: Mapping[str, JsonObject]) -> list[str]:
    system = include["system"]
    listed = [concept["code"] for concept in include.get("concept", ())]
    if listed and (system.startswith(_SHIPPED) or system in _ENUMERATED_IN_PLACE):
        return listed
    definition = systems.get(system)
    if listed or definition is None or definition["content"] != "complete" or not system.startswith(_SHIPPED):
        raise NotEnumerable(system)
    return _codes(definition.get("concept", ()))


def _codes(concepts: Iterable[JsonObject]) -> list[str]:
    found = []
    for concept in concepts:
        found.append(concept["code"])
        found += _codes(concept.get("concept", ()))
    return found
