"""References between the entries of a transaction: fullUrls, conditional references, narrative links.

https://hl7.org/fhir/R4/http.html#trules and https://hl7.org/fhir/R4/bundle.html#references  A reference to an entry is
rewritten to the identity that entry got; everything else is stored as sent.
"""

import uuid
from collections.abc import Sequence
from dataclasses import replace

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
                "two entries have the same fullUrl; each needs its own", expression=(f"Bundle.entry[{entry.index}].fullUrl",)
            )
        seen.add(entry.full_url)


def has_conditional_references(changing: Sequence[Entry]) -> bool:
    """Whether any body may refer by criteria, as in "Patient?identifier=..."."""
    return any(isinstance(e.request.body, dict) and "?" in dump(e.request.body) for e in changing)


def link(context: Context, settled: Sequence[Settled]) -> list[Settled]:
    """Give new resources their ids, rewrite references, refuse two changes of one resource."""
    identified = [_identified(one) for one in settled]
    places = _places(context, identified)
    _check_distinct(identified)
    resolved: dict[str, str] = {}

    def replacement(text: str) -> str | None:
        if text in places:
            return places[text]
        head, mark, tail = text.partition("/_history/")
        if mark and head in places:
            return f"{places[head]}/_history/{tail}"
        if "?" in text:
            return _conditional(context, text, resolved)
        return None

    for one in identified:
        draft = one.outcome
        if isinstance(draft, Draft) and draft.resource is not None:
            resource = references.rewrite(draft.resource, replacement, context.core.definitions)
            one.outcome = replace(draft, resource=resource)
    return identified


def _identified(one: Settled) -> Settled:
    draft = one.outcome
    if isinstance(draft, Draft) and draft.resource_id is None and draft.resource is not None:
        one.outcome = replace(draft, resource_id=str(uuid.uuid4()), is_new=True)
    return one


def _places(context: Context, settled: Sequence[Settled]) -> dict[str, str]:
    places: dict[str, str] = {}
    for one in settled:
        type_name = one.entry.match.type_name
        resource_id = one.outcome.resource_id
        if not one.entry.full_url or not resource_id:
            continue
        places[one.entry.full_url] = f"{type_name}/{resource_id}"
        if one.entry.request.method == "POST":
            reference = references.parse(one.entry.full_url)
            if reference.kind == "absolute" and reference.resource_id and reference.base == context.core.settings.fhir_base:
                places[f"{reference.type_name}/{reference.resource_id}"] = f"{type_name}/{resource_id}"
    return places


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
