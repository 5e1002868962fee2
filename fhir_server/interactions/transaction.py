"""transaction: all entries in one unit of work, or none.

https://hl7.org/fhir/R4/http.html#trules  Identities are settled first (conditional creates and updates, new ids), then
references are rewritten, then two changes of one resource are refused, then everything goes through the write path;
reads come last and see what was written.
"""

from collections.abc import Callable, Sequence
from dataclasses import replace

from fhir_server.errors import FhirError
from fhir_server.fhir.json import JsonObject
from fhir_server.interactions import changes, entries, linking, trail
from fhir_server.interactions.bundles import bundle
from fhir_server.interactions.context import Context, Draft
from fhir_server.interactions.entries import ORDER, Entry, Settled
from fhir_server.interactions.replies import finished_entry
from fhir_server.interactions.request import Answer, Request
from fhir_server.interactions.transact import transact
from fhir_server.interactions.write import Written, write
from fhir_server.store.stored import Stored

Perform = Callable[[Context, Request], Answer]


def transaction(context: Context, request: Request, body: JsonObject, perform: Perform) -> Answer:
    """Perform the whole bundle or nothing; raises the first entry's refusal, or all problems of the bodies."""
    asked = entries.check_envelope(context, body)
    parsed = [entries.entry_of(context, index, entry) for index, entry in enumerate(asked)]
    linking.check_full_urls(parsed)
    parsed.sort(key=lambda e: (ORDER[e.request.method], e.index))
    changing = [e for e in parsed if ORDER[e.request.method] < ORDER["GET"]]
    reading = [e for e in parsed if ORDER[e.request.method] == ORDER["GET"]]
    for entry in changing:
        _check_allowed(context, entry)

    def attempt(inner: Context) -> tuple[list[Settled], list[Written], dict[int, Answer]]:
        settled = _settle(inner, changing)
        linked = linking.link(inner, settled)
        uow = inner.unit_of_work
        written = write(inner, uow, [s.outcome for s in linked if isinstance(s.outcome, Draft)])
        _record_matches(inner, linked)
        trail.leave(uow, trail.record(inner, "transaction", 200))
        answers: dict[int, Answer] = {}
        if reading:
            uow.flush()
            answers = {e.index: _read(inner, e, perform) for e in reading}
        return linked, written, answers

    in_order = any(_is_conditional(e) for e in changing) or linking.has_conditional_references(changing)
    (settled, written, answers), stored = transact(context, attempt, in_order=in_order)
    answers |= _answers(settled, written, stored)
    prefer = request.prefer.get("return", "representation")
    replies = [finished_entry(context, answers[index], prefer) for index in range(len(asked))]
    text = bundle("transaction-response", replies, now=context.core.now())
    return Answer(200, "transaction", text=text, audited=True)


def _check_allowed(context: Context, entry: Entry) -> None:
    interaction = entry.match.route.code.removeprefix("conditional-")
    context.visible(interaction, entry.match.type_name)
    if entry.request.method in {"POST", "PUT"}:
        try:
            changes.check_body(entry.request.body, entry.match)
        except FhirError as error:
            error.issues = tuple(replace(i, expression=(entry.place,)) for i in error.issues)
            raise


def _is_conditional(entry: Entry) -> bool:
    return bool(entry.request.if_none_exist) or entry.match.route.code.startswith("conditional-")


def _settle(context: Context, changing: Sequence[Entry]) -> list[Settled]:
    settled = []
    for entry in changing:
        inner = context.for_entry(entry.index)
        try:
            outcome = changes.drafted(inner, entry.request, entry.match)
        except FhirError as error:
            error.issues = tuple(replace(i, expression=i.expression or (entry.place,)) for i in error.issues)
            raise
        if isinstance(outcome, Draft):
            outcome = replace(outcome, place=entry.place, entry=entry.index)
        settled.append(Settled(entry, outcome))
    return settled


def _record_matches(context: Context, settled: Sequence[Settled]) -> None:
    for one in settled:
        if not isinstance(one.outcome, Draft):
            trail.leave(context.unit_of_work, trail.record(
                context, one.entry.match.route.code, 200, type_name=one.entry.match.type_name or "",
                resource_id=one.outcome.resource_id, version_id=one.outcome.version_id, entry=one.entry.index,
            ))  # fmt: skip


def _read(context: Context, entry: Entry, perform: Perform) -> Answer:
    inner = context.for_entry(entry.index)
    inner.query = "&".join(f"{name}={value}" for name, value in entry.request.query)
    try:
        answer = perform(inner, entry.request)
    except FhirError as error:
        error.issues = tuple(replace(i, expression=(f"Bundle.entry[{entry.index}].request",)) for i in error.issues)
        raise
    stored = answer.stored
    trail.leave(context.unit_of_work, trail.record(
        inner, answer.interaction, answer.status, type_name=entry.match.type_name or "",
        resource_id=stored.resource_id if stored else entry.match.resource_id or "",
        version_id=stored.version_id if stored else None, entry=entry.index, resources=answer.disclosed,
    ))  # fmt: skip
    return answer


def _answers(settled: Sequence[Settled], written: Sequence[Written], stored: list[Stored]) -> dict[int, Answer]:
    answers: dict[int, Answer] = {}
    results = iter(written)
    for one in settled:
        if isinstance(one.outcome, Draft):
            answers[one.entry.index] = changes.answer_of(next(results), stored)
        else:
            location = changes.location_of(one.entry.match, one.outcome)
            name = one.entry.match.type_name or ""
            answers[one.entry.index] = Answer(200, "create", name, one.outcome, location=location, audited=True)
    return answers
