"""SearchParameter to rows: one row for each type and code, with the part of the expression that speaks of that type.

https://hl7.org/fhir/R4/searchparameter.html  Parameters without an expression (`_filter`, `_query`, `_content`,
`_text`) cannot be computed from a resource: they are reported, not written.
"""

import re
from collections.abc import Iterable
from typing import Any

from fhir_server.fhir.json import JsonObject

Row = dict[str, Any]
_ROOT = re.compile(r"\(*\s*([A-Z][A-Za-z]*)\b")
_EXAMPLE_IDS = {"example", "example-reference", "example-extension"}


def rows(parameters: Iterable[JsonObject], type_names: set[str]) -> tuple[dict[tuple[str, str], Row], list[str]]:
    """Rows by (type, code), and a note for each parameter that gave none."""
    by_url = {parameter["url"]: parameter for parameter in parameters}
    found: dict[tuple[str, str], Row] = {}
    notes: list[str] = []
    for parameter in by_url.values():
        if parameter["id"] in _EXAMPLE_IDS:
            continue
        for type_name in parameter.get("base", ()):
            expression = for_type(parameter.get("expression", ""), type_name, type_names)
            key = (type_name, parameter["code"])
            if type_name not in type_names or not expression:
                notes.append(f"{type_name}.{parameter['code']}: no expression for this type, left out")
            elif key in found:
                notes.append(f"{type_name}.{parameter['code']}: defined twice, first kept")
            else:
                found[key] = _row(parameter, type_name, expression, by_url)
    return dict(sorted(found.items())), notes


def for_type(expression: str, type_name: str, type_names: set[str]) -> str:
    """The parts of a union that speak of one type; parts without a type name get it."""
    parts = []
    for part in split_union(expression):
        root = _ROOT.match(part)
        if root is None or root.group(1) not in type_names:
            if not part.startswith("DomainResource."):
                parts.append(f"{type_name}.{part}" if part[:1].islower() else part)
        elif root.group(1) == type_name:
            parts.append(part)
        elif root.group(1) in {"Resource", "DomainResource"}:
            parts.append(part.replace(root.group(1), type_name, 1))
    return " | ".join(parts)


def split_union(expression: str) -> list[str]:
    """The operands of the outermost `|`."""
    parts, depth, start = [], 0, 0
    for position, letter in enumerate(expression):
        depth += (letter == "(") - (letter == ")")
        if letter == "|" and depth == 0:
            parts.append(expression[start:position].strip())
            start = position + 1
    parts.append(expression[start:].strip())
    return [part for part in parts if part]


def _row(parameter: JsonObject, type_name: str, expression: str, by_url: dict[str, JsonObject]) -> Row:
    row: Row = {"type": type_name, "code": parameter["code"], "kind": parameter["type"], "expression": expression}
    if parameter.get("target"):
        row["targets"] = parameter["target"]
    if parameter.get("component"):
        row["components"] = [
            [
                by_url[part["definition"]]["code"] if part["definition"] in by_url else part["definition"],
                part["expression"],
            ]
            for part in parameter["component"]
        ]
    row["url"] = parameter["url"]
    return row
