"""References between the entries of a transaction: fullUrls, conditional references, narrative links.

https://hl7.org/fhir/R4/http.html#trules and https://hl7.org/fhir/R4/bundle.html#references  A reference to an entry is
rewritten to the identity that entry got; everything else is stored as sent.
"""

import uuid
from collections.abc import Sequence
from dataclasses import replace
from functools import partial

from fhir_server.errors import BadRequest, PreconditionFailed
from fhir_server.fhir import references
from fhir_server.fhir.json import dump
from fhir_server.interactions import criteria
from fhir_server.interactions.context import Context, Draft
from fhir_server.interactions.entries import Entry, Settled


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
    """Give new resources their ids, rewrite references, refuse two changes of one resource."""
    identified = [_identified(one) for one in settled]
    places = _places(identified)
    _check_distinct(identified)
    resolved: dict[str, str] = {}

    def replacement(text: str, root: str) -> str | None:
        address, mark, version = text.partition("/_history/")
        place = places.get(address) or places.get(f"{root}/{address}")
        if place is not None:
            return f"{place}{mark}{version}"
        return _conditional(context, text, resolved) if "?" in text else None

    for one in identified:
        draft = one.outcome
        if isinstance(draft, Draft) and draft.resource is not None:
            here = partial(replacement, root=_root(context, one.entry.full_url))
            resource = references.rewrite(draft.resource, here, context.core.definitions)
            one.outcome = replace(draft, resource=resource)
    return identified


def _root(context: Context, full_url: str) -> str:
    """What the entry's relative references stand below: the base of its fullUrl, or else this server's."""
    reference = references.parse(full_url)
    return reference.base if reference.kind == "absolute" else context.core.settings.fhir_base


def _identified(one: Settled) -> Settled:
    draft = one.outcome
    if isinstance(draft, Draft) and draft.resource_id is None and draft.resource is not None:
        one.outcome = replace(draft, resource_id=str(uuid.uuid4()), is_new=True)
    return one


def _places(settled: Sequence[Settled]) -> dict[str, str]:
    return {
        one.entry.full_url: f"{one.entry.match.type_name}/{one.outcome.resource_id}"
        for one in settled
        if one.entry.full_url and one.outcome.resource_id
    }


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


def _conditional(context: Context, text: str, resolved: dict[str, str]) -> str | None:
    type_name, _, query = text.partition("?")
    if type_name not in context.core.enabled or not query:
        return None
    if text not in resolved:
        found = criteria.one_match(context, "search-type", type_name, criteria.pairs_of(query))
        if found is None:
            raise PreconditionFailed("a conditional reference matches no resource", code="not-found")
        resolved[text] = f"{type_name}/{found.resource_id}"
    return resolved[text]
