"""A search as it was understood: conditions and order over index rows, ready to become SQL.

Operands are kept apart from the rest, so that searches which differ in them alone share one statement: a `shape` says
everything that the SQL depends on.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, TypeAlias

Operand: TypeAlias = str | int
Sense: TypeAlias = Literal["match", "not", "present", "absent"]
"""Some row matches, none does, there is a row at all, there is none."""


@dataclass(frozen=True, slots=True)
class Alternative:
    """One of the values of a criterion: `form` names the comparison, one of its kind's forms."""

    form: str
    operands: tuple[Operand, ...] = ()


NOTHING = Alternative("nothing")
"""A value that no resource can have."""


@dataclass(frozen=True, slots=True)
class Condition:
    """One criterion: on the index rows of a parameter, or (number 0) on the resource itself."""

    kind: str
    number: int
    sense: Sense
    alternatives: tuple[Alternative, ...] = ()

    @property
    def by_form(self) -> Mapping[str, tuple[tuple[Operand, ...], ...]]:
        """The operands of the alternatives, by their form."""
        found: dict[str, dict[tuple[Operand, ...], None]] = {}
        for alternative in self.alternatives:
            found.setdefault(alternative.form, {})[alternative.operands] = None
        return {form: tuple(found[form]) for form in sorted(found)}

    @property
    def shape(self) -> "ConditionShape":
        """Everything but the operands."""
        counts = tuple((form, len(rows)) for form, rows in self.by_form.items())
        return ConditionShape(self.kind, self.number, self.sense, counts)


@dataclass(frozen=True, slots=True)
class ConditionShape:
    """What the SQL of a condition depends on; `counts` are alternatives by form."""

    kind: str
    number: int
    sense: Sense
    counts: tuple[tuple[str, int], ...]


@dataclass(frozen=True, slots=True)
class OrderKey:
    """A key of the order: a value column of a kind's index rows, or (number 0) a column of the resource."""

    kind: str
    number: int
    descending: bool


@dataclass(frozen=True, slots=True)
class Inclusion:
    """One _include or _revinclude: the reference parameter to follow; target type 0 is any."""

    number: int
    target_type: int


@dataclass(frozen=True, slots=True)
class Search:
    """One search of one type."""

    type_number: int
    conditions: tuple[Condition, ...]
    order: tuple[OrderKey, ...]
    includes: tuple[Inclusion, ...] = ()
    revincludes: tuple[Inclusion, ...] = ()

    @property
    def shape(self) -> "SearchShape":
        """Everything but the operands."""
        return SearchShape(self.type_number, tuple(c.shape for c in self.conditions), self.order)


@dataclass(frozen=True, slots=True)
class SearchShape:
    """What the SQL of matches depends on."""

    type_number: int
    conditions: tuple[ConditionShape, ...]
    order: tuple[OrderKey, ...]
