"""What searches of one process share: definitions, settings, units, statistics, readiness."""

from dataclasses import dataclass, field

from fhir_server.definitions import Definitions
from fhir_server.search.names import Names
from fhir_server.search.plan import Search
from fhir_server.search.readiness import Readiness
from fhir_server.search.remembered import Remembered
from fhir_server.search.request import SearchRequest
from fhir_server.search.statistics import Statistics
from fhir_server.search.units import Units
from fhir_server.settings import Settings


@dataclass(frozen=True, slots=True)
class Searching:
    """Built once, shared by all threads."""

    definitions: Definitions
    settings: Settings
    names: Names
    units: Units
    readiness: Readiness
    statistics: Statistics = field(default_factory=Statistics)
    requests: Remembered[SearchRequest] = field(default_factory=Remembered)
    searches: Remembered[Search] = field(default_factory=Remembered)


def searching_of(definitions: Definitions, settings: Settings, units: Units, readiness: Readiness) -> Searching:
    """What the searches of a process share."""
    names = Names(definitions, searchable(definitions))
    return Searching(definitions, settings, names, units, readiness)


def searchable(definitions: Definitions) -> frozenset[str]:
    """The types that can be searched, and that links and includes may lead to."""
    return frozenset(name for name, profile in definitions.server.items() if "search-type" in profile.interactions)
