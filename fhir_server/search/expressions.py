"""Compiles search expressions to functions over resources, once, when the server starts.

http://hl7.org/fhirpath/N1/ and https://hl7.org/fhir/R4/fhirpath.html  The element tables tell the type of every step,
so that a choice element becomes one branch a type and each value comes with its type. The one rule: a branch never
fails on a resource of the wrong shape; it finds nothing there.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any, TypeAlias

from fhir_server.fhir import references
from fhir_server.fhir.structures import Element, Structures
from fhir_server.search import expression_syntax as syntax
from fhir_server.search.expression_syntax import ExpressionError

Test: TypeAlias = Callable[[Any], bool]


@dataclass(frozen=True, slots=True)
class Where:
    """A step that keeps the nodes which pass."""

    test: Test


@dataclass(frozen=True, slots=True)
class Truth:
    """A step that turns a node into true or false."""

    test: Test


Step: TypeAlias = str | int | Where | Truth
"""A JSON member, a position, or one of the above."""


@dataclass(frozen=True, slots=True)
class Branch:
    """One way to values of one type: `type` is a type's name, or that of a nested structure ("Task.input")."""

    steps: tuple[Step, ...]
    type: str
    element: Element | None = None

    @property
    def member(self) -> str:
        """The member of the resource that it starts from; "" when it looks at the resource as a whole."""
        return self.steps[0] if self.steps and isinstance(self.steps[0], str) else ""

    def values(self, node: Any) -> list[Any]:
        """The values below a node, as they stand in the JSON."""
        return _collect([node], self.steps)


def compile_expression(text: str, type_name: str, structures: Structures) -> tuple[Branch, ...]:
    """The branches of an expression on a type; raises ExpressionError for what is outside the subset."""
    compiler = _Compiler(text, type_name, structures)
    return tuple(compiler.branches(syntax.read(text), [Branch((), type_name)]))


def _collect(nodes: list[Any], steps: tuple[Step, ...]) -> list[Any]:
    for step in steps:
        if isinstance(step, str):
            nodes = list(_children(nodes, step))
        elif isinstance(step, int):
            nodes = nodes[step : step + 1]
        elif isinstance(step, Where):
            nodes = [node for node in nodes if step.test(node)]
        else:
            nodes = [step.test(node) for node in nodes]
        if not nodes:
            break
    return nodes


def _children(nodes: list[Any], member: str) -> Iterator[Any]:
    for node in nodes:
        value = node.get(member) if isinstance(node, dict) else None
        if isinstance(value, list):
            for item in value:
                if item is not None:
                    yield item
        elif value is not None:
            yield value


class _Compiler:
    """One expression; what a step means depends on the branches that lead to it."""

    def __init__(self, text: str, type_name: str, structures: Structures) -> None:
        self._text = text
        self._type_name = type_name
        self._structures = structures
        self._functions: Mapping[str, Callable[[syntax.Call, list[Branch]], list[Branch]]] = {
            "where": self._where,
            "as": self._as_type,
            "ofType": self._as_type,
            "extension": self._extension,
        }

    def branches(self, node: syntax.Node, found: list[Branch]) -> list[Branch]:
        """The branches that the node adds to those found so far."""
        if isinstance(node, syntax.Path):
            for step in node.steps:
                found = self.branches(step, found)
            return found
        if isinstance(node, syntax.Name):
            return [child for branch in found for child in self._child(branch, node.name)]
        if isinstance(node, syntax.Index):
            return [replace(branch, steps=(*branch.steps, node.position)) for branch in found]
        if isinstance(node, syntax.Call) and node.name in self._functions:
            return self._functions[node.name](node, found)
        if isinstance(node, syntax.Typed) and node.operator == "as":
            return self._of_type(node.type_name, self.branches(node.operand, found))
        if isinstance(node, syntax.Binary) and node.operator == "|":
            return self.branches(node.left, found) + self.branches(node.right, found)
        return [Branch((*b.steps, Truth(self._test(node, b))), "boolean") for b in found]

    def _child(self, branch: Branch, name: str) -> list[Branch]:
        if not branch.steps and name in {self._type_name, "Resource", "DomainResource"}:
            return [branch]
        structure = self._structures.structure(branch.type)
        if structure is None:
            return []
        return [
            Branch((*branch.steps, found.name), found.structure or found.type, found.element)
            for found in structure.properties.values()
            if name in {found.element.name, found.name}
        ]

    def _where(self, call: syntax.Call, found: list[Branch]) -> list[Branch]:
        (criterion,) = call.arguments
        return [
            replace(branch, steps=(*branch.steps, Where(self._test(criterion, Branch((), branch.type)))))
            for branch in found
        ]

    def _as_type(self, call: syntax.Call, found: list[Branch]) -> list[Branch]:
        (argument,) = call.arguments
        if not isinstance(argument, syntax.Name):
            raise self._error(call.name)
        return self._of_type(argument.name, found)

    def _of_type(self, type_name: str, found: list[Branch]) -> list[Branch]:
        """Primitive types begin with a small letter, also where an expression writes a capital one."""
        wanted = {type_name, type_name[:1].lower() + type_name[1:]}
        return [branch for branch in found if branch.type in wanted]

    def _extension(self, call: syntax.Call, found: list[Branch]) -> list[Branch]:
        url = self._literal(call.arguments[0])
        extensions = [child for branch in found for child in self._child(branch, "extension")]
        return [replace(branch, steps=(*branch.steps, Where(_has_url(url)))) for branch in extensions]

    def _test(self, node: syntax.Node, branch: Branch) -> Test:
        """A condition on a node of the branch's type."""
        start = [Branch((), branch.type)]
        if isinstance(node, syntax.Binary) and node.operator == "and":
            left, right = self._test(node.left, branch), self._test(node.right, branch)
            return lambda value: left(value) and right(value)
        if isinstance(node, syntax.Binary) and node.operator in {"=", "!="}:
            return self._comparison(node, start)
        if isinstance(node, syntax.Typed) and node.operand == syntax.Call("resolve", ()):
            return _refers_to(node.type_name)
        if isinstance(node, syntax.Call) and node.name == "hasExtension":
            url = self._literal(node.arguments[0])
            return lambda value: any(map(_has_url(url), _children([value], "extension")))
        if isinstance(node, syntax.Path) and node.steps[-1] == syntax.Call("exists", ()):
            return _exists(self.branches(syntax.Path(node.steps[:-1]), start))
        raise self._error("a condition")

    def _comparison(self, node: syntax.Binary, start: list[Branch]) -> Test:
        wanted = self._literal(node.right)
        found = self.branches(node.left, start)
        if node.operator == "=":
            return lambda value: any(v == wanted for b in found for v in b.values(value))
        return lambda value: any(v != wanted for b in found for v in b.values(value))

    def _literal(self, node: syntax.Node) -> Any:
        if not isinstance(node, syntax.Literal):
            raise self._error("a literal")
        return node.value

    def _error(self, what: str) -> ExpressionError:
        return ExpressionError(f"search expression {self._text!r} uses {what} outside the subset")


def _has_url(url: str) -> Test:
    return lambda node: isinstance(node, dict) and node.get("url") == url


def _exists(found: list[Branch]) -> Test:
    return lambda node: any(branch.values(node) for branch in found)


def _refers_to(type_name: str) -> Test:
    """`resolve() is Type` without reading anything: the type is in the reference's text, or named beside it."""

    def test(node: Any) -> bool:
        reference = node if isinstance(node, dict) else {"reference": node}
        text = reference.get("reference")
        named = references.parse(text).type_name if isinstance(text, str) else ""
        return (named or reference.get("type")) == type_name

    return test
