"""One request to one answer: the table of handlers, by route.

https://hl7.org/fhir/R4/http.html  HTTP requests, batch entries and transaction reads all come through here.
"""

from collections.abc import Callable

from fhir_server.errors import BadRequest
from fhir_server.interactions import capabilities, changes, history, read, search
from fhir_server.interactions.batch import batch
from fhir_server.interactions.context import Context
from fhir_server.interactions.request import Answer, Request
from fhir_server.interactions.routes import Match, match
from fhir_server.interactions.transaction import transaction

Handler = Callable[[Context, Request, Match], Answer]


def perform(context: Context, request: Request) -> Answer:
    """Find the route and run its handler; raises a FhirError for every refusal."""
    found = match(request.method, request.path, context.core.enabled)
    return handle(context, request, found)


def handle(context: Context, request: Request, found: Match) -> Answer:
    """Run the handler of a route that was found already."""
    handler = HANDLERS.get(found.route.code)
    if handler is None:
        raise BadRequest(
            f"{found.route.code} is not supported by this server; see metadata for what is", code="not-supported"
        )
    return handler(context, request, found)


def _bundle(context: Context, request: Request, found: Match) -> Answer:
    body = request.body
    if not isinstance(body, dict) or body.get("resourceType") != "Bundle":
        raise BadRequest("POST to the base takes a Bundle of type batch or transaction", code="structure")
    if body.get("type") == "transaction":
        return transaction(context, request, body, perform)
    if body.get("type") == "batch":
        return batch(context, request, body, perform)
    raise BadRequest(
        "the Bundle's type is expected to be batch or transaction", expression=("Bundle.type",), code="value"
    )


HANDLERS: dict[str, Handler] = {
    "capabilities": capabilities.statement,
    "batch-or-transaction": _bundle,
    "read": read.read,
    "vread": read.vread,
    "history-instance": history.history,
    "history-type": history.history,
    "history-system": history.history,
    "search-system": search.search_system,
    "search-type": search.search_type,
    "search-compartment": search.search_compartment,
    "create": changes.change,
    "update": changes.change,
    "patch": changes.change,
    "delete": changes.change,
    "conditional-update": changes.change,
    "conditional-patch": changes.change,
    "conditional-delete": changes.change,
}
"""What is routed but not here is refused by name, and the CapabilityStatement leaves it out."""
