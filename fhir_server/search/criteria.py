"""One criterion at the end of its links: its kind, its modifier, its values.

https://hl7.org/fhir/R4/search.html#modifiers  A modifier may turn to other index rows (`:text`, `:of-type`,
`:identifier`), to what the server holds (`:in`, `:below` ...), or only to another comparison.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial

from fhir_server.definitions import SearchParameter
from fhir_server.errors import BadRequest, TooCostly
from fhir_server.search.escapes import split, unescape
from fhir_server.search.kinds import KINDS, Kind, Reading, token, uri
from fhir_server.search.kinds.reference import is_id
from fhir_server.search.plan import NOTHING, Alternative, Condition, Sense
from fhir_server.search.request import Criterion
from fhir_server.search.understanding import Understanding
from fhir_server.search.work import work_match
from fhir_server.store.index_rows import bounded

MAX_COMPARISONS = 50
"""Values of one criterion that are no equalities, such as dates."""
HELD_MODIFIERS = frozenset({"in", "not-in", "above", "below"})
"""What these stand for depends on the resources that the server holds."""
MAX_EXPANDED = 10_000
"""Values that a value set or a hierarchy may become."""

Read = Callable[[str, Reading, Understanding], Sequence[Alternative]]


def condition(criterion: Criterion, parameters: Sequence[SearchParameter], understanding: Understanding) -> Condition:
    """The condition on resources of the types whose parameters these are; raises BadRequest."""
    kind, numbers = understanding.kind_of(parameters)
    if criterion.modifier == "missing":
        return Condition(kind.name, numbers, "absent" if _is_true(criterion) else "present")
    reading = Reading(
        label=criterion.label,
        modifier=criterion.modifier,
        targets=understanding.targets,
        now=understanding.now,
        units=understanding.units,
        parts=tuple(KINDS[name] for name in parameters[0].component_kinds),
        allowed=frozenset(target for p in parameters for target in p.targets),
        is_canonical=any((p.type_name, p.code) in understanding.definitions.canonicals for p in parameters),
    )
    if (kind.name, criterion.modifier) in _OTHER_ROWS:
        kind, read_one = _OTHER_ROWS[kind.name, criterion.modifier]
        numbers = tuple(sorted({p.number_of(criterion.modifier) for p in parameters}))
        found = [read_one(value, reading) for value in criterion.values]
    else:
        read = _reader(criterion, parameters, kind, understanding)
        found = [alternative for value in criterion.values for alternative in read(value, reading, understanding)]
    alternatives = tuple(a for a in found if a != NOTHING) or (NOTHING,)
    _check_number(criterion, kind, alternatives)
    sense: Sense = "not" if criterion.modifier in {"not", "not-in"} else "match"
    named = all((p.type_name, p.code) in understanding.definitions.identifiers for p in parameters)
    is_identifying = named and kind.name == "token" and all(a.form == "system and code" for a in alternatives)
    made = Condition(kind.name, numbers, sense, alternatives, is_identifying=is_identifying)
    return replace(made, work=work_match(made, parameters, understanding.definitions))


def _is_true(criterion: Criterion) -> bool:
    if len(criterion.values) != 1 or criterion.values[0] not in {"true", "false"}:
        raise BadRequest(f"{criterion.label[:120]}: expected true or false", code="value")
    return criterion.values[0] == "true"


def _reader(
    criterion: Criterion, parameters: Sequence[SearchParameter], kind: Kind, understanding: Understanding
) -> Read:
    """How values with this modifier are read; raises BadRequest for one that does not fit."""
    modifier = criterion.modifier
    if not modifier or modifier in kind.modifiers:
        return lambda value, reading, _: (kind.read(value, reading),)
    if (kind.name, modifier) in _HELD:
        return _HELD[kind.name, modifier]
    if kind.name == "reference" and modifier in understanding.definitions.resource_types:
        allowed = set[str].intersection(
            *(set(p.targets or understanding.definitions.resource_types) for p in parameters)
        )
        if modifier not in allowed:
            raise BadRequest(f"{criterion.label[:120]}: expected one of {', '.join(sorted(allowed))}", code="value")
        return lambda value, reading, _: (kind.read(value, reading),)
    raise BadRequest(
        f"{criterion.label[:120]}: modifier {modifier[:60]} does not fit this parameter", code="not-supported"
    )


def _check_number(criterion: Criterion, kind: Kind, alternatives: Sequence[Alternative]) -> None:
    comparisons = sum(a.form in kind.forms and not kind.forms[a.form].columns for a in alternatives)
    if comparisons > MAX_COMPARISONS:
        raise TooCostly(f"{criterion.label[:120]}: at most {MAX_COMPARISONS} such values are taken in one search")
    if len(alternatives) > MAX_EXPANDED:
        raise TooCostly(f"{criterion.label[:120]}: this means more than {MAX_EXPANDED} values; name a narrower one")


def _of_value_set(text: str, _: Reading, understanding: Understanding) -> list[Alternative]:
    expansion = understanding.held.value_set(unescape(text))
    whole = [Alternative("system", (bounded(system),)) for system in expansion.systems]
    coded = [Alternative("system and code", (bounded(code), bounded(system))) for system, code in expansion.codes]
    return [*whole, *coded] or [NOTHING]


def _of_codes(text: str, reading: Reading, understanding: Understanding, *, upward: bool) -> list[Alternative]:
    parts = [unescape(part) for part in split(text, "|")]
    if len(parts) != 2 or not all(parts):
        raise reading.refusal("system|code, whose hierarchy the server holds")
    system, code = parts
    found = understanding.held.codes(system, code, upward=upward)
    return [Alternative("system and code", (bounded(one), bounded(system))) for one in found]


def _of_parts(text: str, reading: Reading, understanding: Understanding, *, upward: bool) -> list[Alternative]:
    numbers, hierarchies = understanding.definitions.resource_types, understanding.definitions.hierarchies
    names, resource_id = _named(unescape(text), reading, hierarchies)
    if not names:
        raise reading.refusal(f"a resource of this server with a hierarchy: {', '.join(sorted(hierarchies))}")
    return [
        Alternative("type and id", (one, numbers[name]))
        for name in names
        for one in understanding.held.parts(name, resource_id, upward=upward)
    ]


def _named(text: str, reading: Reading, hierarchies: Mapping[str, str]) -> tuple[list[str], str]:
    """The types with a hierarchy that a reference may mean, and its id; a bare id means those that are allowed."""
    if is_id(text):
        return [name for name in hierarchies if not reading.allowed or name in reading.allowed], text
    parsed = reading.targets.of(text)
    if parsed is None or parsed.base:
        return [], ""
    return [name for name in hierarchies if reading.targets.numbers[name] == parsed.type_number], parsed.target_id


def _of_uris(text: str, reading: Reading, _: Understanding) -> list[Alternative]:
    return uri.above(text, reading)


_HELD: Mapping[tuple[str, str], Read] = {
    ("token", "in"): _of_value_set,
    ("token", "not-in"): _of_value_set,
    ("token", "below"): partial(_of_codes, upward=False),
    ("token", "above"): partial(_of_codes, upward=True),
    ("reference", "below"): partial(_of_parts, upward=False),
    ("reference", "above"): partial(_of_parts, upward=True),
    ("uri", "above"): _of_uris,
}
_OTHER_ROWS: Mapping[tuple[str, str], tuple[Kind, Callable[[str, Reading], Alternative]]] = {
    ("token", "text"): (KINDS["string"], KINDS["string"].read),
    ("token", "of-type"): (KINDS["token"], token.read_of_type),
    ("reference", "identifier"): (KINDS["token"], KINDS["token"].read),
}
"""Modifiers whose index rows are others than the parameter's own, and how those are searched."""
