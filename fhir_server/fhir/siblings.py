"""Primitive elements in JSON: a value under "name", its id and extensions under "_name".

https://hl7.org/fhir/R4/json.html#primitive  The one rule: the two arrays of a repeating primitive stay aligned; here
they are one list of pairs, None where a value or its sibling is missing.
"""

from typing import Any

from fhir_server.fhir.json import JsonObject

Pair = tuple[Any, Any]  # value, sibling


def pairs_of(owner: JsonObject, name: str) -> list[Pair]:
    """The pairs of a repeating element; of a complex one, whose siblings are all None, too."""
    values = _as_list(owner.get(name))
    siblings = _as_list(owner.get("_" + name))
    length = max(len(values), len(siblings))
    values = values + [None] * (length - len(values))
    siblings = siblings + [None] * (length - len(siblings))
    return list(zip(values, siblings, strict=True))


def put_pairs(owner: JsonObject, name: str, pairs: list[Pair]) -> None:
    """Store the pairs as arrays; an array that would hold nothing but nulls is removed."""
    _put(owner, name, [value for value, _ in pairs])
    _put(owner, "_" + name, [sibling for _, sibling in pairs])


def put_single(owner: JsonObject, name: str, value: Any, sibling: Any) -> None:
    """Store the value and the sibling of an element that does not repeat; None removes either."""
    for member, content in ((name, value), ("_" + name, sibling)):
        if content is not None:
            owner[member] = content
        else:
            owner.pop(member, None)


def _put(owner: JsonObject, name: str, items: list[Any]) -> None:
    if any(item is not None for item in items):
        owner[name] = items
    else:
        owner.pop(name, None)


def _as_list(value: Any) -> list[Any]:
    if value is None:
        return []
    return value if isinstance(value, list) else [value]
