"""The ways that a search expression leads to a value, read so that a resource can be built along them.

http://hl7.org/fhirpath/N1/  The server reads the same expressions to find values. Only the reading of the text is
shared with it; what a step means is said here a second time, so that an error there shows.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any, TypeAlias

from fhir_server.definitions import Definitions, SearchParameter
from fhir_server.fhir.structures import Element, Property
from fhir_server.search import expression_syntax as syntax

Fixed: TypeAlias = tuple[tuple[str, Any], ...]
MARK = {"valueBoolean": True}
_VALUE_OF_EXTENSION = "Extension.value[x]"
_VALUES_OF_EXTENSIONS = {"token": ("CodeableConcept", "Identifier"), "string": ("string",), "date": ("dateTime",)}
_WITH_PARTS = ("Coding", "CodeableConcept")


@dataclass(frozen=True, slots=True)
class Step:
    """One member of a resource; `type` is a type or nested structure, `fixed` what else must stand in the node."""

    member: str
    type: str
    element: Element
    fixed: Fixed = ()

    @property
    def repeats(self) -> bool:
        """Whether the member is a list."""
        return self.element.max != 1

    def __str__(self) -> str:
        conditions = "".join(f"[{name}={value}]" for name, value in self.fixed if isinstance(value, str))
        return self.member + conditions


@dataclass(frozen=True, slots=True)
class Route:
    """Steps from a resource (or from the element of a composite) to a value.

    `refers_to`: the type that a reference must name; `is_truth`: the expression yields whether there is a value.
    """

    root: str
    steps: tuple[Step, ...] = ()
    refers_to: str = ""
    is_truth: bool = False

    @property
    def type(self) -> str:
        """The type of the value."""
        return self.steps[-1].type if self.steps else self.root

    @property
    def element(self) -> Element | None:
        """The element that the value is of."""
        return self.steps[-1].element if self.steps else None

    def __str__(self) -> str:
        target = f" ({self.refers_to})" if self.refers_to else ""
        return ".".join([self.root, *map(str, self.steps)]) + target


def routes(expression: str, root: str, definitions: Definitions) -> list[Route]:
    """Every route of an expression that starts at a type or nested structure."""
    return _Reader(definitions).follow(syntax.read(expression), [Route(root)])


def parameter_routes(parameter: SearchParameter, definitions: Definitions) -> list[Route]:
    """The routes of a parameter; where one ends at an extension, its value is meant."""
    return narrowed(routes(parameter.expression, parameter.type_name, definitions), parameter.kind, definitions)


def narrowed(found: list[Route], kind: str, definitions: Definitions) -> list[Route]:
    """The routes with the values of extensions in the types that fit, out of the fifty that an extension may have."""
    extended = [further for route in found for further in _into_extension(route, definitions)]
    return [route for route in extended if all(_fits(route, at, kind) for at in range(len(route.steps)))]


def _into_extension(route: Route, definitions: Definitions) -> list[Route]:
    if route.type != "Extension":
        return [route]
    properties = definitions.structures["Extension"].properties.values()
    return [child(route, found) for found in properties if found.element.path == _VALUE_OF_EXTENSION]


def _fits(route: Route, at: int, kind: str) -> bool:
    step = route.steps[at]
    if step.element.path != _VALUE_OF_EXTENSION:
        return True
    return step.type in (_VALUES_OF_EXTENSIONS[kind] if at == len(route.steps) - 1 else _WITH_PARTS)


def child(route: Route, found: Property) -> Route:
    """The route one member further."""
    step = Step(found.name, found.structure or found.type, found.element)
    return replace(route, steps=(*route.steps, step))


class _Reader:
    """Follows the nodes of one expression."""

    def __init__(self, definitions: Definitions) -> None:
        self._definitions = definitions

    def follow(self, node: syntax.Node, found: list[Route]) -> list[Route]:
        """The routes one node further."""
        match node:
            case syntax.Path(steps):
                for step in steps:
                    found = self.follow(step, found)
                return found
            case syntax.Name(name):
                return [further for route in found for further in self._children(route, name)]
            case syntax.Index():
                return found
            case syntax.Typed("as", operand, type_name):
                return _of_type(self.follow(operand, found), type_name)
            case syntax.Binary(operator, left, right):
                return self._combined(operator, left, right, found)
            case syntax.Call(name, (argument,)):
                return self._called(name, argument, found)
        raise NotImplementedError(node)

    def _combined(self, operator: str, left: syntax.Node, right: syntax.Node, found: list[Route]) -> list[Route]:
        match operator, left:
            case "|", _:
                return self.follow(left, found) + self.follow(right, found)
            case "and", syntax.Path((*steps, syntax.Call("exists"))):
                return [replace(r, is_truth=True) for r in self.follow(syntax.Path(tuple(steps)), found)]
        raise NotImplementedError(left)

    def _called(self, name: str, argument: syntax.Node, found: list[Route]) -> list[Route]:
        match name, argument:
            case (("as" | "ofType"), syntax.Name(type_name)):
                return _of_type(found, type_name)
            case "extension", syntax.Literal(url):
                extensions = self.follow(syntax.Name("extension"), found)
                return [_with(route, ("url", url)) for route in extensions]
            case "where", criterion:
                return [_where(route, criterion) for route in found]
        raise NotImplementedError(name)

    def _children(self, route: Route, name: str) -> Iterator[Route]:
        if not route.steps and name == route.root:
            yield route
            return
        structure = self._definitions.structures.get(route.type)
        for found in structure.properties.values() if structure else ():
            if name in {found.element.name, found.name}:
                yield child(route, found)


def _of_type(found: list[Route], type_name: str) -> list[Route]:
    """R4 writes `value.as(DateTime)` once: types are compared without regard to the case of the first letter."""
    wanted = {type_name, type_name[0].lower() + type_name[1:]}
    return [route for route in found if route.type in wanted]


def _where(route: Route, criterion: syntax.Node) -> Route:
    match criterion:
        case syntax.Binary("=", syntax.Name(name), syntax.Literal(value)):
            return _with(route, (name, value))
        case syntax.Typed("is", syntax.Call("resolve"), type_name):
            return replace(route, refers_to=type_name)
        case syntax.Call("hasExtension", (syntax.Literal(url),)):
            return _with(route, ("extension", [{"url": url, **MARK}]))
    raise NotImplementedError(criterion)


def _with(route: Route, fixed: tuple[str, Any]) -> Route:
    last = route.steps[-1]
    return replace(route, steps=(*route.steps[:-1], replace(last, fixed=(*last.fixed, fixed))))
