"""A search as it was asked: criteria and result parameters, named but not yet understood.

https://hl7.org/fhir/R4/search.html  Values keep their escapes until the kind of their parameter is known.
The one rule: `self_query` holds exactly what counts; whatever was ignored is not in it.
"""

from dataclasses import dataclass

from fhir_server.errors import Issue


@dataclass(frozen=True, slots=True)
class Criterion:
    """`name:modifier=value,value`: one condition; the values are alternatives, none of them empty."""

    name: str
    modifier: str
    values: tuple[str, ...]

    @property
    def label(self) -> str:
        """How the client wrote it: "owner:missing"."""
        return f"{self.name}:{self.modifier}" if self.modifier else self.name


@dataclass(frozen=True, slots=True)
class SortKey:
    """One key of `_sort`; absent values come last in both directions."""

    name: str
    descending: bool


@dataclass(frozen=True, slots=True)
class Include:
    """`Type:parameter[:target]` of _include or _revinclude; `target` is "" when any type will do."""

    source: str
    name: str
    target: str

    @property
    def label(self) -> str:
        """How the client wrote it."""
        return ":".join(part for part in (self.source, self.name, self.target) if part)


@dataclass(frozen=True, slots=True)
class SearchRequest:
    """One search of one type; `count` 0 asks for the total alone; `total` is none, estimate or accurate."""

    type_name: str
    criteria: tuple[Criterion, ...]
    sort: tuple[SortKey, ...]
    count: int
    total: str
    includes: tuple[Include, ...]
    revincludes: tuple[Include, ...]
    summary: str
    elements: tuple[str, ...]
    cursor: str
    self_query: str
    warnings: tuple[Issue, ...] = ()
