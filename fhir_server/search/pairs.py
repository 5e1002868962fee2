"""Composites to index rows: every pair of values that stand in one element.

https://hl7.org/fhir/R4/search.html#combining
"""

from collections.abc import Callable, Iterable
from typing import Any, TypeAlias

from fhir_server.definitions import Definitions, SearchParameter
from fhir_server.errors import BadRequest
from fhir_server.search.expressions import Branch, compile_expression
from fhir_server.search.kinds.composite import arrangement, second_part
from fhir_server.store.tables import INDEX_TABLES

Row: TypeAlias = tuple[Any, ...]
Convert: TypeAlias = Callable[[Any], Iterable[Row]]
ConvertKind: TypeAlias = Callable[[str, Branch], Convert | None]
MOST_PAIRS = 5_000
_TABLES = {"number": "quantity"}
_OWN = frozenset({"tenant", "pk", "param", "updated"})


def converter(
    parameter: SearchParameter, branch: Branch, definitions: Definitions, of_kind: ConvertKind
) -> Convert | None:
    """How an element becomes pairs of its values; None for composites that are not pairs with a token."""
    order = arrangement(parameter.component_kinds)
    if order is None:
        return None
    first, second = (
        _values(parameter.components[at][1], parameter.component_kinds[at], branch.type, definitions, of_kind)
        for at in order
    )
    kind = parameter.component_kinds[order[1]]
    columns = [c.name for c in INDEX_TABLES[_TABLES.get(kind, kind)].columns if c.name not in _OWN]

    def convert(node: Any) -> list[Row]:
        others = second(node)
        tokens = first(node) if others else []
        if len(tokens) * len(others) > MOST_PAIRS:
            raise BadRequest(
                f"{parameter.code}: one element has more than {MOST_PAIRS} pairs of values to search by",
                expression=(parameter.type_name,),
                code="too-costly",
            )
        return [(code, system, *second_part(kind, columns, other)) for system, code in tokens for other in others]

    return convert


def _values(
    expression: str, kind: str, type_name: str, definitions: Definitions, of_kind: ConvertKind
) -> Callable[[Any], list[Row]]:
    branches = compile_expression(expression, type_name, definitions)
    converts = [(branch, of_kind(kind, branch)) for branch in branches]

    def values(node: Any) -> list[Row]:
        found: dict[Row, None] = {}
        for branch, convert in converts:
            if convert is not None:
                for value in branch.values(node):
                    found.update((tuple(row), None) for row in convert(value))
        return list(found)

    return values
