"""Reads the pairs of a query into a SearchRequest: https://hl7.org/fhir/R4/search.html#parameters .

The one rule: nothing is dropped silently. A parameter is understood, or refused by name, or (lenient) left out with a
warning; only an empty value is ignored, as the standard has it.
"""

import difflib
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from urllib.parse import quote_plus

from fhir_server.errors import BadRequest, Issue, TooCostly
from fhir_server.search import escapes
from fhir_server.search.request import Criterion, Include, SearchRequest, SortKey

NOT_BUILT = frozenset({
    "_list", "_has", "_filter", "_text", "_content", "_contained", "_containedType", "_query", "_score", "_type",
})  # fmt: skip
RESULT = frozenset({
    "_sort", "_count", "_total", "_include", "_revinclude", "_summary", "_elements", "_format", "_pretty", "_cursor",
})  # fmt: skip
ONCE = frozenset({"_count", "_total", "_summary", "_cursor"})
SUMMARIES = ("true", "text", "data", "count", "false")
TOTALS = ("none", "estimate", "accurate")
MAX_VALUES = 500
MAX_CRITERIA = 50
MAX_SORT_KEYS = 8
MAX_INCLUDES = 50


@dataclass(slots=True)
class _Draft:
    """What has been read so far; `kept` are the pairs of the self link."""

    criteria: list[Criterion] = field(default_factory=list)
    sort: list[SortKey] = field(default_factory=list)
    includes: list[Include] = field(default_factory=list)
    revincludes: list[Include] = field(default_factory=list)
    elements: list[str] = field(default_factory=list)
    single: dict[str, str] = field(default_factory=dict)
    kept: list[tuple[str, str]] = field(default_factory=list)
    unknown: list[Issue] = field(default_factory=list)


def parse(
    type_name: str,
    pairs: Sequence[tuple[str, str]],
    *,
    known: Collection[str],
    lenient: bool,
    page_size: int,
    max_page_size: int,
) -> SearchRequest:
    """The request; `known` are the names of the type's search parameters. Raises BadRequest."""
    draft = _Draft()
    for label, value in pairs:
        _check_text(label, value)
        name, _, modifier = label.partition(":")
        if not value.replace(",", ""):
            continue
        if name in RESULT:
            _read_result(draft, name, modifier, value)
        else:
            _read_criterion(draft, name, modifier, value, known)
    if draft.unknown and not lenient:
        raise BadRequest(issues=draft.unknown)
    _check_limits(draft)
    return _request(type_name, draft, page_size, max_page_size)


def _check_text(label: str, value: str) -> None:
    try:
        (label + value).encode()
    except UnicodeEncodeError:
        raise BadRequest("a search parameter is not valid UTF-8", code="value") from None
    if "\0" in value or "\0" in label:
        raise BadRequest("a search parameter holds a NUL character, which no resource can hold", code="value")


def _check_limits(draft: _Draft) -> None:
    counted = (
        ("parameters", len(draft.criteria), MAX_CRITERIA),
        ("_sort keys", len(draft.sort), MAX_SORT_KEYS),
        ("includes", len(draft.includes) + len(draft.revincludes), MAX_INCLUDES),
        ("values", sum(len(c.values) for c in draft.criteria), MAX_VALUES),
    )
    for what, number, limit in counted:
        if number > limit:
            raise TooCostly(f"this search has {number} {what}; at most {limit} are taken in one search")


def _read_criterion(draft: _Draft, name: str, modifier: str, value: str, known: Collection[str]) -> None:
    if name in NOT_BUILT:
        raise BadRequest(f"{name} is not supported by this server", code="not-supported")
    if "." in name or "." in modifier:
        raise BadRequest(f"chained search ({name[:60]}) is not supported by this server", code="not-supported")
    if name not in known:
        issue = _unknown(name, known)
        draft.unknown.append(issue)
        return
    values = tuple(part for part in escapes.split(value, ",") if part)
    draft.criteria.append(Criterion(name, modifier, values))
    draft.kept.append((f"{name}:{modifier}" if modifier else name, ",".join(values)))


