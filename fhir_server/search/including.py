"""What comes with the matches of a page: round by round until nothing new is found, or enough.

https://hl7.org/fhir/R4/search.html#include  None of it is a match of the page, and none comes twice.
"""

from dataclasses import dataclass
from functools import partial

from fhir_server.search.asking import Asking, Statement
from fhir_server.search.plan import Inclusion, Inclusions
from fhir_server.search.sql import includes
from fhir_server.store.reading import stored
from fhir_server.store.stored import Stored

MOST_ROUNDS = 50


@dataclass(frozen=True, slots=True)
class Included:
    """The resources in the order of their creation; `is_cut` when there would have been more."""

    stored: list[Stored]
    is_cut: bool = False


def included(asking: Asking, inclusions: Inclusions, matches: list[Stored]) -> Included:
    """What the matches include."""
    if inclusions.is_empty or not matches:
        return Included([])
    most = asking.searching.settings.max_includes
    found: dict[int, Stored] = {}
    seen = {match.pk for match in matches}
    start = list(seen)
    forward = inclusions.forward + inclusions.iterated_forward
    backward = inclusions.backward + inclusions.iterated_backward
    for _ in range(MOST_ROUNDS):
        new: dict[int, Stored] = {}
        for sql, asked in step_statements(asking, forward, backward, start=start, seen=list(seen)):
            new.update((row[0], stored(row)) for row in asking.rows.rows(sql, asked))
        found.update(new)
        if len(found) > most:
            return Included([found[pk] for pk in sorted(found)][:most], is_cut=True)
        start, seen = list(new), seen | new.keys()
        forward, backward = inclusions.iterated_forward, inclusions.iterated_backward
        if not new or not (forward or backward):
            return Included([found[pk] for pk in sorted(found)])
    return Included([found[pk] for pk in sorted(found)], is_cut=True)


def step_statements(
    asking: Asking,
    forward: tuple[Inclusion, ...],
    backward: tuple[Inclusion, ...],
    *,
    start: list[int],
    seen: list[int],
) -> list[Statement]:
    """The statements of one round, which begins at the keys in `start`, and their parameters."""
    limit = asking.searching.settings.max_includes + 1
    parameters = {"pks": start, "seen": seen}
    made: list[Statement] = []
    for followed, build in ((forward, includes.included), (backward, includes.including)):
        if followed:
            statement = partial(build, followed, limit=limit, visible=asking.visible)
            made.append(asking.statement((build.__name__, followed, limit), statement, parameters))
    return made
