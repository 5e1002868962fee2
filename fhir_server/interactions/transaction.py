"""transaction: all entries in one unit of work, or none.

https://hl7.org/fhir/R4/http.html#trules  Identities are settled first (conditional forms, new ids), as if the deletes
had been done; then references are rewritten, two changes of one resource are refused, and everything goes through the
write path; conditional references are resolved when what they may match is written; reads come last.
"""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import replace

from fhir_server.errors import FhirError
from fhir_server.fhir.json import JsonObject
from fhir_server.interactions import changes, criteria, entries, linking, trail
from fhir_server.interactions.bundles import bundle
from fhir_server.interactions.context import Context, Draft
from fhir_server.interactions.entries import ORDER, Entry, Settled
from fhir_server.interactions.parameters import Pairs
from fhir_server.interactions.replies import finished_entry
from fhir_server.interactions.request import Answer, Request
from fhir_server.interactions.transact import transact
from fhir_server.interactions.write import Written, check_structure, write
from fhir_server.store.stored import Stored

Perform = Callable[[Context, Request], Answer]


def transaction(context: Context, request: Request, body: JsonObject, perform: Perform) -> Answer:
    """Perform the whole bundle or nothing; raises the first entry's refusal, or all problems of the bodies."""
    asked = entries.check_envelope(context, body)
    parsed = [entries.entry_of(context, index, entry) for index, entry in enumerate(asked)]
    linking.check_full_urls(parsed)
    in_turn = sorted(parsed, key=lambda e: (ORDER[e.request.method], e.index))
    changing = [e for e in in_turn if ORDER[e.request.method] < ORDER["GET"]]
    reading = [e for e in in_turn if ORDER[e.request.method] == ORDER["GET"]]
    for entry in changing:
        _check_allowed(context, entry)

    def attempt(inner: Context) -> tuple[list[Settled], dict[int, Written], dict[int, Answer]]:
        settled, written = _change(inner, changing)
        trail.leave(inner.unit_of_work, trail.record(inner, "transaction", 200))
        answers: dict[int, Answer] = {}
        if reading:
            inner.unit_of_work.flush()
            answers = {e.index: _read(inner, e, perform) for e in reading}
        return settled, written, answers

    in_order = any(_is_conditional(e) for e in changing) or linking.has_conditional_references(changing)
    (settled, written, answers), stored = transact(context, attempt, in_order=in_order)
    answers |= _answers(settled, written, stored)
    replies = [finished_entry(context, e.request.method, answers[e.index], request.returns) for e in parsed]
    text = bundle("transaction-response", replies, now=context.core.now())
    return Answer(200, "transaction", text=text, audited=True)


def _check_allowed(context: Context, entry: Entry) -> None:
    context.visible(entry.match.interaction, entry.match.type_name)
    if entry.request.method in {"POST", "PUT"}:
        try:
            changes.check_body(entry.request.body, entry.match)
        except FhirError as error:
            error.issues = tuple(replace(i, expression=(entry.place,)) for i in error.issues)
            raise


def _is_conditional(entry: Entry) -> bool:
    return bool(entry.request.if_none_exist) or entry.match.route.code.startswith("conditional-")


def _criteria_of(entry: Entry) -> Pairs:
    """The criteria of a conditional entry; none for any other."""
    if entry.request.if_none_exist:
        return criteria.pairs_of(entry.request.if_none_exist, entry.match.type_name or "")
    return entry.request.query if entry.match.route.code.startswith("conditional-") else ()


def _change(context: Context, changing: Sequence[Entry]) -> tuple[list[Settled], dict[int, Written]]:
    deletes = [_settled(context, e) for e in changing if e.request.method == "DELETE"]
    context = context.changing([s.outcome for s in deletes if isinstance(s.outcome, Draft)])
    settled = linking.link(context, [*deletes, *_settle(context, changing[len(deletes) :])])
    drafts = [s.outcome for s in settled if isinstance(s.outcome, Draft)]
    check_structure(context, [draft for s in settled if (draft := linking.checkable(context, s)) is not None])
    context = context.changing(drafts)
    written = _write(context, settled)
    _check_single(context, settled)
    _record_matches(context, settled)
    return settled, written


