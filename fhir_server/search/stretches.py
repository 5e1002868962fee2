"""Two bounds of one date become one condition: a stretch of the index instead of two halves of it.

`authored-on=ge2026-01&authored-on=lt2026-02` asks for the same date twice. That is one comparison only where a resource
has at most one such date; of several, one might be after the first bound and another one before the second.
"""

from collections.abc import Sequence

from fhir_server.definitions import Definitions
from fhir_server.definitions.registry import parameter_number
from fhir_server.search.kinds.date import both
from fhir_server.search.plan import Condition, Node


def together(conditions: Sequence[Node], type_names: Sequence[str], definitions: Definitions) -> list[Node]:
    """The conditions, each pair of bounds of a single date as one."""
    if len(type_names) != 1 or len(conditions) < 2:
        return list(conditions)
    singles = {parameter_number(name, code) for name, code in definitions.singles if name == type_names[0]}
    found: list[Node] = []
    for node in conditions:
        for place, other in enumerate(found):
            merged = _merged(other, node, singles) or _merged(node, other, singles)
            if merged is not None:
                found[place] = merged
                break
        else:
            found.append(node)
    return found


def _merged(after: Node, before: Node, singles: set[int]) -> Condition | None:
    if not (isinstance(after, Condition) and isinstance(before, Condition)):
        return None
    if after.kind != "date" or after.numbers != before.numbers or not singles.issuperset(after.numbers):
        return None
    if {after.sense, before.sense} != {"match"} or len(after.alternatives) + len(before.alternatives) != 2:
        return None
    found = both(after.alternatives[0], before.alternatives[0])
    return None if found is None else Condition("date", after.numbers, "match", (found,))
