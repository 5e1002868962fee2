"""FHIRPath Patch: https://hl7.org/fhir/R4/fhirpatch.html .

Operations come as a Parameters resource: add, insert, delete, replace, move. The one rule: the resource that was given
is never changed, whatever fails half-way; the result is checked like any other body by whoever stores it.
"""

import copy
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from fhir_server.errors import BadRequest, FhirError, Unprocessable
from fhir_server.fhir.element_path import Locator, Node, Step, named, steps_of
from fhir_server.fhir.json import JsonObject
from fhir_server.fhir.patch_value import PatchValue, built, member_for, value_of
from fhir_server.fhir.siblings import pairs_of, put_pairs, put_single
from fhir_server.fhir.structures import Property, Structures

MAX_OPERATIONS = 200


@dataclass(frozen=True, slots=True)
class _Operation:
    """One operation; `place` is its FHIRPath in the Parameters resource, `value_place` that of its value."""

    place: str
    verb: str
    path: str
    steps: tuple[Step, ...]
    parts: dict[str, JsonObject]
    value_place: str
    locator: Locator
    structures: Structures

    def text(self, name: str) -> str:
        return str(self._given(name, str, "a string"))

    def number(self, name: str) -> int:
        number = self._given(name, int, "an integer")
        if isinstance(number, bool) or number < 0:
            raise self.malformed(f"'{name}' is expected to be an integer from 0")
        return int(number)

    def value(self) -> PatchValue:
        if "value" not in self.parts:
            raise self.malformed(f"{self.verb} needs a part 'value'")
        return value_of(self.parts["value"], self.value_place)

    def malformed(self, reason: str) -> BadRequest:
        return BadRequest(reason, expression=(self.place,))

    def unfit(self, reason: str) -> Unprocessable:
        return Unprocessable(f"{self.verb} {self.path}: {reason}", expression=(self.place,))

    def _given(self, name: str, kind: type, description: str) -> Any:
        part = self.parts.get(name, {})
        value = next((part[member] for member in part if member.startswith("value")), None)
        if not isinstance(value, kind):
            raise self.malformed(f"{self.verb} needs a part '{name}' with {description}")
        return value


def apply(resource: JsonObject, parameters: JsonObject, *, structures: Structures) -> JsonObject:
    """The patched resource.

    Raises BadRequest for malformed operations and paths, Unprocessable for those that do not fit the resource; the
    expression is the failing operation's, e.g. "Parameters.parameter[2]".
    """
    given = parameters.get("parameter")
    if not isinstance(given, list) or not given:
        raise BadRequest("a FHIRPath Patch needs parameters called operation", expression=("Parameters.parameter",))
    if len(given) > MAX_OPERATIONS:
        raise BadRequest(f"a FHIRPath Patch has at most {MAX_OPERATIONS} operations", code="too-costly")
    patched: JsonObject = copy.deepcopy(resource)
    locator = Locator(patched, structures)
    for index, parameter in enumerate(given):
        place = f"Parameters.parameter[{index}]"
        try:
            operation = _read(parameter, place, locator, structures)
            _VERBS[operation.verb](operation)
        except FhirError as error:
            if error.issues[0].expression:
                raise
            raise type(error)(str(error), code=error.issues[0].code, expression=(place,)) from None
    return patched


def _read(parameter: Any, place: str, locator: Locator, structures: Structures) -> _Operation:
    if not isinstance(parameter, dict) or parameter.get("name") != "operation":
        raise BadRequest("every parameter of a FHIRPath Patch is called operation", expression=(place,))
    parts: dict[str, JsonObject] = {}
    value_place = place
    for index, part in enumerate(parameter.get("part") or ()):
        name = part.get("name") if isinstance(part, dict) else None
        if name not in _PARTS or name in parts:
            raise BadRequest(f"parts are {', '.join(_PARTS)}, each once", expression=(f"{place}.part[{index}]",))
        parts[name] = part
        value_place = f"{place}.part[{index}]" if name == "value" else value_place
    draft = _Operation(place, "an operation", "", (), parts, value_place, locator, structures)
    verb, path = draft.text("type"), draft.text("path")
    if verb not in _VERBS:
        raise draft.malformed(f"the type of an operation is one of {', '.join(_VERBS)}")
    return _Operation(place, verb, path, steps_of(path), parts, value_place, locator, structures)