def _settle(context: Context, changing: Sequence[Entry]) -> list[Settled]:
    """The entries with their outcomes; a conditional create that another one repeats goes with the first."""
    settled: list[Settled] = []
    creates: dict[tuple[str | None, str], Settled] = {}
    for entry in changing:
        key = entry.match.type_name, entry.request.if_none_exist
        if key in creates:
            creates[key].repeated.append(entry)
            continue
        settled.append(_settled(context, entry))
        if entry.request.if_none_exist and entry.match.interaction == "create":
            creates[key] = settled[-1]
    return settled


def _settled(context: Context, entry: Entry) -> Settled:
    inner = context.for_entry(entry.index, entry.request.recorded_query)
    with entry.blamed():
        outcome = changes.drafted(inner, entry.request, entry.match)
    if isinstance(outcome, Draft):
        outcome = replace(outcome, place=entry.place, entry=entry.index, query=inner.query)
    return Settled(entry, outcome)


def _write(context: Context, settled: Sequence[Settled]) -> dict[int, Written]:
    """Write what waits for nothing, then again and again what conditional references let go."""
    written: dict[int, Written] = {}
    known: dict[str, str] = {}
    ready = [one for one in settled if not one.awaited]
    waiting = [one for one in settled if one.awaited]
    while True:
        pairs = [(one.entry.index, one.outcome) for one in ready if isinstance(one.outcome, Draft)]
        results = write(context, context.unit_of_work, [replace(draft, checked=True) for _, draft in pairs])
        written |= {index: result for (index, _), result in zip(pairs, results, strict=True)}
        if not waiting:
            return written
        if linking.awaited_types(waiting) & {draft.type_name for _, draft in pairs}:
            context.unit_of_work.flush()
        ready = linking.resolve(context, waiting, known)
        waiting = [one for one in waiting if one.awaited]


def _check_single(context: Context, settled: Sequence[Settled]) -> None:
    """What was made because nothing matched must be the only match now, whatever else the bundle made."""
    made = Counter(s.entry.match.type_name for s in settled if s.entry.request.method != "DELETE")
    for one in settled:
        entry, type_name = one.entry, one.entry.match.type_name or ""
        wanted = _criteria_of(entry) if entry.match.interaction in {"create", "update"} else ()
        if wanted and isinstance(one.outcome, Draft) and one.outcome.base is None and made[type_name] > 1:
            context.unit_of_work.flush()
            with entry.blamed():
                criteria.one_match(context, entry.match.interaction, type_name, wanted)


def _record_matches(context: Context, settled: Sequence[Settled]) -> None:
    for one in settled:
        matched = [] if isinstance(one.outcome, Draft) else [one.entry]
        version_id = 1 if isinstance(one.outcome, Draft) else one.outcome.version_id
        for entry in [*matched, *one.repeated]:
            inner = context.for_entry(entry.index, entry.request.recorded_query)
            trail.leave(context.unit_of_work, trail.record(
                inner, "create", 200, type_name=entry.match.type_name or "",
                resource_id=one.outcome.resource_id or "", version_id=version_id, entry=entry.index,
            ))  # fmt: skip


def _read(context: Context, entry: Entry, perform: Perform) -> Answer:
    inner = context.for_entry(entry.index, entry.request.recorded_query)
    with entry.blamed(part="request"):
        answer = perform(inner, entry.request)
    stored = answer.stored
    trail.leave(context.unit_of_work, trail.record(
        inner, answer.interaction, answer.status, type_name=entry.match.type_name or "",
        resource_id=stored.resource_id if stored else entry.match.resource_id or "",
        version_id=stored.version_id if stored else None, entry=entry.index, resources=answer.disclosed,
    ))  # fmt: skip
    return answer


def _answers(settled: Sequence[Settled], written: dict[int, Written], stored: list[Stored]) -> dict[int, Answer]:
    answers: dict[int, Answer] = {}
    for one in settled:
        entry = one.entry
        if isinstance(one.outcome, Draft):
            answer = changes.answer_of(written[entry.index], stored)
        else:
            answer = changes.matched(entry.match, one.outcome)
        answers[entry.index] = answer
        for repeated in one.repeated:
            assert answer.stored is not None
            answers[repeated.index] = changes.matched(repeated.match, answer.stored)
    return answers
