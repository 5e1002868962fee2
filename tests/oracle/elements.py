"""The elements that a search expression selects: a small reading of FHIRPath.

http://hl7.org/fhirpath/N1/  Names, `|`, `as`, `is`, `and`, `=`, `!=` and six functions: all that search parameters use.
Each element comes with its type, which the element tables tell.
"""

import functools
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from fhir_server.definitions import Definitions
from tests.oracle.references import type_of


@dataclass(frozen=True, slots=True)
class Node:
    """A value in a resource, its type ("code", "Period", "Task.input"), and the value set that a code must be from."""

    value: Any
    type: str
    binding: str = ""


Nodes = list[Node]
Select = Callable[[Nodes], Nodes]
_WORD = re.compile(r"\s*('[^']*'|[A-Za-z]\w*|\d+|!=|[().|=])")


@functools.cache
def _words(text: str) -> tuple[str, ...]:
    return tuple(_WORD.findall(text))


class Evaluator:
    """Evaluates expressions on nodes; `definitions` tell the types."""

    def __init__(self, definitions: Definitions) -> None:
        self._definitions = definitions
        self._compiled: dict[str, Select] = {}

    def select(self, expression: str, start: Node) -> Nodes:
        """The nodes that the expression selects from the node it starts at."""
        if expression not in self._compiled:
            reader = _Reader(_words(expression), self._definitions)
            self._compiled[expression] = reader.conjunction()
            assert reader.at_end, f"not understood: {expression}"
        return self._compiled[expression]([start])


class _Reader:
    """Words to a function, from the loosest operator to the tightest."""

    def __init__(self, words: tuple[str, ...], definitions: Definitions) -> None:
        self._words = list(words)
        self._definitions = definitions

    @property
    def at_end(self) -> bool:
        return not self._words

    def _takes(self, word: str) -> bool:
        if self._words[:1] == [word]:
            self._words.pop(0)
            return True
        return False

    def conjunction(self) -> Select:
        left = self._equation()
        while self._takes("and"):
            left = _both(left, self._equation())
        return left

    def _equation(self) -> Select:
        left = self._union()
        if self._takes("="):
            return _equal(left, self._union())
        if self._takes("!="):
            return _unequal(left, self._union())
        return left

    def _union(self) -> Select:
        left = self._typed()
        while self._takes("|"):
            left = _joined(left, self._typed())
        return left

    def _typed(self) -> Select:
        found = self._path()
        if self._takes("as"):
            return _then(found, _of_type(self._words.pop(0)))
        if self._takes("is"):
            return _then(found, _is_type(self._words.pop(0)))
        return found

    def _path(self) -> Select:
        if self._takes("("):
            found = self.conjunction()
            assert self._takes(")")
        else:
            found = self._first(self._words.pop(0))
        while self._takes("."):
            found = _then(found, self._step(self._words.pop(0)))
        return found

    def _first(self, word: str) -> Select:
        if word.startswith("'"):
            return lambda _: [Node(word[1:-1], "string")]
        if word in {"true", "false"}:
            return lambda _: [Node(word == "true", "boolean")]
        step = self._step(word)
        if not word[0].isupper():
            return step
        return lambda nodes: nodes if all(node.type == word for node in nodes) else step(nodes)

    def _step(self, word: str) -> Select:
        if not self._takes("("):
            return functools.partial(_children, self._definitions, word)
        argument = None if self._words[0] == ")" else self.conjunction() if word == "where" else self._argument()
        assert self._takes(")")
        return self._function(word, argument)

    def _argument(self) -> str:
        return self._words.pop(0).strip("'")

    def _function(self, name: str, argument: Any) -> Select:
        if name == "where":
            return lambda nodes: [n for n in nodes if any(found.value is True for found in argument([n]))]
        if name in {"as", "ofType"}:
            return _of_type(argument)
        if name == "resolve":
            return lambda nodes: nodes
        if name == "exists":
            return lambda nodes: [Node(bool(nodes), "boolean")]
        extensions = functools.partial(_children, self._definitions, "extension")
        if name == "extension":
            return lambda nodes: [n for n in extensions(nodes) if n.value.get("url") == argument]
        assert name == "hasExtension", name
        return lambda nodes: [Node(any(n.value.get("url") == argument for n in extensions(nodes)), "boolean")]


def _children(definitions: Definitions, name: str, nodes: Nodes) -> Nodes:
    found = []
    for node in nodes:
        structure = definitions.structures.get(node.type)
        for member in structure.properties.values() if structure is not None and isinstance(node.value, dict) else ():
            if name in {member.element.name, member.name} and member.name in node.value:
                value = node.value[member.name]
                for item in value if isinstance(value, list) else [value]:
                    if item is not None:
                        kind = member.structure or member.type
                        found.append(Node(item, kind, member.element.binding or ""))
    return found


def _then(first: Select, second: Select) -> Select:
    return lambda nodes: second(first(nodes))


def _joined(left: Select, right: Select) -> Select:
    return lambda nodes: left(nodes) + right(nodes)


def _both(left: Select, right: Select) -> Select:
    return lambda nodes: [
        Node(all(any(n.value is True for n in side(nodes)) for side in (left, right)), "boolean"),
    ]


def _equal(left: Select, right: Select) -> Select:
    return lambda nodes: [Node(any(a.value == b.value for a in left(nodes) for b in right(nodes)), "boolean")]


def _unequal(left: Select, right: Select) -> Select:
    return lambda nodes: [Node(any(a.value != b.value for a in left(nodes) for b in right(nodes)), "boolean")]


def _of_type(name: str) -> Select:
    """`as DateTime` means dateTime."""
    return lambda nodes: [n for n in nodes if n.type in {name, name[0].lower() + name[1:]}]


def _is_type(name: str) -> Select:
    """The only use: `resolve() is Type`, told from the reference itself."""
    return lambda nodes: [Node(type_of(n.value) == name, "boolean") for n in nodes]
