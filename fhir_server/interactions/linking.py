"""References between the entries of a transaction: fullUrls, conditional references, narrative links.

https://hl7.org/fhir/R4/http.html#trules and https://hl7.org/fhir/R4/bundle.html#references  A reference to an entry is
rewritten to the identity that entry got; everything else is stored as sent.
"""

import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial

from fhir_server.errors import BadRequest, PreconditionFailed
from fhir_server.fhir import references
from fhir_server.fhir.json import dump
from fhir_server.interactions import criteria
from fhir_server.interactions.context import Context, Draft
from fhir_server.interactions.entries import Entry, Settled
from fhir_server.interactions.parameters import pairs
from fhir_server.store.stored import Stored


@dataclass(frozen=True, slots=True)
class _Place:
    """Where the resource of an entry stands: "Patient/1", and whether this transaction makes it."""

    address: str
    is_new: bool


def check_full_urls(parsed: Sequence[Entry]) -> None:
    """Two entries may not share a fullUrl (bdl-7)."""
    seen: set[str] = set()
    for entry in parsed:
        if entry.full_url and entry.full_url in seen:
            raise BadRequest(
                "two entries have the same fullUrl; each needs its own",
                expression=(f"Bundle.entry[{entry.index}].fullUrl",),
            )
        seen.add(entry.full_url)


def has_conditional_references(changing: Sequence[Entry]) -> bool:
    """Whether any body may refer by criteria, as in "Patient?identifier=..."."""
    return any(isinstance(e.request.body, dict) and "?" in dump(e.request.body) for e in changing)


def link(context: Context, settled: Sequence[Settled]) -> list[Settled]:
    """Give new resources their ids, rewrite references, refuse two changes of one resource.

    Conditional references are left for `resolve`: the standard resolves them last, when all entries are written.
    """
    identified = [_identified(one) for one in settled]
    places = _places(identified)
    _check_distinct(identified)
    for one in identified:
        draft = one.outcome
        if isinstance(draft, Draft) and draft.resource is not None:
            awaited: set[str] = set()
            here = partial(_replacement, context, places, _root(context, one.entry.full_url), awaited)
            one.outcome = _rewritten(context, draft, here)
            one.awaited = frozenset(awaited)
    return identified


def checkable(context: Context, one: Settled) -> Draft | None:
    """The draft as it will be, as far as its structure goes: something stands in for what is awaited."""
    if not isinstance(one.outcome, Draft) or not one.awaited:
        return one.outcome if isinstance(one.outcome, Draft) else None
    return _rewritten(context, one.outcome, {text: f"{text.partition('?')[0]}/awaited" for text in one.awaited}.get)


def resolve(context: Context, waiting: Sequence[Settled], known: dict[str, str]) -> list[Settled]:
    """Those whose conditional references all match one resource by now, rewritten to it; `known` keeps what matched.

    Raises PreconditionFailed when one matches several, or when nothing matches for any of them.
    """
    found: dict[str, str | None] = {}
    for one in waiting:
        for text in one.awaited - found.keys():
            found[text] = known.get(text) or _match(context, one, text)
    known.update({text: place for text, place in found.items() if place is not None})
    ready = [one for one in waiting if all(found[text] for text in one.awaited)]
    if waiting and not ready:
        raise PreconditionFailed(
            "a conditional reference matches no resource", code="not-found", expression=[waiting[0].entry.place]
        )
    for one in ready:
        assert isinstance(one.outcome, Draft)
        one.outcome, one.awaited = _rewritten(context, one.outcome, found.get), frozenset()
    return ready


def resolve_all(context: Context, linked: Sequence[Settled]) -> None:
    """Resolve every conditional reference among what is there already; raises PreconditionFailed."""
    known: dict[str, str] = {}
    while waiting := [one for one in linked if one.awaited]:
        resolve(context, waiting, known)


def awaited_types(waiting: Sequence[Settled]) -> set[str]:
    """The types that conditional references are about."""
    return {text.partition("?")[0] for one in waiting for text in one.awaited}


def _replacement(context: Context, places: Mapping[str, _Place], root: str, awaited: set[str], text: str) -> str | None:
    address, mark, version = text.partition("/_history/")
    place = places.get(address) or places.get(f"{root}/{address}")
    if place is None:
        type_name, asks, query = text.partition("?")
        if asks and query and type_name in context.core.enabled:
            awaited.add(text)
        return None
    # The only version that a resource has which is made here.
    return f"{place.address}{mark}{'1' if mark and place.is_new else version}"


def _rewritten(context: Context, draft: Draft, replacement: Callable[[str], str | None]) -> Draft:
    assert draft.resource is not None
    return replace(draft, resource=references.rewrite(draft.resource, replacement, context.core.definitions))


def _root(context: Context, full_url: str) -> str:
    """What the entry's relative references stand below: the base of its fullUrl, or else this server's."""
    reference = references.parse(full_url)
    return reference.base if reference.kind == "absolute" else context.core.settings.fhir_base


def _identified(one: Settled) -> Settled:
    draft = one.outcome
    if isinstance(draft, Draft) and draft.resource_id is None and draft.resource is not None:
        one.outcome = replace(draft, resource_id=str(uuid.uuid4()), is_new=True)
    return one


def _places(settled: Sequence[Settled]) -> dict[str, _Place]:
    return {
        entry.full_url: _Place(f"{entry.match.type_name}/{one.outcome.resource_id}", _is_new(one.outcome))
        for one in settled
        for entry in (one.entry, *one.repeated)
        if entry.full_url and one.outcome.resource_id
    }


def _is_new(outcome: Draft | Stored) -> bool:
    return isinstance(outcome, Draft) and outcome.is_new


def _check_distinct(settled: Sequence[Settled]) -> None:
    seen: set[tuple[str, str]] = set()
    for one in settled:
        key = (one.entry.match.type_name or "", one.outcome.resource_id or "")
        if key[1] and key in seen:
            raise BadRequest(
                "two entries change the same resource; a transaction may change each resource once",
                expression=(one.entry.place,),
                code="duplicate",
            )
        seen.add(key)


def _match(context: Context, one: Settled, text: str) -> str | None:
    type_name, _, query = text.partition("?")
    with one.entry.blamed():
        found = criteria.one_match(context, "search-type", type_name, pairs(query))
    return None if found is None else f"{type_name}/{found.resource_id}"
