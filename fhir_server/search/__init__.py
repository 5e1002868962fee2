"""Search: a compiler from parameters to index rows on the one side, and to SQL on the other.

May import `store`, `definitions`, `fhir` and below. Entry points: `extract.Extractor`; `read_request`, `search`,
`find_matches`; `cursor` for other paged lists.
"""

from fhir_server.search.request import SearchRequest
from fhir_server.search.run import Page, Paging, find_matches, read_request, search

__all__ = ["Page", "Paging", "SearchRequest", "find_matches", "read_request", "search"]
