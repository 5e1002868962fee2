"""The standard, its guides and our policy as frozen registries, loaded from profiles/ and terminology/.

May import `fhir` and below. Entry points: `load`, `Definitions`; for the command line `compile.compile_packages` and
`check.check`.
"""

from fhir_server.definitions.load import load, shipped
from fhir_server.definitions.package import DefinitionsError
from fhir_server.definitions.registry import Definitions, ResourceProfile, SearchParameter, ValueSetCodes, WorkRow

__all__ = [
    "Definitions",
    "DefinitionsError",
    "ResourceProfile",
    "SearchParameter",
    "ValueSetCodes",
    "WorkRow",
    "load",
    "shipped",
]
