"""What a kind of search parameter is: its table, its comparisons, and how it reads a value.

https://hl7.org/fhir/R4/search.html#ptypes
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol, TypeAlias

from sqlalchemy import BindParameter, ColumnElement, Table, Text, and_, literal_column

from fhir_server.errors import BadRequest
from fhir_server.search.plan import Alternative
from fhir_server.search.units import Units
from fhir_server.search.values import Targets

Bind: TypeAlias = BindParameter[Any]


class Row(Protocol):
    """A row of an index table, or a part of one: columns by name."""

    @property
    def c(self) -> "Columns":
        """The columns."""
        ...


class Columns(Protocol):
    """Columns by name."""

    def __getitem__(self, name: str, /) -> ColumnElement[Any]:
        """The column of that name."""
        ...


@dataclass(frozen=True, slots=True)
class Reading:
    """What a value may be read against: the criterion it stands in, the clock, references, units.

    `parts` are the kinds of a composite's components, in the order of its values; `is_canonical`, that values are URLs
    by which definitions are known; `allowed` are the types that a reference may lead to, none for any.
    """

    label: str
    modifier: str
    targets: Targets
    now: int
    units: Units
    parts: "tuple[Kind, ...]" = ()
    is_canonical: bool = False
    allowed: frozenset[str] = frozenset()

    def refusal(self, expected: str) -> BadRequest:
        """A value that does not fit; never says the value."""
        return BadRequest(f"{self.label[:120]}: expected {expected}", code="value")


@dataclass(frozen=True, slots=True)
class Form:
    """One comparison of an index row with `arity` operands.

    An equality names its `columns`; several values of a single one become a list. `is_unique`: a resource has at most
    one row that it finds.
    """

    arity: int
    clause: Callable[[Row, Sequence[Bind]], ColumnElement[bool]]
    columns: tuple[str, ...] = ()
    fixed: Mapping[str, str] = field(default_factory=dict)
    is_unique: bool = False


def text(value: str) -> ColumnElement[str]:
    """A text written into the statement, where the database's planner can see it."""
    return literal_column("'" + value.replace("'", "''") + "'", Text)


def equal(*columns: str, is_unique: bool = False, **fixed: str) -> Form:
    """The form in which columns equal the operands, and others a text that is written into the statement."""

    def clause(row: Row, operands: Sequence[Bind]) -> ColumnElement[bool]:
        compared = [row.c[name] == operand for name, operand in zip(columns, operands, strict=True)]
        return and_(*compared, *(row.c[name] == text(value) for name, value in fixed.items()))

    return Form(len(columns), clause, columns, fixed, is_unique)


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of parameter; `sort_column` is what its values are ordered by; table None: columns of the resource.

    `sort_fixed`: of several rows of one value those with these texts are ordered by; `sort_below`: those less than
    that. `rank` says how few resources one of its values usually selects, the lowest the fewest; `has_empty_rows`, that
    elements without a searchable value leave a row whose `sort_column` is the empty text. An empty `sort_column` means
    that nothing can be ordered by it.
    """

    name: str
    table: Table | None
    sort_column: str
    modifiers: frozenset[str]
    forms: Mapping[str, Form]
    read: Callable[[str, Reading], Alternative]
    rank: int
    has_empty_rows: bool = False
    sort_fixed: Mapping[str, str] = field(default_factory=dict)
    sort_below: int | None = None
