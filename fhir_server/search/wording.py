"""A search and its way in words, for whoever wonders why it is slow."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from fhir_server.definitions import Definitions
from fhir_server.search.plan import NOTHING, Condition, Drive, Linked, Node, OrderKey
from fhir_server.search.request import SearchRequest

_OF_MODIFIERS = ("text", "of-type", "identifier")
_MOST_NAMES = 3
_MOST_VALUES = 5
_MOST_CHARACTERS = 200
_SENSES = {"match": "", "not": ", none of it", "present": ", present", "absent": ", absent"}


@dataclass(frozen=True, slots=True)
class Wording:
    """The names behind numbers: of parameters as "Type.code", of resource types."""

    parameters: Mapping[int, str]
    types: Mapping[int, str]

    def condition(self, node: Node, place: str) -> Iterator[str]:
        """A condition, line by line; what belongs to it is indented."""
        if isinstance(node, Condition):
            yield f"{place}: {self.name(node)} ({node.kind}{_SENSES[node.sense]})"
            yield from (f"    {line}" for line in _values(node))
            return
        if isinstance(node, Linked):
            how = "from which {0} leads here" if node.is_reverse else "that {0} leads to"
            leading = how.format(self._listed(self.parameters, node.numbers))
            yield f"{place}: a resource of {self._listed(self.types, node.type_numbers)} {leading}, with"
            yield from (f"    {line}" for line in self.condition(node.tail, f"{place}_t"))
            return
        yield f"{place}: any of"
        for at, option in enumerate(node.options):
            yield from (f"    {line}" for line in self.condition(option, f"{place}_o{at}"))

    def link(self, before: Node, after: Node, place: str) -> Iterator[str]:
        """What became of the links in a condition when they were looked up."""
        if isinstance(before, Linked):
            told = f"{place}: {self._listed(self.parameters, before.numbers)}"
            if isinstance(after, Linked):
                yield f"{told} leads to many, or cannot be looked up: followed in the statement"
                yield from self.link(before.tail, after.tail, f"{place}_t")
            elif isinstance(after, Condition):
                found = sum(one != NOTHING for one in after.alternatives)
                yield f"{told} was looked up: leads to {found} resource{'' if found == 1 else 's'}"
        elif not isinstance(before, Condition) and not isinstance(after, (Condition, Linked)):
            for at, (one, other) in enumerate(zip(before.options, after.options, strict=True)):
                yield from self.link(one, other, f"{place}_o{at}")

    def drive(self, drive: Drive, conditions: Sequence[Node], *, is_by_time: bool) -> str:
        """The way through the indexes, and what becomes of its order."""

        def named(at: int) -> str:
            node = conditions[at]
            return f"c{at} ({self.name(node)})" if isinstance(node, Condition) else f"c{at}"

        in_order = "in the order of change" if is_by_time else "all of them, then sorted by _sort"
        if drive.how == "time":
            return f"time: the resources of the types, {in_order}; each is probed with every condition"
        if drive.how == "ids":
            return "ids: the resources that _id names; each is probed with the other conditions"
        if drive.how == "value":
            return (
                f"value: the index rows of {named(drive.place)}, {in_order}; each is probed with the other conditions"
            )
        if drive.how == "keys":
            return (
                f"keys: everything that {named(drive.place)} finds, collected, probed with the other conditions, sorted"
            )
        driving = " and ".join(named(at) for at in drive.places)
        return f"work: the work rows by {driving}, {in_order}; each is probed with the other conditions"

    def order(self, keys: Sequence[OrderKey]) -> str:
        """The keys of the order."""
        return ", ".join(
            f"{self._listed(self.parameters, key.numbers) if key.numbers else key.kind}"
            f"{' descending' if key.descending else ''}"
            for key in keys
        )

    def name(self, condition: Condition) -> str:
        """The parameters of a condition; of columns of the resource itself, which."""
        return self._listed(self.parameters, condition.numbers) if condition.numbers else f"resource.{condition.kind}"

    @staticmethod
    def _listed(names: Mapping[int, str], numbers: Sequence[int]) -> str:
        shown = ", ".join(sorted(names.get(number, str(number)) for number in numbers)[:_MOST_NAMES])
        return f"{shown} and {len(numbers) - _MOST_NAMES} more" if len(numbers) > _MOST_NAMES else shown


def wording_of(definitions: Definitions) -> Wording:
    """The names of the definitions."""
    every = [p for table in definitions.search_parameters.values() for p in table.values()]
    named = {p.number_of(modifier): f"{p.type_name}.{p.code}:{modifier}" for p in every for modifier in _OF_MODIFIERS}
    named |= {p.number: f"{p.type_name}.{p.code}" for p in every}
    return Wording(named, definitions.type_names)


def asked(request: SearchRequest) -> Iterator[str]:
    """The request as it was read: what counts of it."""
    yield f"types: {', '.join(request.type_names) or 'none'}"
    if request.compartment is not None:
        yield f"compartment: {request.compartment.type_name}/{request.compartment.resource_id}"
    yield from (f"{criterion.label} = {shown(criterion.values)}" for criterion in request.criteria)
    for name, includes in (("_include", request.includes), ("_revinclude", request.revincludes)):
        yield from (f"{name}{':iterate' if i.iterates else ''} = {i.label}" for i in includes)
    yield f"page: {request.count or 'none'}; total: {request.total}"
    yield from (f"warning: {issue.diagnostics}" for issue in request.warnings)


def shown(value: object) -> str:
    """A value as Python would write it, which leaves no control characters; long ones are cut."""
    if isinstance(value, (list, tuple)):
        few = ", ".join(shown(one) for one in value[:_MOST_VALUES])
        return f"{few} and {len(value) - _MOST_VALUES} more" if len(value) > _MOST_VALUES else few
    written = repr(value)
    return (
        written if len(written) <= _MOST_CHARACTERS else f"{written[:_MOST_CHARACTERS]}... ({len(written)} characters)"
    )


def _values(condition: Condition) -> Iterator[str]:
    for form, rows in condition.by_form.items():
        if form == NOTHING.form:
            yield "nothing: no resource can have such a value"
        else:
            values = shown([row[0] if len(row) == 1 else row for row in rows])
            yield f"{form}, {len(rows)} value{'' if len(rows) == 1 else 's'}: {values}"
