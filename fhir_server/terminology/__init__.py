"""Terminology: the codes of value sets and the hierarchies of code systems that the server holds.

May import `store`, `definitions`, `fhir` and below. Entry points: `expand`, `descendants`, `ancestors`.
"""

from fhir_server.terminology.expand import expand
from fhir_server.terminology.selection import Expansion
from fhir_server.terminology.subsumption import ancestors, descendants

__all__ = ["Expansion", "ancestors", "descendants", "expand"]
