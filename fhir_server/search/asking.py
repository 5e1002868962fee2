"""One search as it runs: the state of the database, the tenant, the predicate; statements by shape and way."""

from collections.abc import Callable, Hashable, Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

from sqlalchemy import ClauseElement

from fhir_server.search.held import HeldResources
from fhir_server.search.plan import Drive, Search
from fhir_server.search.planner import Asker, drive_of
from fhir_server.search.remembered import LONGEST_REMEMBERED, MOST_VALUES_REMEMBERED
from fhir_server.search.request import SearchRequest
from fhir_server.search.resolve import depends_on_more, resolve
from fhir_server.search.searching import Searching
from fhir_server.search.sql import conditions, matches, order
from fhir_server.search.sql.walks import Way
from fhir_server.search.targets import Looking, with_known_targets
from fhir_server.search.understanding import Understanding
from fhir_server.store.statements import Rows, Sql
from fhir_server.store.visibility import Predicate

Statement: TypeAlias = tuple[Sql, Mapping[str, Any]]
"""What is asked of the database, with the values of its parameters."""


@dataclass(frozen=True, slots=True)
class Asking:
    """Who asks what of which rows; `now` in epoch microseconds."""

    rows: Rows
    searching: Searching
    tenant: int
    visible: Predicate
    now: int

    def understanding(self) -> Understanding:
        """What the request is read against."""
        searching = self.searching
        base = searching.settings.fhir_base
        return Understanding(
            definitions=searching.definitions,
            names=searching.names,
            base=base,
            now=self.now,
            units=searching.units,
            held=HeldResources(self.rows, searching.definitions, base, self.tenant, self.visible),
            readiness=searching.readiness,
        )

    def understood(self, request: SearchRequest) -> Search:
        """What the request means; raises BadRequest, and Unavailable while a parameter of it is not indexed."""
        key = (request.type_names, request.criteria, request.sort, request.includes, request.revincludes)
        found = None if request.compartment else self.searching.searches.known(key)
        if found is None:
            found = resolve(request, self.understanding())
            if self._is_lasting(request):
                self.searching.searches.keep(key, found)
        return found

    def _is_lasting(self, request: SearchRequest) -> bool:
        return not (
            depends_on_more(request)
            or self.searching.readiness.outdated
            or len(request.self_query) > LONGEST_REMEMBERED
            or sum(len(criterion.values) for criterion in request.criteria) > MOST_VALUES_REMEMBERED
        )

    def known(self, search: Search) -> Search:
        """The search, its links to few resources looked up."""
        return with_known_targets(
            search, Looking(self.rows, self.searching.statistics, self.tenant, self.now, self.visible)
        )

    def drive(self, search: Search) -> Drive:
        """The way that the search takes."""
        return drive_of(search, Asker(self.rows, self.searching.statistics, self.tenant, self.now))

    def page(self, search: Search, window: order.Window, after: order.Place | None) -> list[tuple[Any, ...]]:
        """The rows of a page: columns of a stored version, then the values of the sort keys."""
        sql, asked = self.page_statement(search, window, after)
        return self.rows.rows(sql, asked)

    def page_statement(self, search: Search, window: order.Window, after: order.Place | None) -> Statement:
        """The statement of a page, and its parameters."""
        way = Way(search.shape, self.drive(search), self.visible)
        sql = self._sql(("page", way.shape, way.drive, window), lambda: matches.page(way, window))
        return sql, {**self._asked(search), **order.operands(after)}

    def total(self, search: Search, limit: int | None) -> int:
        """How many match, counted up to a limit."""
        sql, asked = self.total_statement(search, limit)
        counted: int = self.rows.rows(sql, asked)[0][0]
        return counted

    def total_statement(self, search: Search, limit: int | None) -> Statement:
        """The statement of a total, and its parameters."""
        way = Way(search.shape, self.drive(search), self.visible)
        sql = self._sql(("total", way.shape, way.drive, limit), lambda: matches.total(way, limit))
        return sql, self._asked(search)

    def statement(self, key: Hashable, build: Callable[[], ClauseElement], parameters: Mapping[str, Any]) -> Statement:
        """A statement that depends on the key and the predicate, and its parameters."""
        return self._sql(key, build), {**self.visible.parameters, "tenant": self.tenant, **parameters}

    def _sql(self, key: Hashable, build: Callable[[], ClauseElement]) -> Sql:
        return self.rows.cached_sql(("search", key, self.visible.key), build)

    def _asked(self, search: Search) -> dict[str, Any]:
        return {**self.visible.parameters, "tenant": self.tenant, **conditions.operands(search.conditions)}
