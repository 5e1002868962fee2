"""search-type: one page of matches with what they include, as a searchset.

https://hl7.org/fhir/R4/http.html#search  Parsing, SQL and paging are the `search` package's; this module asks for the
predicate, joins the stored bodies and writes the links.
"""

from fhir_server.interactions.bundles import bundle, match_entry, outcome_entry
from fhir_server.interactions.context import Context
from fhir_server.interactions.request import Answer, Request
from fhir_server.interactions.routes import Match
from fhir_server.interactions.subsetting import Reduce, reduction
from fhir_server.search import run
from fhir_server.store.stored import Stored


def search(context: Context, request: Request, match: Match) -> Answer:
    """The page that the query asks for; raises BadRequest naming what was not understood."""
    core = context.core
    type_name = match.type_name or ""
    visible = context.visible("search-type", type_name)
    lenient = request.is_lenient or (
        core.settings.unknown_parameters == "ignore" and request.prefer.get("handling") != "strict"
    )
    asked = run.read_request(
        type_name, request.query, definitions=core.definitions, settings=core.settings, lenient=lenient
    )
    page = run.search(
        context.rows,
        asked,
        definitions=core.definitions,
        settings=core.settings,
        tenant=context.tenant,
        visible=visible,
        paging=run.Paging(core.cursor_key, context.principal.identifier),
        now=core.now(),
    )
    url = f"{core.settings.fhir_base}/{type_name}"
    links = [("self", _linked(url, page.self_query))]
    if page.next_query is not None:
        links.append(("next", _linked(url, page.next_query)))
    text = bundle(
        "searchset", _entries(context, page, reduction(context, request)), links=links, total=page.total, now=core.now()
    )
    return Answer(200, "search-type", type_name, text=text, disclosed=_disclosed(context, page))


def _linked(url: str, query: str) -> str:
    return f"{url}?{query}" if query else url


def _entries(context: Context, page: run.Page, reduce: Reduce | None) -> list[str]:
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


def _disclosed(context: Context, page: run.Page) -> tuple[str, ...]:
    names = context.core.type_names
    return tuple(
        f"{names[v.type_number]}/{v.resource_id}/_history/{v.version_id}" for v in (*page.matches, *page.included)
    )
