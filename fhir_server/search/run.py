"""Runs a search: one page of matches, what they include, and the total when it was asked for.

https://hl7.org/fhir/R4/search.html  All statements of one search see the same state of the database and the same
predicate. Statements are compiled once for each shape; a plain page costs one.
"""

from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, Protocol, runtime_checkable

from sqlalchemy import ClauseElement

from fhir_server.definitions import Definitions
from fhir_server.errors import BadRequest, Issue
from fhir_server.search import cursor
from fhir_server.search.parse import RESULT, parse, query_text
from fhir_server.search.plan import Search
from fhir_server.search.request import SearchRequest
from fhir_server.search.resolve import Understanding, resolve
from fhir_server.search.sql import conditions, includes, matches, order
from fhir_server.settings import Settings
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


@dataclass(frozen=True, slots=True)
class _Asking:
    """A search with what runs it: the rows of one state of the database, the tenant, the predicate."""

    rows: Rows
    search: Search
    tenant: int
    visible: Predicate

    def select(
        self, key: Hashable, build: Callable[[], ClauseElement], parameters: Mapping[str, Any]
    ) -> list[tuple[Any, ...]]:
        """The rows of a statement that depends on the key and the predicate."""
        sql = self.rows.cached_sql(("search", key, self.visible.key), build)
        return self.rows.rows(sql, {**self.visible.parameters, "tenant": self.tenant, **parameters})


def read_request(
    type_name: str, pairs: Sequence[tuple[str, str]], *, definitions: Definitions, settings: Settings, lenient: bool
) -> SearchRequest:
    """The search that the pairs of a query ask for; raises BadRequest naming what is unknown."""
    return parse(
        type_name,
        pairs,
        known=definitions.search_parameters[type_name].keys(),
        lenient=lenient,
        page_size=settings.page_size,
        max_page_size=settings.max_page_size,
    )


def search(
    rows: Rows,
    request: SearchRequest,
    *,
    definitions: Definitions,
    settings: Settings,
    tenant: int,
    visible: Predicate,
    paging: Paging,
    now: int,
) -> Page:
    """One page; `now` is the clock in epoch microseconds. Raises BadRequest for what does not fit."""
    found = resolve(request, Understanding(definitions, settings.fhir_base, now))
    # The size of pages and what comes with them may change on the way; what is searched, and by whom, may not.
    binding = repr((paging.caller, tenant, request.type_name, request.criteria, request.sort))
    after = cursor.opened(request.cursor, key=paging.key, binding=binding) if request.cursor else None
    with _one_state(rows, several=_needs_several(request)) as state:
        asking = _Asking(state, found, tenant, visible)
        found_matches, last = _matches(asking, after, request.count)
        included, too_many = _included(asking, found_matches, settings.max_includes)
        total = _total(asking, request.total, settings.total_cap)
    warnings = list(request.warnings)
    if too_many:
        text = f"more than {settings.max_includes} resources would be included; the rest was left out"
        warnings.append(Issue("warning", "incomplete", text))
    if total is None and request.total == "estimate":
        text = f"more than {settings.total_cap} match; they were not counted further: use _total=accurate"
        warnings.append(Issue("information", "incomplete", text))
    following = None if last is None else cursor.sealed(last, key=paging.key, binding=binding)
    return Page(
        matches=found_matches,
        included=included,
        total=total,
        self_query=_query(request, request.cursor),
        next_query=None if following is None else _query(request, following),
        warnings=warnings,
    )


def find_matches(
    rows: Rows,
    definitions: Definitions,
    type_name: str,
    criteria: Sequence[tuple[str, str]],
    *,
    tenant: int,
    visible: Predicate,
    settings: Settings,
    limit: int = 2,
) -> list[Stored]:
    """The newest resources that criteria select, for conditional interactions; raises BadRequest."""
    other = next((name for name, _ in criteria if name.partition(":")[0] in RESULT - {"_format", "_pretty"}), None)
    if other is not None:
        raise BadRequest(f"{other[:60]} selects nothing; criteria are search parameters only", code="value")
    request = read_request(type_name, criteria, definitions=definitions, settings=settings, lenient=False)
    if not request.criteria:
        raise BadRequest("the criteria select nothing in particular; give at least one search parameter")
    found = resolve(request, Understanding(definitions, settings.fhir_base, 0))
    return _matches(_Asking(rows, found, tenant, visible), None, limit)[0]


def _query(request: SearchRequest, position: str) -> str:
    return "&".join(part for part in (request.self_query, position and query_text([("_cursor", position)])) if part)


def _needs_several(request: SearchRequest) -> bool:
    return bool(request.includes or request.revincludes or (request.total != "none" and request.count))


@contextmanager
def _one_state(rows: Rows, *, several: bool) -> Iterator[Rows]:
    """The rows, from one state of the database when several statements need them; a unit of work is one already."""
    if several and isinstance(rows, _Snapshots):
        with rows.snapshot() as state:
            yield state
    else:
        yield rows


def _matches(asking: _Asking, after: order.Place | None, count: int) -> tuple[list[Stored], order.Place | None]:
    """The matches of a page, and the place of the last one when there are more."""
    if count == 0:
        return [], None
    shape = asking.search.shape
    window = order.Window(None if after is None else tuple(value is None for value in after), count + 1)
    found = asking.select(
        ("page", shape, window),
        lambda: matches.page(shape, window=window, visible=asking.visible),
        {**conditions.operands(asking.search.conditions), **order.operands(after)},
    )
    place = None
    if len(found) > count:
        pk, *_ = last = found[count - 1]
        place = (*last[len(COLUMNS) :], pk)
    return [stored(row[: len(COLUMNS)]) for row in found[:count]], place


def _included(asking: _Asking, including: list[Stored], limit: int) -> tuple[list[Stored], bool]:
    """What the matches include, none of it twice nor a match, and whether that was too much."""
    search, visible = asking.search, asking.visible
    found: dict[int, Stored] = {}
    parameters = {"pks": [m.pk for m in including], "ids": [m.resource_id for m in including]}
    for inclusions, build in ((search.includes, includes.included), (search.revincludes, includes.including)):
        if including and inclusions:
            statement = partial(build, inclusions, limit=limit + 1, visible=visible)
            rows = asking.select((build.__name__, inclusions, limit), statement, parameters)
            found.update((row[0], stored(row)) for row in rows)
    ordered = [found[pk] for pk in sorted(found)]
    return ordered[:limit], len(ordered) > limit


def _total(asking: _Asking, wanted: str, cap: int) -> int | None:
    if wanted == "none":
        return None
    shape = asking.search.shape
    limit = cap + 1 if wanted == "estimate" else None
    rows = asking.select(
        ("total", replace(shape, order=()), limit),
        lambda: matches.total(shape, limit=limit, visible=asking.visible),
        conditions.operands(asking.search.conditions),
    )
    counted: int = rows[0][0]
    return None if limit is not None and counted > cap else counted