def _add(operation: _Operation) -> None:
    node = _only(operation, operation.locator.locate(operation.steps))
    owner, value, name = node.elements, operation.value(), operation.text("name")
    if not isinstance(owner, dict):
        raise operation.unfit("what is there has no elements of its own")
    found = member_for(node.structure, name, value, operation.value_place)
    new = built(value, found, operation.structures, operation.value_place)
    if found.element.max != 1:
        put_pairs(owner, found.name, [*pairs_of(owner, found.name), (new, value.sibling)])
    elif any(pairs_of(owner, p.name) for p in named(node.structure, found.element.name)):
        raise operation.unfit(f"'{found.element.name}' is there already and does not repeat; replace it")
    else:
        put_single(owner, found.name, new, value.sibling)


def _insert(operation: _Operation) -> None:
    owner, found = _list_at(operation)
    pairs, index, value = pairs_of(owner, found.name), operation.number("index"), operation.value()
    if index > len(pairs):
        raise operation.unfit("the index is beyond the end of the list")
    new = built(value, found, operation.structures, operation.value_place)
    put_pairs(owner, found.name, [*pairs[:index], (new, value.sibling), *pairs[index:]])


def _delete(operation: _Operation) -> None:
    nodes = operation.locator.locate(operation.steps)
    if not nodes:
        return
    node = _only(operation, nodes)
    owner, found = _held(operation, node)
    if node.index is None:
        put_single(owner, found.name, None, None)
        return
    pairs = pairs_of(owner, found.name)
    del pairs[node.index]
    put_pairs(owner, found.name, pairs)


def _replace(operation: _Operation) -> None:
    node = _only(operation, operation.locator.locate(operation.steps))
    owner, found = _held(operation, node)
    value = operation.value()
    if found.element.is_choice and value.suffix:
        parent = operation.structures.structure(found.element.path.rpartition(".")[0])
        old, found = found, member_for(parent, found.element.name, value, operation.value_place)
        _rename(owner, old.name, found.name)
    new = built(value, found, operation.structures, operation.value_place)
    if node.index is None:
        put_single(owner, found.name, new, value.sibling)
        return
    pairs = pairs_of(owner, found.name)
    pairs[node.index] = (new, value.sibling)
    put_pairs(owner, found.name, pairs)


def _move(operation: _Operation) -> None:
    owner, found = _list_at(operation)
    pairs = pairs_of(owner, found.name)
    source, destination = operation.number("source"), operation.number("destination")
    if source >= len(pairs) or destination >= len(pairs):
        raise operation.unfit("source or destination is beyond the end of the list")
    pairs.insert(destination, pairs.pop(source))
    put_pairs(owner, found.name, pairs)


_VERBS: dict[str, Callable[[_Operation], None]] = {
    "add": _add,
    "insert": _insert,
    "delete": _delete,
    "replace": _replace,
    "move": _move,
}
_PARTS = ("type", "path", "name", "value", "index", "source", "destination")


def _only(operation: _Operation, nodes: list[Node]) -> Node:
    if len(nodes) != 1:
        raise operation.unfit("nothing is there" if not nodes else "the path leads to several elements, not to one")
    return nodes[0]


def _held(operation: _Operation, node: Node) -> tuple[JsonObject, Property]:
    """The object and the member that hold the element."""
    if node.owner is None or node.found is None:
        raise operation.unfit("the path leads to the whole resource, not to an element")
    return node.owner, node.found


def _list_at(operation: _Operation) -> tuple[JsonObject, Property]:
    """The object and the member that hold, or would hold, the list that the path leads to."""
    *before, last = operation.steps
    if last.kind != "member":
        raise operation.malformed(f"the path of {operation.verb} leads to a list: it ends with the list's name")
    node = _only(operation, operation.locator.locate(tuple(before)))
    found = named(node.structure, last.text)[0]
    if found.element.max == 1 or not isinstance(node.elements, dict):
        raise operation.unfit(f"'{found.element.name}' does not repeat")
    return node.elements, found


def _rename(owner: JsonObject, old: str, new: str) -> None:
    """Give a member and its sibling another name in the same place."""
    names = {old: new, "_" + old: "_" + new}
    members = [(names.get(name, name), value) for name, value in owner.items()]
    owner.clear()
    owner.update(members)
