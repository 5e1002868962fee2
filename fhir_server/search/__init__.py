"""Search: a compiler from parameters to index rows on the one side, and to SQL on the other.

May import `terminology`, `store`, `definitions`, `fhir` and below. Entry points: `extract.Extractor`; `read_request`,
`search`, `find_matches`; `cursor` for other paged lists.
"""

from fhir_server.search.parse import Scope
from fhir_server.search.request import Compartment, SearchRequest
from fhir_server.search.run import Page, Paging, find_matches, read_request, search
from fhir_server.search.searching import Searching

__all__ = [
    "Compartment", "Page", "Paging", "Scope", "SearchRequest", "Searching", "find_matches", "read_request", "search",
]  # fmt: skip
