"""batch: each entry a request of its own, with its own unit of work, answer and audit record.

https://hl7.org/fhir/R4/http.html#trules  One entry's failure is its own, a fault of ours too; the batch itself answers
200.
"""

from collections.abc import Callable

from fhir_server.errors import FhirError, InternalError
from fhir_server.fhir.json import JsonObject
from fhir_server.interactions import entries, trail
from fhir_server.interactions.bundles import bundle
from fhir_server.interactions.context import Context
from fhir_server.interactions.entries import Entry
from fhir_server.interactions.replies import failed_entry, finished_entry
from fhir_server.interactions.request import Answer, Request
from fhir_server.telemetry import log_fault

Perform = Callable[[Context, Request], Answer]


def batch(context: Context, request: Request, body: JsonObject, perform: Perform) -> Answer:
    """Perform all entries in the standard's order; the answer has theirs in the order of the request."""
    asked = entries.check_envelope(context, body)
    replies: dict[int, str] = {}
    order = sorted(
        range(len(asked)), key=lambda i: (entries.ORDER.get(asked[i].get("request", {}).get("method"), 9), i)
    )
    for index in order:
        replies[index] = _one(context, index, asked[index], perform, request.returns)
    text = bundle("batch-response", [replies[i] for i in range(len(asked))], now=context.core.now())
    return Answer(200, "batch", text=text)


def _one(context: Context, index: int, asked: JsonObject, perform: Perform, returns: str) -> str:
    inner = Context(context.core, context.principal, context.request_id, context.core.database, entry=index)
    entry: Entry | None = None
    try:
        entry = entries.entry_of(context, index, asked)
        inner.query = entry.request.recorded_query
        answer = perform(inner, entry.request)
    except FhirError as error:
        return _refused(inner, entry, error)
    except Exception as error:  # noqa: BLE001 (what is done is done: the other entries' answers must go out)
        log_fault(context.request_id, error)
        return _refused(inner, entry, InternalError(context.request_id))
    if not answer.audited:
        stored = answer.stored
        context.core.journal.append(trail.record(
            inner, answer.interaction, answer.status, type_name=entry.match.type_name or "",
            resource_id=stored.resource_id if stored else entry.match.resource_id or "",
            version_id=stored.version_id if stored else None, entry=index, resources=answer.disclosed,
        ))  # fmt: skip
    return finished_entry(context, entry.request.method, answer, returns, inner.notes)


def _refused(inner: Context, entry: Entry | None, error: FhirError) -> str:
    inner.core.journal.append(trail.record(
        inner, entry.match.interaction if entry else "unknown", error.status,
        type_name=entry.match.type_name or "" if entry else "",
        resource_id=entry.match.resource_id or "" if entry else "",
        entry=inner.entry, reason=error.issues[0].code,
    ))  # fmt: skip
    return failed_entry(error)
