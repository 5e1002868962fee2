"""_summary and _elements on bodies about to be sent: https://hl7.org/fhir/R4/search.html#elements .

Only a request that asks for a subset pays for parsing a stored body.
"""

from collections.abc import Callable

from fhir_server.errors import BadRequest
from fhir_server.fhir import subset
from fhir_server.fhir.json import dump, parse_stored
from fhir_server.interactions.context import Context
from fhir_server.interactions.request import Request

MODES = frozenset({"true", "text", "data", "count", "false"})
Reduce = Callable[[str], str]


def reduction(context: Context, request: Request) -> Reduce | None:
    """What turns a body's text into the subset asked for, None when the whole is; raises BadRequest.

    "count" is no subset of a body: a search answers it by its total.
    """
    mode, names = "", ""
    for name, value in request.query:
        if name == "_summary":
            mode = value
        elif name == "_elements":
            names = value
    if mode and mode not in MODES:
        raise BadRequest("_summary is expected to be true, text, data, count or false", code="value")
    structures = context.core.definitions
    if mode in {"true", "text", "data"}:
        if names:
            raise BadRequest("give _summary or _elements, not both")
        return lambda body: dump(subset.summarize(parse_stored(body), mode, structures))
    if names:
        wanted = tuple(part.strip() for part in names.split(",") if part.strip())
        return lambda body: dump(subset.select_elements(parse_stored(body), wanted, structures))
    return None
