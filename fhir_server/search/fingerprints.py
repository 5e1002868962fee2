"""Fingerprints: what the index rows of a parameter depend on, as a short text that two databases can compare.

https://hl7.org/fhir/R4/searchparameter.html  The rule: whatever changes the rows that the extractor makes changes the
fingerprint, whichever process computes it; what does not (a url, the package it came from) leaves it alone.
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from fhir_server.definitions import Definitions, SearchParameter
from fhir_server.definitions.registry import parameter_number
from fhir_server.search.extract import EXTRACTION_VERSION, is_indexed

WORK_ROW = "(work row)"
"""The name under which the work row of a type is kept among its parameters; no code can be like it."""
GONE = "(no longer defined)"


@dataclass(frozen=True, slots=True)
class IndexedType:
    """What the index of one type should hold: the name and the fingerprint of each number."""

    type_name: str
    type_number: int
    names: Mapping[int, str]
    fingerprints: Mapping[int, str]

    def stale(self, stored: Mapping[int, str]) -> frozenset[int]:
        """The numbers whose rows are not, or not all, under the fingerprint that is wanted."""
        return frozenset(n for n, wanted in self.fingerprints.items() if stored.get(n) != wanted)

    def outdated(self, stored: Mapping[int, str]) -> tuple[str, ...]:
        """The names of what is stale, and GONE when rows of parameters are left that are not defined any more."""
        names = tuple(sorted(self.names[n] for n in self.stale(stored)))
        return (*names, GONE) if stored.keys() - self.fingerprints.keys() else names

    def goal(self, base: str) -> str:
        """What a reindexing of this type works towards; references are read against `base`."""
        return _short(base, sorted(self.fingerprints.items()))


def indexed_types(definitions: Definitions) -> dict[str, IndexedType]:
    """All types that are switched on."""
    return {name: _indexed_type(definitions, name) for name in definitions.server}


def _indexed_type(definitions: Definitions, type_name: str) -> IndexedType:
    parameters = [p for p in definitions.search_parameters[type_name].values() if is_indexed(p)]
    names = {p.number: p.code for p in parameters}
    fingerprints = {p.number: fingerprint(p, definitions) for p in parameters}
    if type_name in definitions.work_rows:
        number = parameter_number(type_name, WORK_ROW)
        names[number] = WORK_ROW
        fingerprints[number] = _short(EXTRACTION_VERSION, sorted(definitions.work_rows[type_name].columns.items()))
    return IndexedType(type_name, definitions.resource_types[type_name], names, fingerprints)


def fingerprint(parameter: SearchParameter, definitions: Definitions) -> str:
    """The fingerprint of one parameter; of a composite, the kinds of its components are part of it."""
    siblings = definitions.search_parameters[parameter.type_name]
    return _short(
        EXTRACTION_VERSION,
        parameter.type_name,
        parameter.code,
        parameter.kind,
        parameter.expression,
        sorted(parameter.targets),
        [(code, expression, siblings[code].kind) for code, expression in parameter.components],
    )


def _short(*parts: Any) -> str:
    text = json.dumps(parts, ensure_ascii=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()[:24]
