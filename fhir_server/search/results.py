"""Result parameters: how a search is answered, not what it finds.

https://hl7.org/fhir/R4/search.html#return  Order, size of pages, totals, what comes with the matches, what of them.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from fhir_server.errors import BadRequest
from fhir_server.search.request import Include, SortKey

RESULT = frozenset({
    "_sort", "_count", "_total", "_include", "_revinclude", "_summary", "_elements", "_format", "_pretty", "_cursor",
})  # fmt: skip
ONCE = frozenset({"_count", "_total", "_summary", "_cursor"})
SUMMARIES = ("true", "text", "data", "count", "false")
TOTALS = ("none", "estimate", "accurate")
_INCLUDING = frozenset({"_include", "_revinclude"})


@dataclass(slots=True)
class Results:
    """What has been read so far; `single` are the parameters that may stand once."""

    sort: list[SortKey] = field(default_factory=list)
    includes: list[Include] = field(default_factory=list)
    revincludes: list[Include] = field(default_factory=list)
    elements: list[str] = field(default_factory=list)
    single: dict[str, str] = field(default_factory=dict)

    def read(self, name: str, modifier: str, value: str) -> None:
        """Take one result parameter; raises BadRequest."""
        if modifier and not (modifier == "iterate" and name in _INCLUDING):
            raise BadRequest(f"{name}:{modifier[:60]} is not supported by this server", code="not-supported")
        if name in ONCE and self.single.get(name, value) != value:
            raise BadRequest(f"{name} is given more than once", code="value")
        if name == "_sort":
            self.sort += [SortKey(key.removeprefix("-"), key.startswith("-")) for key in value.split(",") if key]
            if not all(key.name for key in self.sort):
                raise BadRequest("_sort is expected as parameters, each maybe after a -", code="value")
        elif name in _INCLUDING:
            found = self.includes if name == "_include" else self.revincludes
            found.append(_include(name, value, iterates=bool(modifier)))
        elif name == "_elements":
            self.elements += [part.strip() for part in value.split(",") if part.strip()]
        else:
            self.single[name] = value

    @property
    def summary(self) -> str:
        """The subset of the matches that is asked for; "" for none."""
        summary = _choice(self.single, "_summary", SUMMARIES, "")
        if summary == "text" and (self.includes or self.revincludes):
            raise BadRequest("_summary=text cannot be combined with _include or _revinclude", code="value")
        return summary

    @property
    def total(self) -> str:
        """Whether a total is asked for."""
        return _choice(self.single, "_total", TOTALS, "none")

    def count(self, page_size: int, max_page_size: int) -> int:
        """The entries of a page, 0 where only a total is asked for."""
        if self.summary == "count":
            return 0
        text = self.single.get("_count")
        if text is None:
            return min(page_size, max_page_size)
        if not text.isascii() or not text.isdigit():
            raise BadRequest("_count is expected to be a whole number, 0 or more", code="value")
        return max_page_size if len(text) > 9 else min(int(text), max_page_size)


def _include(what: str, value: str, *, iterates: bool) -> Include:
    parts = value.split(":")
    if parts == ["*"]:
        return Include("*", "*", "", iterates)
    if not 2 <= len(parts) <= 3 or not all(parts) or parts[0] == "*" or (len(parts) == 3 and parts[2] == "*"):
        raise BadRequest(f"{what} is expected as Type:parameter, Type:parameter:Target, Type:* or *", code="value")
    return Include(parts[0], parts[1], parts[2] if len(parts) == 3 else "", iterates)


def _choice(single: Mapping[str, str], name: str, choices: tuple[str, ...], default: str) -> str:
    value = single.get(name, default)
    if value != default and value not in choices:
        raise BadRequest(f"{name} is expected to be one of {', '.join(choices)}", code="value")
    return value
