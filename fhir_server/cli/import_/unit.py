"""One unit of an import: prepare its lines, write them in one unit of work, say what was refused.

A line that cannot be written does not stop the others: the unit is halved until it stands alone.
"""

import uuid
from collections.abc import Sequence
from dataclasses import dataclass

from fhir_server.access.principal import OPERATOR
from fhir_server.cli.import_.files import Line
from fhir_server.cli.import_.lines import Prepared, prepared
from fhir_server.errors import FhirError, Unavailable
from fhir_server.interactions import criteria, linking, trail
from fhir_server.interactions.context import Context, Core, Draft
from fhir_server.interactions.entries import Settled
from fhir_server.interactions.transact import transact
from fhir_server.interactions.write import write


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why a line was not stored: one of its problems."""

    source: str
    line: int
    expression: str
    diagnostics: str


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a unit: resources stored, problems, and the bytes it took from its files."""

    stored: int
    refusals: tuple[Refusal, ...]
    size: int


def load(core: Core, lines: Sequence[Line], *, strict: bool) -> Outcome:
    """Store the lines; in a strict import a unit with a problem stores nothing. Raises Unavailable."""
    good: list[Prepared] = []
    refusals: list[Refusal] = []
    for line in lines:
        try:
            good.append(prepared(core, line))
        except FhirError as error:
            refusals += _refusals(line, error)
    stored = 0
    if not (strict and refusals):
        for turn in _turns(good):
            stored += _store(core, turn, refusals, strict=strict)
    return Outcome(stored, tuple(refusals), sum(line.size for line in lines))


def _turns(every: Sequence[Prepared]) -> list[list[Prepared]]:
    """The lines in as few units of work as their repetitions of one resource allow, in order."""
    turns: list[list[Prepared]] = []
    latest: dict[tuple[str, str | None], int] = {}
    for one in every:
        turn = max((latest.get(key, -1) + 1 for key in one.keys), default=0)
        latest.update(dict.fromkeys(one.keys, turn))
        turns.extend([] for _ in range(turn + 1 - len(turns)))
        turns[turn].append(one)
    return turns


def _store(core: Core, every: list[Prepared], refusals: list[Refusal], *, strict: bool) -> int:
    context = Context(core, OPERATOR, str(uuid.uuid4()), core.database, unit=[])
    try:
        return transact(context, lambda inner: _write(inner, every), in_order=any(p.is_conditional for p in every))[0]
    except Unavailable:
        raise
    except FhirError as error:
        if len(every) == 1 or strict:
            refusals += _refusals(every[0].line, error)
            return 0
    half = len(every) // 2
    return _store(core, every[:half], refusals, strict=strict) + _store(core, every[half:], refusals, strict=strict)


def _write(context: Context, every: Sequence[Prepared]) -> int:
    assert context.unit is not None
    context.unit.clear()
    drafts: list[Draft] = []
    for one in every:
        settled = [_found(context, s) for s in one.settled]
        linked = linking.link(context, settled) if one.is_bundle else settled
        linking.resolve_all(context, linked)
        drafts += [s.outcome for s in linked if isinstance(s.outcome, Draft)]
    written = write(context, context.unit_of_work, drafts)
    trail.leave(context.unit_of_work, trail.record(context, "import", 200, resources=context.unit))
    return len(written)


def _found(context: Context, settled: Settled) -> Settled:
    """A copy (linking changes it, and this may be a second attempt), or the stored match of If-None-Exist."""
    asked, type_name = settled.entry.request.if_none_exist, settled.entry.match.type_name or ""
    there = criteria.one_match(context, "create", type_name, criteria.pairs_of(asked, type_name)) if asked else None
    return Settled(settled.entry, there or settled.outcome)


def _refusals(line: Line, error: FhirError) -> list[Refusal]:
    return [Refusal(line.source, line.number, ", ".join(i.expression), i.diagnostics) for i in error.issues]
