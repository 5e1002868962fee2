"""One value of one criterion, read by the kind of its parameter: a test of a single element.

https://hl7.org/fhir/R4/search.html#ptypes and #modifiers  Everything that does not fit is refused while reading.
"""

from collections.abc import Callable
from dataclasses import dataclass

from fhir_server.definitions import SearchParameter
from tests.oracle import dates, hierarchy, places, quantities, strings, terminology, tokens, uris
from tests.oracle.elements import Node
from tests.oracle.facts import Facts
from tests.oracle.query import Refused, split, unescape
from tests.oracle.references import ID, Target, canonical

Test = Callable[[Node], bool]
MODIFIERS = {
    "string": {"", "exact", "contains"},
    "token": {"", "not", "text", "in", "not-in", "above", "below", "of-type"},
    "reference": {"", "identifier", "above", "below"},
    "date": {""},
    "number": {""},
    "quantity": {""},
    "uri": {"", "above", "below"},
    "composite": {""},
    "special": {""},
}
MAX_STRING = 200


@dataclass(frozen=True, slots=True)
class Asking:
    """What a value stands in: the parameter and its modifier, among the facts."""

    facts: Facts
    parameter: SearchParameter
    modifier: str = ""

    @property
    def label(self) -> str:
        """How the client wrote it."""
        return f"{self.parameter.code}:{self.modifier}" if self.modifier else self.parameter.code


def check_modifier(asking: Asking) -> None:
    """Refuses a modifier that does not fit."""
    parameter, modifier = asking.parameter, asking.modifier
    allowed = {"", "not"} if parameter.code == "_id" else MODIFIERS[parameter.kind]
    if modifier in allowed:
        return
    if parameter.kind == "reference" and modifier in asking.facts.definitions.resource_types:
        if not parameter.targets or modifier in parameter.targets:
            return
        raise Refused(f"{asking.label}: expected one of {', '.join(parameter.targets)}")
    raise Refused(f"{asking.label}: the modifier does not fit")


def read(asking: Asking, text: str) -> Test:
    """The test that a value stands for."""
    return _READERS[asking.parameter.kind](asking, text)


def _string(asking: Asking, text: str) -> Test:
    asked = unescape(text)
    if asking.modifier != "exact" and (not strings.fold(asked) or len(asked) > MAX_STRING):
        raise Refused(f"{asking.label}: expected 1 to {MAX_STRING} characters")
    return lambda node: any(
        strings.compares(stored, asked, asking.modifier) for stored in strings.of_value(node.type, node.value)
    )


def _token(asking: Asking, text: str) -> Test:
    definitions = asking.facts.definitions
    if asking.modifier == "text":
        asked = unescape(text)
        if not strings.fold(asked):
            raise Refused(f"{asking.label}: expected text")
        return lambda node: any(strings.compares(stored, asked, "") for stored in tokens.texts(node))
    if asking.modifier == "of-type":
        parts = [unescape(part) for part in split(text, "|")]
        if len(parts) != 3 or not all(parts):
            raise Refused(f"{asking.label}: expected system|code|value")
        return lambda node: tokens.is_of_type(node, parts)
    if asking.modifier in {"in", "not-in"}:
        codes = terminology.members(asking.facts, unescape(text), asking.label)
        return lambda node: bool(codes.intersection(tokens.of_node(node, definitions)))
    if asking.modifier in {"above", "below"}:
        return _tree(asking, text)
    wanted = tokens.read(text, asking.label)
    return lambda node: any(tokens.compares(stored, wanted) for stored in tokens.of_node(node, definitions))


def _tree(asking: Asking, text: str) -> Test:
    system, code = tokens.read(text, asking.label)
    if not system or not code:
        raise Refused(f"{asking.label}: expected system|code")
    tree = terminology.Tree(asking.facts, system, asking.label)
    codes = tree.above(code) if asking.modifier == "above" else tree.below(code)
    definitions = asking.facts.definitions
    return lambda node: any(t.system == system and t.code in codes for t in tokens.of_node(node, definitions))