def _unknown(name: str, known: Collection[str]) -> Issue:
    near = [k for k in known if k.lower() == name.lower()] or difflib.get_close_matches(name, known, 1)
    advice = f"; did you mean {near[0]}?" if near else ""
    return Issue("error", "not-supported", f"{name[:60]} is not a search parameter of this type{advice}")


def _read_result(draft: _Draft, name: str, modifier: str, value: str) -> None:
    if modifier:
        raise BadRequest(f"{name}:{modifier[:60]} is not supported by this server", code="not-supported")
    if name in ONCE and draft.single.get(name, value) != value:
        raise BadRequest(f"{name} is given more than once", code="value")
    if name == "_sort":
        draft.sort += [SortKey(key.removeprefix("-"), key.startswith("-")) for key in value.split(",") if key]
    elif name == "_include":
        draft.includes.append(_include(name, value))
    elif name == "_revinclude":
        draft.revincludes.append(_include(name, value))
    elif name == "_elements":
        draft.elements += [part.strip() for part in value.split(",") if part.strip()]
    else:
        draft.single[name] = value
    if name not in ONCE:
        draft.kept.append((name, value))


def _include(name: str, value: str) -> Include:
    parts = value.split(":")
    if "*" in parts:
        raise BadRequest(f"{name} with a wildcard is not supported by this server", code="not-supported")
    if not 2 <= len(parts) <= 3 or not all(parts):
        raise BadRequest(f"{name} is expected as Type:parameter or Type:parameter:Target", code="value")
    return Include(parts[0], parts[1], parts[2] if len(parts) == 3 else "")


def _request(type_name: str, draft: _Draft, page_size: int, max_page_size: int) -> SearchRequest:
    summary = _choice(draft, "_summary", SUMMARIES, "")
    total = _choice(draft, "_total", TOTALS, "none")
    if summary == "text" and (draft.includes or draft.revincludes):
        raise BadRequest("_summary=text cannot be combined with _include or _revinclude", code="value")
    count = _count(draft, page_size, max_page_size)
    if summary == "count":
        count = 0
    for name in ("_count", "_total", "_summary"):
        if name in draft.single:
            draft.kept.append((name, str(count) if name == "_count" and summary != "count" else draft.single[name]))
    warnings = (Issue("warning", issue.code, f"{issue.diagnostics}; it was left out") for issue in draft.unknown)
    return SearchRequest(
        type_name=type_name,
        criteria=tuple(draft.criteria),
        sort=tuple(draft.sort),
        count=count,
        total="accurate" if count == 0 else total,
        includes=tuple(dict.fromkeys(draft.includes)),
        revincludes=tuple(dict.fromkeys(draft.revincludes)),
        summary=summary,
        elements=tuple(dict.fromkeys(draft.elements)),
        cursor=draft.single.get("_cursor", ""),
        self_query=query_text(draft.kept),
        warnings=tuple(warnings),
    )


def query_text(pairs: Sequence[tuple[str, str]]) -> str:
    """The pairs as a query string, with the characters that FHIR clients leave alone left alone."""
    return "&".join(f"{quote_plus(name, safe=':-._~')}={quote_plus(value, safe=':/,-._~')}" for name, value in pairs)


def _choice(draft: _Draft, name: str, choices: tuple[str, ...], default: str) -> str:
    value = draft.single.get(name, default)
    if value != default and value not in choices:
        raise BadRequest(f"{name} is expected to be one of {', '.join(choices)}", code="value")
    return value


def _count(draft: _Draft, page_size: int, max_page_size: int) -> int:
    text = draft.single.get("_count")
    if text is None:
        return min(page_size, max_page_size)
    if not text.isascii() or not text.isdigit():
        raise BadRequest("_count is expected to be a whole number, 0 or more", code="value")
    return max_page_size if len(text) > 9 else min(int(text), max_page_size)
