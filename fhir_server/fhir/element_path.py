"""The part of FHIRPath that says where something is: `Task.input[0].value`, `Task.note.where(text = 'x')`.

https://hl7.org/fhirpath/N1/ and https://hl7.org/fhir/R4/fhirpatch.html  Members, indexes, where(), first(), last(),
ofType() and extension(url) are followed here, because a patch needs the place and not a copy of the value; only the
criteria inside where() go to an engine. The one rule: a path from a client costs no more than its limits say.
"""

import re
from dataclasses import dataclass
from typing import Any

from fhir_server.errors import BadRequest
from fhir_server.fhir.json import JsonObject
from fhir_server.fhir.path_criteria import STRING, check_criteria, holds
from fhir_server.fhir.siblings import pairs_of
from fhir_server.fhir.structures import Property, Structure, Structures

MAX_PATH_LENGTH = 1_000
MAX_EVALUATIONS = 2_000
MAX_CRITERIA = 20

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*|`[^`\\]+`")
_INDEX = re.compile(r"\[\s*([0-9]{1,6})\s*\]")
_CALL = re.compile(r"(where|first|last|ofType|extension)\(")


@dataclass(frozen=True, slots=True)
class Step:
    """One step: `kind` is member, index or a function's name; `text` its name, number or argument."""

    kind: str
    text: str


@dataclass(frozen=True, slots=True)
class Node:
    """An element that is there: its value, and the owner's member (and index in it) that holds it.

    `elements` is the object with its elements (of a primitive: its sibling), described by `structure`. The resource
    itself has no owner; `found` says how the element is declared.
    """

    value: Any
    elements: Any
    structure: Structure | None
    owner: JsonObject | None = None
    member: str = ""
    index: int | None = None
    found: Property | None = None


def steps_of(path: str) -> tuple[Step, ...]:
    """The steps of a path; raises BadRequest for anything that does not just locate elements."""
    if len(path) > MAX_PATH_LENGTH:
        raise BadRequest(f"a path has at most {MAX_PATH_LENGTH} characters", code="too-long")
    steps: list[Step] = []
    at = 0
    while at < len(path):
        index = _INDEX.match(path, at)
        if index and steps:
            steps.append(Step("index", index[1]))
            at = index.end()
            continue
        if steps:
            if path[at] != ".":
                break
            at += 1
        step, at = _step_at(path, at)
        steps.append(step)
    if at < len(path) or not steps:
        raise BadRequest(f"the path is not understood from character {at} on: it may only locate elements")
    return tuple(steps)


class Locator:
    """Finds elements of one resource; counts the criteria it evaluates."""

    def __init__(self, resource: JsonObject, structures: Structures) -> None:
        self._resource = resource
        self._structures = structures
        self._evaluations = 0
        self._criteria: set[str] = set()
        self.root = Node(resource, resource, self._structure_of(resource, "Resource"))

    def locate(self, steps: tuple[Step, ...]) -> list[Node]:
        """The elements that the steps lead to, in document order; none when something on the way is absent."""
        nodes = [self.root]
        if steps and steps[0].kind == "member" and self._is_root(steps[0].text):
            steps = steps[1:]
        for step in steps:
            nodes = self._followed(nodes, step)
        return nodes

    def _is_root(self, name: str) -> bool:
        if name in {self._resource.get("resourceType"), "Resource", "DomainResource"}:
            return True
        if name in self._structures.resource_types:
            raise BadRequest(f"the path begins with {name}, which is not the type of this resource")
        return False

    def _followed(self, nodes: list[Node], step: Step) -> list[Node]:
        if step.kind == "member":
            return [child for node in nodes for child in self._members(node, step.text)]
        if step.kind == "extension":
            extensions = [child for node in nodes for child in self._members(node, "extension")]
            return [n for n in extensions if isinstance(n.value, dict) and n.value.get("url") == step.text]
        if step.kind == "where":
            return [node for node in nodes if self._holds(node, step.text)]
        if step.kind == "ofType":
            return [node for node in nodes if node.found is not None and node.found.type == step.text]
        if step.kind == "index":
            return nodes[int(step.text) : int(step.text) + 1]
        return nodes[:1] if step.kind == "first" else nodes[-1:]

    def _members(self, node: Node, name: str) -> list[Node]:
        described = named(node.structure, name)
        if not isinstance(node.elements, dict):
            return []
        found = [p for p in described if p.name in node.elements or "_" + p.name in node.elements]
        return [child for p in found for child in self._children(node.elements, p)]

    def _children(self, owner: JsonObject, found: Property) -> list[Node]:
        name = found.name
        repeats = isinstance(owner.get(name), list) or isinstance(owner.get("_" + name), list)
        children = []
        for index, (value, sibling) in enumerate(pairs_of(owner, name)):
            elements, within = (sibling, "Element") if found.is_primitive else (value, found.structure)
            structure = self._structure_of(value, within)
            children.append(Node(value, elements, structure, owner, name, index if repeats else None, found))
        return children

    def _structure_of(self, value: Any, name: str | None) -> Structure | None:
        if name == "Resource" and isinstance(value, dict):
            name = value.get("resourceType")
        return self._structures.structure(name) if isinstance(name, str) else None

    def _holds(self, node: Node, criteria: str) -> bool:
        self._evaluations += 1
        self._criteria.add(criteria)
        if self._evaluations > MAX_EVALUATIONS or len(self._criteria) > MAX_CRITERIA:
            raise BadRequest("the paths have too many criteria to evaluate", code="too-costly")
        is_complex = node.structure is not None and node.elements is node.value
        return holds(criteria, node.value, node.structure.name if is_complex and node.structure else None)


def named(structure: Structure | None, name: str) -> list[Property]:
    """The members that a path's name stands for, several for a choice; raises BadRequest when there is none."""
    if structure is None:
        raise BadRequest(f"the path goes on with '{name}' where an element has no members")
    if name in structure.properties:
        return [structure.properties[name]]
    found = [p for p in structure.properties.values() if p.element.is_choice and p.element.name == name]
    if not found:
        raise BadRequest(f"{structure.name} has no element '{name}'")
    return found


def _step_at(path: str, at: int) -> tuple[Step, int]:
    call = _CALL.match(path, at)
    if call:
        closing = _closing(path, call.end())
        return _call(call[1], path[call.end() : closing].strip()), closing + 1
    name = _NAME.match(path, at)
    if name is None:
        raise BadRequest(f"the path is not understood from character {at} on: it may only locate elements")
    return Step("member", name[0].strip("`")), name.end()


def _call(function: str, argument: str) -> Step:
    if function in {"first", "last"}:
        if argument:
            raise BadRequest(f"{function}() takes no argument")
        return Step(function, "")
    if not argument:
        raise BadRequest(f"{function}() needs an argument")
    if function == "where":
        check_criteria(argument)
        return Step("where", argument)
    if function == "ofType":
        return Step("ofType", argument.removeprefix("FHIR."))
    if not STRING.fullmatch(argument) or "\\" in argument:
        raise BadRequest("extension() needs a url in quotes")
    return Step("extension", argument[1:-1])


def _closing(path: str, at: int) -> int:
    """Where the parenthesis that was opened before `at` closes; parentheses in strings do not count."""
    depth = 1
    while at < len(path):
        string = STRING.match(path, at)
        if string:
            at = string.end()
            continue
        depth += {"(": 1, ")": -1}.get(path[at], 0)
        if depth == 0:
            return at
        at += 1
    raise BadRequest("the path has a parenthesis that is never closed")
