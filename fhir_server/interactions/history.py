"""history of an instance, a type or the whole system, newest first, paged by keyset.

https://hl7.org/fhir/R4/http.html#history  A version is shown only while its resource is visible to the principal.
"""

from collections.abc import Sequence
from urllib.parse import quote, urlencode

from fhir_server.errors import BadRequest, NotFound
from fhir_server.fhir.dates import DateRange, parse_range
from fhir_server.interactions.bundles import bundle, history_entry
from fhir_server.interactions.context import Context
from fhir_server.interactions.request import Answer, Request
from fhir_server.interactions.routes import Match
from fhir_server.interactions.subsetting import reduction
from fhir_server.search import cursor
from fhir_server.store import reading
from fhir_server.store.stored import Stored

_KNOWN = frozenset({"_since", "_at", "_count", "_cursor", "_format", "_pretty", "_summary", "_elements"})
_TIMES = frozenset({"_since", "_at"})


def history(context: Context, request: Request, match: Match) -> Answer:
    """A history bundle; raises NotFound for an instance never seen, BadRequest for parameters that do not fit."""
    code, type_name, resource_id = match.route.code, match.type_name, match.resource_id
    visible = context.visible(code, type_name)
    asked = _parameters(request)
    count = _count(context, asked.get("_count"))
    types = context.core.definitions.resource_types
    number = None if type_name is None else types[type_name]
    window = _window(asked)
    found = reading.read_history(
        context.rows,
        tenant=context.tenant,
        type_number=number,
        resource_id=resource_id,
        since=window[0],
        at=window[1],
        before=_position(context, asked, match),
        count=count + 1,
        visible=visible,
    )
    if resource_id is not None and number is not None and not found:
        # Nothing in the window asked for, or nothing at all.
        there = reading.read_current(context.rows, number, resource_id, tenant=context.tenant, visible=visible)
        if there is None:
            raise NotFound(f"no {type_name} with this id")
    total = None
    if resource_id is not None and window == (None, None):
        total = reading.count_history(
            context.rows, tenant=context.tenant, type_number=number, resource_id=resource_id, visible=visible
        )
    text = bundle(
        "history",
        _entries(context, request, found[:count]),
        links=_links(context, match, asked, found, count),
        total=total,
        now=context.core.now(),
    )
    return Answer(200, code, type_name or "", text=text, disclosed=_disclosed(context, found[:count]))


def _entries(context: Context, request: Request, found: Sequence[Stored]) -> list[str]:
    names = context.core.type_names
    base = context.core.settings.fhir_base
    reduce = reduction(context, request)
    return [
        history_entry(base, names[v.type_number], v, None if reduce is None or v.deleted else reduce(v.body))
        for v in found
    ]


def _disclosed(context: Context, found: Sequence[Stored]) -> tuple[str, ...]:
    names = context.core.type_names
    return tuple(f"{names[v.type_number]}/{v.resource_id}/_history/{v.version_id}" for v in found)


def _parameters(request: Request) -> dict[str, str]:
    asked = {name: value for name, value in request.query if value}
    for name in _TIMES & asked.keys():
        asked[name] = asked[name].replace(" ", "+")  # a plus sign that nobody encoded
    if asked.get("_summary") == "count":
        raise BadRequest("_summary=count is for searches", code="not-supported")
    for name in asked:
        if name not in _KNOWN and not request.is_lenient:
            raise BadRequest(
                f"history knows _since, _at and _count; it does not know {name[:60]}", code="not-supported"
            )
    return asked


def _count(context: Context, text: str | None) -> int:
    settings = context.core.settings
    if text is None:
        return settings.page_size
    if not (text.isascii() and text.isdigit()) or len(text) > 9 or int(text) < 1:
        raise BadRequest("_count is expected to be a positive number", code="value")
    return min(int(text), settings.max_page_size)


def _window(asked: dict[str, str]) -> tuple[int | None, DateRange | None]:
    try:
        since = parse_range(asked["_since"]).low if "_since" in asked else None
        return since, parse_range(asked["_at"]) if "_at" in asked else None
    except ValueError as error:
        raise BadRequest("_since and _at are expected to be dates with time, as in 2026-01-31T09:00:00Z") from error


def _binding(context: Context, match: Match) -> str:
    return f"{context.principal.identifier}|{match.route.code}|{match.type_name}|{match.resource_id}"


def _position(context: Context, asked: dict[str, str], match: Match) -> tuple[int, int, int] | None:
    text = asked.get("_cursor")
    if text is None:
        return None
    updated, pk, version_id = cursor.opened(text, key=context.core.cursor_key, binding=_binding(context, match))
    assert isinstance(updated, int) and isinstance(pk, int) and isinstance(version_id, int)  # noqa: PT018 (we sealed them)
    return updated, pk, version_id


def _links(
    context: Context, match: Match, asked: dict[str, str], found: Sequence[Stored], count: int
) -> list[tuple[str, str]]:
    path = "/".join(quote(part) for part in (match.type_name, match.resource_id, "_history") if part)
    url = f"{context.core.settings.fhir_base}/{path}"
    kept = {name: value for name, value in asked.items() if name not in {"_format", "_pretty"}}
    links = [("self", f"{url}?{urlencode(kept)}" if kept else url)]
    if len(found) > count:
        last = found[count - 1]
        place = cursor.sealed(
            (last.updated, last.pk, last.version_id), key=context.core.cursor_key, binding=_binding(context, match)
        )
        links.append(("next", f"{url}?{urlencode({**kept, '_cursor': place})}"))
    return links
