"""A search as it was understood: conditions and order over index rows, ready to become SQL.

Operands are kept apart from the rest, so that searches which differ in them alone share one statement: a `shape` says
everything that the SQL depends on.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Literal, TypeAlias

Operand: TypeAlias = str | int | float
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
class WorkMatch:
    """A condition said of a work row: its column is one of the values, or (`is_not`) none of them."""

    column: str
    values: tuple[str, ...]
    is_not: bool = False


@dataclass(frozen=True)
class Condition:
    """One criterion: on the index rows of parameters (one a type), or (no numbers) on the resource itself.

    `is_identifying`: each value is an identifier with its system, which few resources should have.
    """

    kind: str
    numbers: tuple[int, ...]
    sense: Sense
    alternatives: tuple[Alternative, ...] = ()
    work: WorkMatch | None = None
    is_identifying: bool = False

    @cached_property
    def by_form(self) -> Mapping[str, tuple[tuple[Operand, ...], ...]]:
        """The operands of the alternatives, by their form."""
        found: dict[str, dict[tuple[Operand, ...], None]] = {}
        for alternative in self.alternatives:
            found.setdefault(alternative.form, {})[alternative.operands] = None
        return {form: tuple(found[form]) for form in sorted(found)}

    @cached_property
    def shape(self) -> "ConditionShape":
        """Everything but the operands."""
        counts = tuple((form, len(rows)) for form, rows in self.by_form.items())
        work = None if self.work is None else (self.work.column, len(self.work.values), self.work.is_not)
        return ConditionShape(self.kind, self.numbers, self.sense, counts, work)


@dataclass(frozen=True)
class Linked:
    """A resource of one of the types, which a reference parameter leads to, satisfies `tail`.

    `is_reverse`: it leads back, from them to here. `url_numbers`: the parameters by which a canonical names its target.
    """

    is_reverse: bool
    numbers: tuple[int, ...]
    type_numbers: tuple[int, ...]
    tail: "Node"
    url_numbers: tuple[int, ...] = ()

    @cached_property
    def shape(self) -> "LinkedShape":
        """Everything but the operands."""
        return LinkedShape(self.is_reverse, self.numbers, self.type_numbers, self.tail.shape, self.url_numbers)


@dataclass(frozen=True)
class AnyOf:
    """At least one of the nodes holds."""

    options: "tuple[Node, ...]"

    @cached_property
    def shape(self) -> "AnyShape":
        """Everything but the operands."""
        return AnyShape(tuple(option.shape for option in self.options))


Node: TypeAlias = Condition | Linked | AnyOf


@dataclass(frozen=True, slots=True)
class ConditionShape:
    """What the SQL of a condition depends on; `counts` are alternatives by form, `work` column, count and `is_not`."""

    kind: str
    numbers: tuple[int, ...]
    sense: Sense
    counts: tuple[tuple[str, int], ...]
    work: tuple[str, int, bool] | None = None


@dataclass(frozen=True, slots=True)
class LinkedShape:
    """What the SQL of a link depends on."""

    is_reverse: bool
    numbers: tuple[int, ...]
    type_numbers: tuple[int, ...]
    tail: "Shape"
    url_numbers: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class AnyShape:
    """What the SQL of alternatives depends on."""

    options: "tuple[Shape, ...]"


Shape: TypeAlias = ConditionShape | LinkedShape | AnyShape


@dataclass(frozen=True, slots=True)
class OrderKey:
    """A key of the order: a value column of a kind's index rows, or (no numbers) a column of the resource."""

    kind: str
    numbers: tuple[int, ...]
    descending: bool


@dataclass(frozen=True, slots=True)
class Inclusion:
    """One reference parameter to follow from or to resources; target type 0 is any."""

    number: int
    target_type: int


@dataclass(frozen=True, slots=True)
class Inclusions:
    """What to include: from the matches alone, and (`iterated`) from whatever was included as well."""

    forward: tuple[Inclusion, ...] = ()
    backward: tuple[Inclusion, ...] = ()
    iterated_forward: tuple[Inclusion, ...] = ()
    iterated_backward: tuple[Inclusion, ...] = ()

    @property
    def is_empty(self) -> bool:
        """Whether nothing is to be included."""
        return not (self.forward or self.backward or self.iterated_forward or self.iterated_backward)


@dataclass(frozen=True)
class Search:
    """One search of some types."""

    type_numbers: tuple[int, ...]
    conditions: tuple[Node, ...]
    order: tuple[OrderKey, ...]
    inclusions: Inclusions = Inclusions()

    @cached_property
    def shape(self) -> "SearchShape":
        """Everything but the operands."""
        return SearchShape(self.type_numbers, tuple(c.shape for c in self.conditions), self.order)


@dataclass(frozen=True, slots=True)
class SearchShape:
    """What the SQL of matches depends on, apart from how it is driven."""

    type_numbers: tuple[int, ...]
    conditions: tuple[Shape, ...]
    order: tuple[OrderKey, ...]


@dataclass(frozen=True, slots=True)
class Drive:
    """The way through the indexes on which matches are found.

    time: all resources of the types, in order of change. ids: those named by `_id`. value: the rows of the equality
    at `place`, which are in order of change. keys: all that the condition at `place` finds, in no order.
    work: the work rows, by the conditions at `places`, in order of change.
    """

    how: Literal["time", "ids", "value", "keys", "work"]
    place: int = -1
    places: tuple[int, ...] = ()
