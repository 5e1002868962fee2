"""Reads the FHIRPath that search parameters are written in into a tree.

http://hl7.org/fhirpath/N1/ (R4's search parameters use paths, `|`, where, as, ofType, is, exists, extension,
hasExtension, resolve, `=`, `!=`, `and` and an index)  What is not of this subset is refused when definitions load,
never skipped when a resource is indexed.
"""

import re
from dataclasses import dataclass
from typing import TypeAlias

_TOKEN = re.compile(r"\s*(?:'((?:[^'\\]|\\.)*)'|([A-Za-z_][A-Za-z0-9_]*)|(\d+)|(!=|[.|()\[\]=,]))")


class ExpressionError(ValueError):
    """An expression outside the subset; the message names it."""


@dataclass(frozen=True, slots=True)
class Name:
    """A child element, or the type at the root."""

    name: str


@dataclass(frozen=True, slots=True)
class Literal:
    """A string, boolean or whole number."""

    value: str | bool | int


@dataclass(frozen=True, slots=True)
class Call:
    """A function, with its arguments."""

    name: str
    arguments: tuple["Node", ...]


@dataclass(frozen=True, slots=True)
class Index:
    """`[0]`: one of the nodes."""

    position: int


@dataclass(frozen=True, slots=True)
class Path:
    """Steps, each taken from the nodes of the one before."""

    steps: tuple["Node", ...]


@dataclass(frozen=True, slots=True)
class Typed:
    """`operand as type` or `operand is type`."""

    operator: str
    operand: "Node"
    type_name: str


@dataclass(frozen=True, slots=True)
class Binary:
    """`=`, `!=`, `and`, `|`."""

    operator: str
    left: "Node"
    right: "Node"


Node: TypeAlias = Name | Literal | Call | Index | Path | Typed | Binary


def read(text: str) -> Node:
    """The tree of an expression; raises ExpressionError."""
    reader = _Reader(text)
    node = reader.conjunction()
    if reader.peek() != "":
        raise reader.error()
    return node


class _Reader:
    """Recursive descent, one method a level of precedence."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._tokens: list[tuple[str, str]] = []
        at = 0
        while text[at:].strip():
            found = _TOKEN.match(text, at)
            if found is None:
                raise ExpressionError(f"cannot read search expression {text!r} at character {at}")
            kind = ("string", "name", "number", "symbol")[(found.lastindex or 1) - 1]
            self._tokens.append((kind, found[found.lastindex or 1]))
            at = found.end()
        self._at = 0

    def peek(self) -> str:
        """The next symbol or word, "" at the end; strings count as no symbol."""
        if self._at >= len(self._tokens):
            return ""
        kind, text = self._tokens[self._at]
        return "'" if kind == "string" else text

    def error(self) -> ExpressionError:
        """What to raise here."""
        return ExpressionError(f"search expression {self._text!r} is outside the subset near {self.peek()!r}")

    def conjunction(self) -> Node:
        """`a and b`."""
        node = self._equality()
        while self._accept("and"):
            node = Binary("and", node, self._equality())
        return node

    def _equality(self) -> Node:
        node = self._union()
        for operator in ("=", "!="):
            if self._accept(operator):
                return Binary(operator, node, self._union())
        return node

    def _union(self) -> Node:
        node = self._typed()
        while self._accept("|"):
            node = Binary("|", node, self._typed())
        return node

    def _typed(self) -> Node:
        node = self._path()
        while self.peek() in {"as", "is"}:
            node = Typed(self._next("name"), node, self._next("name"))
        return node

    def _path(self) -> Node:
        steps = [self._step()]
        while True:
            if self._accept("."):
                steps.append(self._step())
            elif self._accept("["):
                steps.append(Index(int(self._next("number"))))
                self._expect("]")
            else:
                return steps[0] if len(steps) == 1 else Path(tuple(steps))

    def _step(self) -> Node:
        if self._accept("("):
            node = self.conjunction()
            self._expect(")")
            return node
        kind, text = self._tokens[self._at] if self._at < len(self._tokens) else ("end", "")
        self._at += 1
        if kind == "string":
            return Literal(text)
        if kind == "number":
            return Literal(int(text))
        if kind != "name":
            self._at -= 1
            raise self.error()
        if self._accept("("):
            return Call(text, self._arguments())
        return Literal(text == "true") if text in {"true", "false"} else Name(text)

    def _arguments(self) -> tuple[Node, ...]:
        if self._accept(")"):
            return ()
        arguments = [self.conjunction()]
        while self._accept(","):
            arguments.append(self.conjunction())
        self._expect(")")
        return tuple(arguments)

    def _accept(self, symbol: str) -> bool:
        if self.peek() != symbol:
            return False
        self._at += 1
        return True

    def _expect(self, symbol: str) -> None:
        if not self._accept(symbol):
            raise self.error()

    def _next(self, kind: str) -> str:
        if self._at >= len(self._tokens) or self._tokens[self._at][0] != kind:
            raise self.error()
        self._at += 1
        return self._tokens[self._at - 1][1]
