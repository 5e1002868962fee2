"""Runs a search: one page of matches, what they include, and the total when it was asked for.

https://hl7.org/fhir/R4/search.html  All statements of one search see the same state of the database and the same
predicate. Statements are compiled once for each shape and way; a plain page costs one.
"""

from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, replace
from typing import Protocol, runtime_checkable

from fhir_server.errors import BadRequest, Issue, TimeLimit, TooCostly
from fhir_server.search import cursor
from fhir_server.search.asking import Asking
from fhir_server.search.criteria import HELD_MODIFIERS
from fhir_server.search.including import Included, included
from fhir_server.search.parse import Limits, Scope, parse, query_text
from fhir_server.search.plan import Search
from fhir_server.search.remembered import LONGEST_REMEMBERED
from fhir_server.search.request import SearchRequest
from fhir_server.search.results import RESULT
from fhir_server.search.searching import Searching
from fhir_server.search.sql import order
from fhir_server.search.time_limit import timed
from fhir_server.store.reading import COLUMNS, stored
from fhir_server.store.statements import Rows
from fhir_server.store.stored import Stored
from fhir_server.store.visibility import Predicate


@dataclass(frozen=True, slots=True)
class Paging:
    """What page links are sealed with: the key that all servers share, and who asks."""

    key: bytes
    caller: str


@dataclass(frozen=True, slots=True)
class Page:
    """One page; `total` is None when nobody asked, or when counting stopped at the cap.

    `self_query` and `next_query` are query strings; the first says what was understood, the other is None on the last
    page.
    """

    matches: list[Stored]
    included: list[Stored]
    total: int | None
    self_query: str
    next_query: str | None
    warnings: list[Issue]


@runtime_checkable
class _Snapshots(Protocol):
    """A database, as against a unit of work."""

    def snapshot(self) -> AbstractContextManager[Rows]: ...


def read_request(
    scope: Scope, pairs: Sequence[tuple[str, str]], *, searching: Searching, lenient: bool
) -> SearchRequest:
    """The search that the pairs of a query ask for; raises BadRequest naming what is unknown."""
    settings = searching.settings
    limits = Limits(settings.page_size, settings.max_page_size, settings.max_chain_links)

    def read() -> SearchRequest:
        return parse(scope, pairs, names=searching.names, limits=limits, lenient=lenient)

    if sum(len(name) + len(value) for name, value in pairs) > LONGEST_REMEMBERED:
        return read()
    return searching.requests.get((scope, tuple(pairs), lenient), read)


def search(
    rows: Rows,
    request: SearchRequest,
    *,
    searching: Searching,
    tenant: int,
    visible: Predicate,
    paging: Paging,
    now: int,
) -> Page:
    """One page; `now` is the clock in epoch microseconds. Raises BadRequest for what does not fit or costs too much."""
    # The size of pages and what comes with them may change on the way; what is searched, and by whom, may not.
    binding = repr((paging.caller, tenant, request.type_names, request.compartment, request.criteria, request.sort))
    after = cursor.opened(request.cursor, key=paging.key, binding=binding) if request.cursor else None
    try:
        with _one_state(rows, several=_needs_several(request)) as state:
            asking = Asking(timed(state, searching.settings), searching, tenant, visible, now)
            found = asking.known(asking.understood(request))
            matches, last = _matches(asking, found, after, request.count)
            more = included(asking, found.inclusions, matches)
            total = _total(asking, found, request.total, searching.settings.total_cap)
    except TimeLimit:
        raise TooCostly(_too_dear(request)) from None
    following = None if last is None else cursor.sealed(last, key=paging.key, binding=binding)
    return Page(
        matches=matches,
        included=more.stored,
        total=total,
        self_query=_query(request, request.cursor),
        next_query=None if following is None else _query(request, following),
        warnings=_warnings(request, more, total, searching),
    )


def find_matches(
    rows: Rows,
    type_name: str,
    criteria: Sequence[tuple[str, str]],
    *,
    searching: Searching,
    tenant: int,
    visible: Predicate,
    now: int,
    limit: int = 2,
) -> list[Stored]:
    """The newest resources that criteria select, for conditional interactions; raises BadRequest as `search` does."""
    other = next((name for name, _ in criteria if name.partition(":")[0] in RESULT - {"_format", "_pretty"}), None)
    if other is not None:
        raise BadRequest(f"{other[:60]} selects nothing; criteria are search parameters only", code="value")
    request = read_request(Scope((type_name,)), criteria, searching=searching, lenient=False)
    if not request.criteria:
        raise BadRequest("the criteria select nothing in particular; give at least one search parameter")
    asking = Asking(timed(rows, searching.settings), searching, tenant, visible, now)
    try:
        return _matches(asking, asking.known(asking.understood(request)), None, limit)[0]
    except TimeLimit:
        raise TooCostly(_too_dear(request)) from None


def _query(request: SearchRequest, position: str) -> str:
    return "&".join(part for part in (request.self_query, position and query_text([("_cursor", position)])) if part)


def _needs_several(request: SearchRequest) -> bool:
    """Whether more than one statement must see the same: links and what modifiers stand for are looked up first."""
    if request.includes or request.revincludes or request.compartment or (request.total != "none" and request.count):
        return True
    return any(c.links or c.modifier in HELD_MODIFIERS for c in request.criteria)


@contextmanager
def _one_state(rows: Rows, *, several: bool) -> Iterator[Rows]:
    """The rows, from one state of the database when several statements need them; a unit of work is one already."""
    if several and isinstance(rows, _Snapshots):
        with rows.snapshot() as state:
            yield state
    else:
        yield rows


def _matches(
    asking: Asking, found: Search, after: order.Place | None, count: int
) -> tuple[list[Stored], order.Place | None]:
    """The matches of a page, and the place of the last one when there are more."""
    if count == 0 or not found.type_numbers:
        return [], None
    window = order.Window(None if after is None else tuple(value is None for value in after), count + 1)
    rows = asking.page(found, window, after)
    place = None
    if len(rows) > count:
        pk, *_ = last = rows[count - 1]
        place = (*last[len(COLUMNS) :], pk)
    return [stored(row[: len(COLUMNS)]) for row in rows[:count]], place


def _total(asking: Asking, found: Search, wanted: str, cap: int) -> int | None:
    if wanted == "none":
        return None
    if not found.type_numbers:
        return 0
    limit = cap + 1 if wanted == "estimate" else None
    counted = asking.total(replace(found, order=()), limit)
    return None if limit is not None and counted > cap else counted


def _warnings(request: SearchRequest, more: Included, total: int | None, searching: Searching) -> list[Issue]:
    warnings = list(request.warnings)
    settings = searching.settings
    if more.is_cut:
        text = f"more than {settings.max_includes} resources would be included; the rest was left out"
        warnings.append(Issue("warning", "incomplete", text))
    if total is None and request.total == "estimate":
        text = f"more than {settings.total_cap} match; they were not counted further: use _total=accurate"
        warnings.append(Issue("information", "incomplete", text))
    return warnings


def _too_dear(request: SearchRequest) -> str:
    """What to narrow: names only, no values."""
    named = ", ".join(dict.fromkeys(c.path[:60] for c in request.criteria[:5])) or "no parameter at all"
    counting = "; leave out _total" if request.total == "accurate" else ""
    ordering = "; leave out _sort" if request.sort else ""
    including = "; include less, or ask for smaller pages" if request.includes or request.revincludes else ""
    mend = "add a parameter that few resources match"
    return f"this search by {named} takes too long: {mend}{counting}{ordering}{including}"
