"""The shapes of search that are measured: what the server is asked, and with which values the floor runs its SQL.

A shape asks for one thing with many values in turn, spread over the whole population, so that no cache holds all of
them. The rule: unless it `grows`, a shape finds as much in a large population as in a small one.
"""

import base64
import datetime as dt
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from urllib.parse import parse_qs, urlencode, urlsplit

from benchmarks import population, shares
from benchmarks.floor_searches import PAGE
from benchmarks.population import BIG, Population

VARIED = 1_000
"""At most so many different requests a shape."""
DEEPEST_PAGE = 50
_DEEP_PAGES = 10
_BEYOND = "\U0010ffff"
_OPEN_STATUSES = ("requested", "accepted")
_DATED = 25
"""Tasks in the stretch of time that is asked for."""
_SIGNATURE_BYTES = 16

Follow = Callable[[str], str]
"""Asks for a page by its path and query, and gives those of the next page, or "" after the last."""


@dataclass(frozen=True, slots=True)
class Asked:
    """One search: `Task?...` for the server, the values of the shape's statement for the floor."""

    path: str
    values: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Reached:
    """What HAPI FHIR JPA 8.8 reached on PostgreSQL with 10,000 Tasks and 8 clients, and how far ahead to be."""

    per_second: int
    ahead: int
    p50_ms: float | None = None


@dataclass(frozen=True, slots=True)
class Shape:
    """One kind of search; `make` yields its requests, and asks the server where they depend on its answers."""

    name: str
    title: str
    make: Callable[[Population, Follow], Iterator[Asked]]
    grows: bool = False
    hapi: Reached | None = None

    def requests(self, people: Population, follow: Follow) -> list[Asked]:
        """The requests of a run."""
        return list(self.make(people, follow))


def _spread(count: int) -> Iterator[int]:
    """Numbers below a count, few enough, from everywhere."""
    wanted = min(count, VARIED)
    return (place * count // wanted for place in range(wanted))


def _query(type_name: str, *pairs: tuple[str, str]) -> str:
    return f"{type_name}?{urlencode([*pairs, ('_count', str(PAGE))])}"


def _worklists(people: Population, *further: tuple[str, str]) -> Iterator[Asked]:
    for number in _spread(people.helpers):
        for status in _OPEN_STATUSES:
            owner = population.helper(number)
            path = _query("Task", ("owner", owner), ("status", status), ("_sort", "-_lastUpdated"), *further)
            yield Asked(path, {"owner": owner.partition("/")[2], "status": status})


def _worklist(people: Population, _: Follow) -> Iterator[Asked]:
    return _worklists(people)


def _include(people: Population, _: Follow) -> Iterator[Asked]:
    return _worklists(people, ("_include", "Task:focus"), ("_include", "Task:patient"))


def _by_patient(people: Population, _: Follow) -> Iterator[Asked]:
    for number in _spread(people.patients):
        person = population.person(number)
        yield Asked(_query("Task", ("patient", person)), {"patient": person.partition("/")[2]})


def _chain_identifier(people: Population, _: Follow) -> Iterator[Asked]:
    for number in _spread(people.patients):
        code = population.mrn(number)
        path = _query("ServiceRequest", ("subject:Patient.identifier", f"{population.MRN}|{code}"))
        yield Asked(path, {"system": population.MRN, "code": code})


def _chain_category(people: Population, _: Follow) -> Iterator[Asked]:
    for number in _spread(people.helpers):
        for code in list(shares.CATEGORY_SHARES)[:4]:
            owner = population.helper(number)
            category = ("focus:ServiceRequest.category", f"{shares.CATEGORIES}|{code}")
            values = {"owner": owner.partition("/")[2], "system": shares.CATEGORIES, "code": code}
            yield Asked(_query("Task", ("owner", owner), category), values)


def _has(people: Population, _: Follow) -> Iterator[Asked]:
    for number in _spread(people.helpers):
        owner = population.helper(number)
        yield Asked(_query("Patient", ("_has:Task:patient:owner", owner)), {"owner": owner.partition("/")[2]})


def _string(people: Population, _: Follow) -> Iterator[Asked]:
    for number in _spread(people.families):
        prefix = shares.prefix(number)
        yield Asked(_query("Patient", ("name", prefix)), {"prefix": prefix, "beyond": prefix + _BEYOND})


def _dates(people: Population, _: Follow) -> Iterator[Asked]:
    for number in _spread(people.tasks // _DATED):
        place = number * _DATED
        low, high = people.authored(place), people.authored(place + _DATED)
        path = _query("Task", ("authored-on", f"ge{low}"), ("authored-on", f"lt{high}"))
        yield Asked(path, {"low": _microseconds(low), "high": _microseconds(high)})


def _total(people: Population, _: Follow) -> Iterator[Asked]:
    owner = BIG.partition("/")[2]
    for status in ("completed", "in-progress", "requested", "accepted"):
        path = _query("Task", ("owner", BIG), ("status", status), ("_total", "accurate"))
        yield Asked(path, {"owner": owner, "status": status})


def _deep_page(people: Population, follow: Follow) -> Iterator[Asked]:
    """Some pages in a row, far down the Tasks of the big owner."""
    path = _query("Task", ("owner", BIG), ("_sort", "-_lastUpdated"))
    first = min(DEEPEST_PAGE, people.tasks // 5 // PAGE - _DEEP_PAGES)
    for number in range(2, first + _DEEP_PAGES):
        path = follow(path)
        if number >= first:
            updated, pk = _place(path)
            yield Asked(path, {"owner": BIG.partition("/")[2], "updated": str(updated), "pk": str(pk)})


def _place(path: str) -> Sequence[int]:
    """The position in a page link, behind its signature: the floor reads no links."""
    (text,) = parse_qs(urlsplit(path).query)["_cursor"]
    raw = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
    found: Sequence[int] = json.loads(raw[_SIGNATURE_BYTES:])
    return found


def _microseconds(instant: str) -> str:
    return str(int(dt.datetime.fromisoformat(instant).timestamp()) * 1_000_000)


SHAPES: Mapping[str, Shape] = {
    shape.name: shape
    for shape in (
        Shape("worklist", "worklist", _worklist, hapi=Reached(127, 10, p50_ms=63)),
        Shape("patient", "by patient", _by_patient, hapi=Reached(242, 5)),
        Shape("chain-identifier", "chain: patient's identifier", _chain_identifier, hapi=Reached(249, 5)),
        Shape("chain-category", "chain: focus's category", _chain_category, hapi=Reached(166, 5)),
        Shape("include", "worklist, focus and patient included", _include, hapi=Reached(52, 10)),
        Shape("has", "_has: patients of an owner", _has),
        Shape("string", "name begins with", _string),
        Shape("dates", "range of dates", _dates),
        Shape("deep-page", f"page {DEEPEST_PAGE} and on", _deep_page),
        Shape("total", "accurate total", _total, grows=True),
    )
}
