"""Reads the pairs of a query into a SearchRequest: https://hl7.org/fhir/R4/search.html#parameters .

The one rule: nothing is dropped silently. A parameter is understood, or refused by name, or (lenient) left out with a
warning; only an empty value is ignored, as the standard has it.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from urllib.parse import quote_plus

from fhir_server.errors import BadRequest, Issue, TooCostly
from fhir_server.search import escapes
from fhir_server.search.criteria import HELD_MODIFIERS
from fhir_server.search.labels import read_label
from fhir_server.search.names import Names
from fhir_server.search.request import Compartment, Criterion, SearchRequest
from fhir_server.search.results import RESULT, Results

TYPES = "_type"
MAX_VALUES = 500
MAX_HELD = 20
"""Values for which resources that the server holds are read."""
MAX_CRITERIA = 50
MAX_SORT_KEYS = 8
MAX_INCLUDES = 50
MAX_SEPARATORS = 200

Pair = tuple[str, str]


@dataclass(frozen=True, slots=True)
class Limits:
    """The settings that bound a search: entries of a page, and links of one chain."""

    page_size: int
    max_page_size: int
    max_chain_links: int


@dataclass(frozen=True, slots=True)
class Scope:
    """Where a search looks: one type, or several (`is_open`: `_type` may narrow them), maybe in a compartment."""

    type_names: tuple[str, ...]
    is_open: bool = False
    compartment: Compartment | None = None


@dataclass(slots=True)
class _Draft:
    """What has been read so far; `kept` are the pairs of the self link."""

    criteria: list[Criterion] = field(default_factory=list)
    results: Results = field(default_factory=Results)
    kept: list[Pair] = field(default_factory=list)
    unknown: list[Issue] = field(default_factory=list)


def parse(scope: Scope, pairs: Sequence[Pair], *, names: Names, limits: Limits, lenient: bool) -> SearchRequest:
    """The request that the pairs make; raises BadRequest."""
    draft = _Draft()
    reader = _Reader(names, limits, _type_names(scope, pairs, draft))
    for label, value in pairs:
        _check_text(label, value)
        if not value.replace(",", "") or (label == TYPES and scope.is_open):
            continue
        name, _, modifier = label.partition(":")
        if name in RESULT:
            draft.results.read(name, modifier, value)
            if name not in {"_count", "_total", "_summary", "_cursor"}:
                draft.kept.append((label, value))
        else:
            reader.read(draft, label, value)
    if draft.unknown and not lenient:
        raise BadRequest(issues=draft.unknown)
    _check_limits(draft)
    return _request(scope, reader.type_names, draft, limits)


def _type_names(scope: Scope, pairs: Sequence[Pair], draft: _Draft) -> tuple[str, ...]:
    """The types to search: those of the scope that every `_type` names."""
    found = scope.type_names
    for label, value in pairs:
        if label.partition(":")[0] != TYPES:
            continue
        if not scope.is_open or label != TYPES:
            raise BadRequest(f"{label[:60]} is for searches of several types", code="not-supported")
        asked = [name for name in value.split(",") if name]
        strange = next((name for name in asked if name not in scope.type_names), None)
        if strange is not None:
            raise BadRequest(f"_type: {strange[:60]} is not a type that can be searched here", code="not-supported")
        if asked:
            found = tuple(name for name in found if name in asked)
            draft.kept.append((TYPES, ",".join(dict.fromkeys(asked))))
    return found


def _check_text(label: str, value: str) -> None:
    try:
        (label + value).encode()
    except UnicodeEncodeError:
        raise BadRequest("a search parameter is not valid UTF-8", code="value") from None
    if "\0" in value or "\0" in label:
        raise BadRequest("a search parameter holds a NUL character, which no resource can hold", code="value")


def _check_limits(draft: _Draft) -> None:
    results = draft.results
    counted = (
        ("parameters", len(draft.criteria), MAX_CRITERIA),
        ("_sort keys", len(results.sort), MAX_SORT_KEYS),
        ("includes", len(results.includes) + len(results.revincludes), MAX_INCLUDES),
        ("values", sum(len(c.values) for c in draft.criteria), MAX_VALUES),
        (
            "value sets and hierarchies",
            sum(len(c.values) for c in draft.criteria if c.modifier in HELD_MODIFIERS),
            MAX_HELD,
        ),
    )
    for what, number, limit in counted:
        if number > limit:
            raise TooCostly(f"this search has {number} {what}; at most {limit} are taken in one search")


@dataclass(frozen=True, slots=True)
class _Reader:
    """Reads criteria against the names that the types of a search have."""

    names: Names
    limits: Limits
    type_names: tuple[str, ...]

    def read(self, draft: _Draft, label: str, value: str) -> None:
        """Take one criterion, or note that nobody knows it."""
        if label.count(".") + label.count(":") > MAX_SEPARATORS:
            raise TooCostly("a search parameter's name has more links than any search takes")
        links, name, modifier = read_label(label)
        if len(links) > self.limits.max_chain_links:
            raise TooCostly(f"{label[:60]}...: at most {self.limits.max_chain_links} links are taken in one chain")
        values = tuple(part for part in escapes.split(value, ",") if part)
        criterion = Criterion(name, modifier, values, links)
        issue = self.names.unknown(criterion, self.type_names)
        if issue is not None:
            draft.unknown.append(issue)
            return
        draft.criteria.append(criterion)
        draft.kept.append((criterion.label, ",".join(values)))


def _request(scope: Scope, type_names: tuple[str, ...], draft: _Draft, limits: Limits) -> SearchRequest:
    results = draft.results
    summary, total = results.summary, results.total
    count = results.count(limits.page_size, limits.max_page_size)
    for name in ("_count", "_total", "_summary"):
        if name in results.single:
            shown = str(count) if name == "_count" and summary != "count" else results.single[name]
            draft.kept.append((name, shown))
    warnings = (Issue("warning", issue.code, f"{issue.diagnostics}; it was left out") for issue in draft.unknown)
    return SearchRequest(
        type_names=type_names,
        compartment=scope.compartment,
        criteria=tuple(draft.criteria),
        sort=tuple(results.sort),
        count=count,
        total="accurate" if count == 0 else total,
        includes=tuple(dict.fromkeys(results.includes)),
        revincludes=tuple(dict.fromkeys(results.revincludes)),
        summary=summary,
        elements=tuple(dict.fromkeys(results.elements)),
        cursor=results.single.get("_cursor", ""),
        self_query=query_text(draft.kept),
        warnings=tuple(warnings),
    )


def query_text(pairs: Sequence[Pair]) -> str:
    """The pairs as a query string, with the characters that FHIR clients leave alone left alone."""
    return "&".join(f"{quote_plus(name, safe=':-._~')}={quote_plus(value, safe=':/,-._~')}" for name, value in pairs)
