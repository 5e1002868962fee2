"""search-type: one page of matches with what they include, as a searchset.

https://hl7.org/fhir/R4/http.html#search  Parsing, SQL and paging are the `search` package's; this module asks for the
predicate, joins the stored bodies and writes the links.
"""

from fhir_server import search as compiler
from fhir_server.interactions.bundles import bundle, match_entry, outcome_entry
from fhir_server.interactions.context import Context
from fhir_server.interactions.request import Answer, Request
from fhir_server.interactions.routes import Match
from fhir_server.interactions.subsetting import reduction
from fhir_server.store.stored import Stored


def search(context: Context, request: Request, match: Match) -> Answer:
    """The page that the query asks for; raises BadRequest naming what was not understood."""
    raise NotImplementedError((compiler, bundle, match_entry, outcome_entry, reduction, Stored, context, request, match))
