"""Searches of a type, of the whole system, of a compartment: one page of matches with what they include.

https://hl7.org/fhir/R4/http.html#search  Parsing, SQL and paging are the `search` package's; this module asks for the
predicate, joins the stored bodies and writes the links.
"""

from dataclasses import dataclass

from fhir_server.errors import NotFound
from fhir_server.interactions.bundles import bundle, match_entry, outcome_entry
from fhir_server.interactions.context import Context
from fhir_server.interactions.request import Answer, Request
from fhir_server.interactions.routes import Match
from fhir_server.interactions.subsetting import Reduce, reduction
from fhir_server.search import Compartment, Page, Paging, Scope, run
from fhir_server.store.stored import Stored
from fhir_server.store.visibility import Predicate


def search_type(context: Context, request: Request, match: Match) -> Answer:
    """The page that the query asks for; raises BadRequest naming what was not understood."""
    type_name = match.type_name or ""
    visible = context.visible("search-type", type_name)
    return _answer(context, request, _Asked("search-type", type_name, type_name, Scope((type_name,)), visible))


def search_system(context: Context, request: Request, match: Match) -> Answer:
    """A page of several types, those of `_type` or all."""
    scope = Scope(_all_types(context), is_open=True)
    return _answer(context, request, _Asked("search-system", "", "", scope, context.visible("search-system", None)))


def search_compartment(context: Context, request: Request, match: Match) -> Answer:
    """A page of what is in a compartment: of one type, or ("*") of several."""
    owner, member = match.type_name or "", match.member or ""
    if owner not in context.core.definitions.compartments:
        raise NotFound("nothing is served at this path; see metadata for what is", code="not-found")
    compartment = Compartment(owner, match.resource_id or "")
    if member == "*":
        scope = Scope(_all_types(context), is_open=True, compartment=compartment)
        visible = context.visible("search-system", None)
    else:
        scope = Scope((member,), compartment=compartment)
        visible = context.visible("search-type", member)
    path = f"{owner}/{match.resource_id}/{member}"
    return _answer(context, request, _Asked("search-compartment", path, owner, scope, visible))


@dataclass(frozen=True, slots=True)
class _Asked:
    """What is searched: the interaction, the path below the base, the type of the record, and the rows that exist."""

    interaction: str
    path: str
    type_name: str
    scope: Scope
    visible: Predicate


def _all_types(context: Context) -> tuple[str, ...]:
    return tuple(sorted(context.core.searching.names.searchable))


def _answer(context: Context, request: Request, asked: _Asked) -> Answer:
    core = context.core
    lenient = request.is_lenient or (
        core.settings.unknown_parameters == "ignore" and request.prefer.get("handling") != "strict"
    )
    wanted = run.read_request(asked.scope, request.query, searching=core.searching, lenient=lenient)
    page = run.search(
        context.rows,
        wanted,
        searching=core.searching,
        tenant=context.tenant,
        visible=asked.visible,
        paging=Paging(core.cursor_key, context.principal.identifier),
        now=core.now(),
    )
    base = core.settings.fhir_base
    url = f"{base}/{asked.path}" if asked.path else base
    links = [("self", _linked(url, page.self_query))]
    if page.next_query is not None:
        links.append(("next", _linked(url, page.next_query)))
    text = bundle(
        "searchset", _entries(context, page, reduction(context, request)), links=links, total=page.total, now=core.now()
    )
    return Answer(200, asked.interaction, asked.type_name, text=text, disclosed=_disclosed(context, page))


def _linked(url: str, query: str) -> str:
    return f"{url}?{query}" if query else url


def _entries(context: Context, page: Page, reduce: Reduce | None) -> list[str]:
    base = context.core.settings.fhir_base
    names = context.core.type_names

    def written(stored: Stored, mode: str) -> str:
        body = stored.body if reduce is None else reduce(stored.body)
        return match_entry(base, names[stored.type_number], stored, mode, body)

    entries = [written(stored, "match") for stored in page.matches]
    entries += [written(stored, "include") for stored in page.included]
    if page.warnings:
        entries.append(outcome_entry(page.warnings))
    return entries


def _disclosed(context: Context, page: Page) -> tuple[str, ...]:
    names = context.core.type_names
    return tuple(
        f"{names[v.type_number]}/{v.resource_id}/_history/{v.version_id}" for v in (*page.matches, *page.included)
    )
