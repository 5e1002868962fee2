"""batch: each entry a request of its own, with its own unit of work, answer and audit record.

https://hl7.org/fhir/R4/http.html#trules  One entry's failure is its own; the batch itself answers 200.
"""

from collections.abc import Callable

from fhir_server.errors import FhirError
from fhir_server.fhir.json import JsonObject
from fhir_server.interactions import entries, trail
from fhir_server.interactions.bundles import bundle
from fhir_server.interactions.context import Context
from fhir_server.interactions.replies import failed_entry, finished_entry
from fhir_server.interactions.request import Answer, Request

Perform = Callable[[Context, Request], Answer]


def batch(context: Context, request: Request, body: JsonObject, perform: Perform) -> Answer:
    """Perform all entries in the standard's order; the answer has theirs in the order of the request."""
    asked = entries.check_envelope(context, body)
    replies: dict[int, str] = {}
    order = sorted(
        range(len(asked)), key=lambda i: (entries.ORDER.get(asked[i].get("request", {}).get("method"), 9), i)
    )
    for index in order:
        replies[index] = _one(context, request, index, asked[index], perform)
    text = bundle("batch-response", [replies[i] for i in range(len(asked))], now=context.core.now())
    return Answer(200, "batch", text=text)


def _one(context: Context, request: Request, index: int, asked: JsonObject, perform: Perform) -> str:
    inner = Context(context.core, context.principal, context.request_id, context.core.database, entry=index)
    interaction, type_name, resource_id = "unknown", "", ""
    try:
        entry = entries.entry_of(context, index, asked)
        interaction, type_name = entry.match.route.code, entry.match.type_name or ""
        resource_id = entry.match.resource_id or ""
        inner.query = "&".join(f"{name}={value}" for name, value in entry.request.query)
        answer = perform(inner, entry.request)
    except FhirError as error:
        reason = error.issues[0].code
        context.core.journal.append(trail.record(
            inner, interaction, error.status,
            type_name=type_name, resource_id=resource_id, entry=index, reason=reason,
        ))  # fmt: skip
        return failed_entry(error)
    if not answer.audited:
        version = answer.stored.version_id if answer.stored else None
        context.core.journal.append(trail.record(
            inner, answer.interaction, answer.status, type_name=type_name,
            resource_id=answer.stored.resource_id if answer.stored else resource_id,
            version_id=version, entry=index, resources=answer.disclosed,
        ))  # fmt: skip
    return finished_entry(context, answer, request.prefer.get("return", "representation"), inner.notes)
