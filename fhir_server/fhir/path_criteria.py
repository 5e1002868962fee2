"""Criteria inside `where(...)` of a path: the one part of a patch that needs a FHIRPath engine.

https://hl7.org/fhirpath/N1/#wherecriteria-expression-collection  The one rule: only what takes time in proportion to
the element is evaluated: no regular expressions, no walks over everything, no variables, nothing that multiplies.
"""

import re
from functools import lru_cache
from typing import Any

from fhir_server.errors import BadRequest

MAX_LENGTH = 300
MAX_PARENTHESES = 20
STRING = re.compile(r"'(?:[^'\\]|\\.)*'|\"(?:[^\"\\]|\\.)*\"|`[^`]*`")

_FUNCTIONS = frozenset(
    {
        *("all", "allTrue", "anyTrue", "contains", "count", "empty", "endsWith", "exists", "extension", "first"),
        *("last", "length", "lower", "not", "ofType", "startsWith", "upper", "where"),
        *("and", "or", "xor", "implies", "in", "is", "as", "div", "mod"),  # operators before a parenthesis
    }
)
_CALLED = re.compile(r"([A-Za-z_][A-Za-z0-9_]*)\s*\(")


def check_criteria(criteria: str) -> None:
    """Raises BadRequest for criteria that are too complex, or call what is not supported here."""
    bare = STRING.sub("''", criteria)
    for function in _CALLED.findall(bare):
        if function not in _FUNCTIONS:
            raise BadRequest(f"{function}() is not supported in the criteria of a path", code="not-supported")
    if "%" in bare:
        raise BadRequest("variables are not supported in the criteria of a path", code="not-supported")
    if len(criteria) > MAX_LENGTH or bare.count("(") > MAX_PARENTHESES:
        raise BadRequest("the criteria of a path are too complex", code="too-costly")


def holds(criteria: str, value: Any, path: str | None) -> bool:
    """Whether the criteria are true of an element; `path` names its structure ("Task.input"), None for primitives."""
    from fhirpathpy.engine.nodes import ResourceNode

    evaluate = _compiled(criteria)
    try:
        return bool(evaluate(ResourceNode.create_node(value, path)) == [True])  # type: ignore[no-untyped-call]
    except Exception:  # noqa: BLE001 - criteria that do not fit the element fail in many ways
        raise BadRequest("the criteria of a path cannot be evaluated on this resource") from None


@lru_cache(maxsize=256)
def _compiled(criteria: str) -> Any:
    import fhirpathpy  # here, because its grammar costs memory and start time and few patches need it
    from fhirpathpy.models import models

    try:
        if not _has_errors(criteria):
            return fhirpathpy.compile(criteria, models["r4"])
    except RecursionError:
        raise BadRequest("the criteria of a path are too complex", code="too-costly") from None
    raise BadRequest("the criteria of a path are not FHIRPath")


def _has_errors(criteria: str) -> bool:
    """The engine reads as far as it understands and says nothing of the rest; a patch must not."""
    from fhirpathpy.parser import CommonTokenStream, InputStream  # type: ignore[attr-defined]
    from fhirpathpy.parser.generated.FHIRPathLexer import FHIRPathLexer
    from fhirpathpy.parser.generated.FHIRPathParser import FHIRPathParser

    unknown: list[Any] = []
    lexer = FHIRPathLexer(InputStream(criteria))
    lexer.notifyListeners = unknown.append
    parser = FHIRPathParser(CommonTokenStream(lexer))
    parser.removeErrorListeners()
    parser.entireExpression()  # type: ignore[no-untyped-call]
    return bool(unknown) or parser.getNumberOfSyntaxErrors() > 0