def _reference(asking: Asking, text: str) -> Test:
    facts, parameter = asking.facts, asking.parameter
    asked = unescape(text)
    if asking.modifier == "identifier":
        wanted = tokens.read(text, asking.label)
        return lambda node: (
            node.type == "Reference"
            and any(
                tokens.compares(token, wanted)
                for token in tokens.of_node(Node(node.value.get("identifier", {}), "Identifier"), facts.definitions)
            )
        )
    only = asking.modifier if asking.modifier in facts.definitions.resource_types else ""
    if asking.modifier in {"above", "below"}:
        return _family(asking, asked)
    if ID.fullmatch(asked):
        allowed = {only} if only else set(parameter.targets)
        return lambda node: _is_local(facts.target_of(node), allowed, asked)
    url, version = canonical(asked)
    goal = facts.target(url)
    if goal is None or (only and goal.type_name != only):
        return lambda _: False
    if version:
        return lambda node: node.type == "canonical" and canonical(node.value) == (url, version)
    return lambda node: facts.target_of(node) == goal


def _is_local(goal: Target | None, allowed: set[str], resource_id: str) -> bool:
    return goal is not None and goal.is_local and goal.id == resource_id and (not allowed or goal.type_name in allowed)


def _family(asking: Asking, asked: str) -> Test:
    facts, targets = asking.facts, asking.parameter.targets
    goal = facts.target(asked)
    if ID.fullmatch(asked) and len(targets) == 1:
        goal = Target("", targets[0], asked)
    if goal is None or not goal.is_local:
        raise Refused(f"{asking.label}: expected Type/id")
    family = hierarchy.reach(facts, goal.type_name, goal.id, asking.modifier, asking.label)

    def test(node: Node) -> bool:
        found = facts.target_of(node)
        return found is not None and found.is_local and (found.type_name, found.id) in family

    return test


def _date(asking: Asking, text: str) -> Test:
    prefix, asked = dates.read(text, asking.label, asking.facts.now)

    def test(node: Node) -> bool:
        stored = dates.of_value(node.type, node.value)
        return stored is not None and dates.compares(prefix, stored, asked)

    return test


def _number(asking: Asking, text: str) -> Test:
    asked = quantities.read(text, asking.label, with_unit=asking.parameter.kind == "quantity")

    def test(node: Node) -> bool:
        stored = quantities.of_value(node.type, node.value)
        return stored is not None and quantities.compares(stored, asked)

    return test


def _uri(asking: Asking, text: str) -> Test:
    asked = unescape(text)
    return lambda node: isinstance(node.value, str) and uris.compares(node.type, node.value, asked, asking.modifier)


def _composite(asking: Asking, text: str) -> Test:
    """All parts in one element. A component is read like the parameter of its element."""
    facts, components = asking.facts, asking.parameter.components
    parts = split(text, "$")
    if len(parts) != len(components) or not all(parts):
        raise Refused(f"{asking.label}: expected {len(components)} parts joined by $")
    tests = []
    for part, (code, expression) in zip(parts, components, strict=True):
        parameter = _component(asking, code, expression)
        tests.append((expression, read(Asking(facts, parameter), part)))
    return lambda node: all(any(map(test, facts.below(node, expression))) for expression, test in tests)


def _component(asking: Asking, code: str, expression: str) -> SearchParameter:
    """The parameter of a component: another component's, if that is the one which speaks of the expression."""
    own = asking.facts.definitions.search_parameters[asking.parameter.type_name]
    named = [own[other] for other, _ in asking.parameter.components]
    speaking = [p for p in named if p.expression.endswith(f".{expression}")]
    return own[code] if own[code] in speaking or not speaking else speaking[0]


def _near(asking: Asking, text: str) -> Test:
    asked = places.read(text, asking.label)
    return lambda node: places.compares(node.value, asked)


_READERS: dict[str, Callable[[Asking, str], Test]] = {
    "string": _string,
    "token": _token,
    "reference": _reference,
    "date": _date,
    "number": _number,
    "quantity": _number,
    "uri": _uri,
    "composite": _composite,
    "special": _near,
}
