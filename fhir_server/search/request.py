"""A search as it was asked: criteria and result parameters, named but not yet understood.

https://hl7.org/fhir/R4/search.html  Values keep their escapes until the kind of their parameter is known.
The one rule: `self_query` holds exactly what counts; whatever was ignored is not in it.
"""

from dataclasses import dataclass

from fhir_server.errors import Issue


@dataclass(frozen=True, slots=True)
class Link:
    """One step of a chain: `subject:Patient.` leads on by a parameter, `_has:Task:patient:` back by one of `type_name`.

    `type_name` is "" where a step forward names none.
    """

    code: str
    type_name: str
    is_reverse: bool = False

    @property
    def label(self) -> str:
        """How the client wrote it, with what separates it from the rest."""
        if self.is_reverse:
            return f"_has:{self.type_name}:{self.code}:"
        return f"{self.code}:{self.type_name}." if self.type_name else f"{self.code}."


@dataclass(frozen=True, slots=True)
class Criterion:
    """`links name:modifier=value,value`: one condition; the values are alternatives, none of them empty."""

    name: str
    modifier: str
    values: tuple[str, ...]
    links: tuple[Link, ...] = ()

    @property
    def path(self) -> str:
        """The parameter with its links, without the modifier: "subject:Patient.name"."""
        return "".join(link.label for link in self.links) + self.name

    @property
    def label(self) -> str:
        """How the client wrote it: "owner:missing"."""
        return f"{self.path}:{self.modifier}" if self.modifier else self.path


@dataclass(frozen=True, slots=True)
class SortKey:
    """One key of `_sort`; absent values come last in both directions."""

    name: str
    descending: bool


@dataclass(frozen=True, slots=True)
class Include:
    """`Type:parameter[:target]` of _include or _revinclude; "*" is any type or parameter, `target` "" any type."""

    source: str
    name: str
    target: str
    iterates: bool = False

    @property
    def label(self) -> str:
        """How the client wrote it."""
        return ":".join(part for part in (self.source, self.name, self.target) if part)


@dataclass(frozen=True, slots=True)
class Compartment:
    """Whose compartment is searched: https://hl7.org/fhir/R4/compartmentdefinition.html ."""

    type_name: str
    resource_id: str


@dataclass(frozen=True, slots=True)
class SearchRequest:
    """One search; `count` 0 asks for the total alone; `total` is none, estimate or accurate."""

    type_names: tuple[str, ...]
    compartment: Compartment | None
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
