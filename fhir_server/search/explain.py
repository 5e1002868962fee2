"""Explains a search: how it was understood, what was looked up and counted for it, its way, its statements, plans.

What a search asks before its page (links, value sets, counts) is asked here as well, since the page depends on it; the
page itself, its total and its includes are run only by `measure`. The rule: the statements are those that the search
runs, made by the same functions.
"""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, TypeAlias

from fhir_server.errors import BadRequest
from fhir_server.search.asking import Asking, Statement
from fhir_server.search.including import step_statements
from fhir_server.search.plan import Inclusions, Search
from fhir_server.search.request import SearchRequest
from fhir_server.search.searching import Searching
from fhir_server.search.sql import order
from fhir_server.search.sql.conditions import leaves
from fhir_server.search.statistics import FEW_ROWS, MANY_ROWS, Statistics
from fhir_server.search.watching import Ran, Watching
from fhir_server.search.wording import Wording, asked, wording_of
from fhir_server.store.database import Database
from fhir_server.store.statements import Sql
from fhir_server.store.visibility import Predicate

Plan: TypeAlias = Callable[[Sql, Mapping[str, Any]], list[str]]
Keys: TypeAlias = Callable[[Asking, Search, int], list[int]]
"""The keys of a page, from which its includes start."""
_BEFORE: Mapping[str, str] = {
    "statistics": "count of index rows",
    "targets": "look-up of a link",
    "parts": "hierarchy of resources",
    "read_current": "read of a resource",
    "newest_of_url": "read by URL",
}
"""What a search asks before its page, by the first part of the key of its statement."""


@dataclass(frozen=True, slots=True)
class ExplainedStatement:
    """A statement with the values of its parameters, and its plan in the words of the database.

    `note` says what it took where it was run before the page.
    """

    name: str
    sql: str
    parameters: Mapping[str, Any]
    plan: tuple[str, ...]
    note: str = ""


@dataclass(frozen=True, slots=True)
class Explanation:
    """All of it in lines to read; conditions have places ("c0", "c0_t") by which the other parts name them."""

    asked: tuple[str, ...]
    conditions: tuple[str, ...]
    links: tuple[str, ...]
    counts: tuple[str, ...]
    drive: str
    order: str
    before: tuple[ExplainedStatement, ...]
    statements: tuple[ExplainedStatement, ...]


def explain(
    rows: Database, request: SearchRequest, *, searching: Searching, tenant: int, visible: Predicate, now: int
) -> Explanation:
    """How a search would run, its statements not run; `now` in epoch microseconds. Raises what the search would."""
    asking = Asking(rows, _fresh(searching), tenant, visible, now)
    return _explained(rows, request, asking, plan=rows.plan, keys_of=_made_up_keys)


def measure(
    rows: Database, request: SearchRequest, *, searching: Searching, tenant: int, visible: Predicate, now: int
) -> Explanation:
    """The same with its statements run, and what each took; of the includes those that the matches lead to at once."""
    asking = Asking(rows, _fresh(searching), tenant, visible, now)
    return _explained(rows, request, asking, plan=rows.measure, keys_of=_keys_of_page)


def _fresh(searching: Searching) -> Searching:
    """Without remembered counts: the way is the one of a server that has just been started."""
    return replace(searching, statistics=Statistics())


def _explained(database: Database, request: SearchRequest, asking: Asking, *, plan: Plan, keys_of: Keys) -> Explanation:
    if request.cursor:
        raise BadRequest("the first page is explained; leave out _cursor", code="value")
    with database.snapshot() as state:
        watching = Watching(state)
        asking = replace(asking, rows=watching)
        understood = asking.understood(request)
        found = asking.known(understood)
        drive = asking.drive(found)
        before = tuple(watching.ran)
        statements = list(_statements(asking, found, request, keys_of))
    wording = wording_of(asking.searching.definitions)
    return Explanation(
        asked=tuple(asked(request)),
        conditions=tuple(_conditions(wording, understood)),
        links=tuple(_links(wording, understood, found)),
        counts=tuple(_counts(wording, asking, found)),
        drive=wording.drive(drive, found.conditions, is_by_time=order.Ordering(found.order).is_by_time),
        order=wording.order(found.order),
        before=tuple(_before(database, before)),
        statements=tuple(
            ExplainedStatement(name, sql.text, _given(sql, values), tuple(plan(sql, values)))
            for name, (sql, values) in statements
        ),
    )


