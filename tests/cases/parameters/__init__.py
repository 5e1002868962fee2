"""For every search parameter a resource that has a value for it, searches that find it, and searches that do not.

Made from the definitions alone, so that a type that is switched on gets its cases with it. May import what tests may;
docs/generate.py makes docs/search-coverage.md from it.
"""

from tests.cases.parameters.cases import MINIMAL, Case, Search
from tests.cases.parameters.coverage import cases_of
from tests.cases.parameters.resources import minimal

__all__ = ["MINIMAL", "Case", "Search", "cases_of", "minimal"]