def _statements(
    asking: Asking, found: Search, request: SearchRequest, keys_of: Keys
) -> Iterator[tuple[str, Statement]]:
    """What the search runs once its way is known, as `run` does it."""
    if not found.type_numbers:
        return
    if request.count:
        yield "page", asking.page_statement(found, order.Window(None, request.count + 1), None)
        if not found.inclusions.is_empty:
            yield from _including(asking, found.inclusions, keys_of(asking, found, request.count))
    if request.total != "none":
        limit = asking.searching.settings.total_cap + 1 if request.total == "estimate" else None
        yield f"{request.total} total", asking.total_statement(replace(found, order=()), limit)


def _including(asking: Asking, inclusions: Inclusions, keys: list[int]) -> Iterator[tuple[str, Statement]]:
    """The statements of the first round, and those of the next where they are others."""
    if not keys:
        return
    forward = inclusions.forward + inclusions.iterated_forward
    backward = inclusions.backward + inclusions.iterated_backward
    first = step_statements(asking, forward, backward, start=keys, seen=keys)
    yield from (("includes", statement) for statement in first)
    again = step_statements(asking, inclusions.iterated_forward, inclusions.iterated_backward, start=keys, seen=keys)
    known = {sql for sql, _ in first}
    yield from (("includes, next rounds", statement) for statement in again if statement[0] not in known)


def _made_up_keys(_asking: Asking, _found: Search, count: int) -> list[int]:
    """As many as a page has; which they are makes no difference to a plan."""
    return list(range(1, count + 1))


def _keys_of_page(asking: Asking, found: Search, count: int) -> list[int]:
    return [row[0] for row in asking.page(found, order.Window(None, count + 1), None)[:count]]


def _conditions(wording: Wording, search: Search) -> Iterator[str]:
    for at, node in enumerate(search.conditions):
        yield from wording.condition(node, f"c{at}")


def _links(wording: Wording, before: Search, after: Search) -> Iterator[str]:
    for at, (one, other) in enumerate(zip(before.conditions, after.conditions, strict=True)):
        yield from wording.link(one, other, f"c{at}")


def _counts(wording: Wording, asking: Asking, found: Search) -> Iterator[str]:
    """What the planner counted, and how far it did."""
    for at, node in enumerate(found.conditions):
        for place, condition in leaves(node, f"c{at}"):
            for cap in (FEW_ROWS, MANY_ROWS):
                counted = asking.searching.statistics.known(condition, tenant=asking.tenant, now=asking.now, cap=cap)
                if counted is not None:
                    told = f"{cap} or more" if counted >= cap else str(counted)
                    yield f"{place}: {wording.name(condition)}: {told} index rows, counted up to {cap}"


def _before(database: Database, ran: Sequence[Ran]) -> Iterator[ExplainedStatement]:
    """Each statement that was run on the way once, with the values of its first run."""
    runs: dict[Sql, list[Ran]] = {}
    for one in ran:
        runs.setdefault(one.sql, []).append(one)
    for sql, every in runs.items():
        first = every[0]
        key = first.key[0] if isinstance(first.key, tuple) else None
        milliseconds = sum(one.microseconds for one in every) / 1_000
        times = "once" if len(every) == 1 else f"{len(every)} times"
        yield ExplainedStatement(
            _BEFORE.get(str(key), "statement"),
            sql.text,
            _given(sql, first.parameters),
            tuple(database.plan(sql, first.parameters)),
            note=f"run {times}, {sum(one.rows for one in every)} rows, {milliseconds:.3f} ms",
        )


def _given(sql: Sql, parameters: Mapping[str, Any]) -> dict[str, Any]:
    """The values that the statement has a place for, by that: "$1 name", or ":name"."""
    values = {**sql.defaults, **parameters}
    if sql.names:
        return {f"${at} {name}": values[name] for at, name in enumerate(sql.names, 1)}
    named = dict.fromkeys(re.findall(r"(?<!:):([A-Za-z_]\w*)", sql.text))
    return {f":{name}": values[name] for name in named if name in values}
