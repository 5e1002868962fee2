"""Strings: without case, accents and the amount of white space. https://hl7.org/fhir/R4/search.html#string ."""

import unicodedata
from typing import Any

_PARTS = {
    "HumanName": ("text", "family", "given", "prefix", "suffix"),
    "Address": ("text", "line", "city", "district", "state", "postalCode", "country"),
}


def fold(text: str) -> str:
    """The text as strings are compared."""
    plain = "".join(c for c in unicodedata.normalize("NFKD", text) if not unicodedata.combining(c))
    return " ".join(plain.casefold().split())


def of_value(type_name: str, value: Any) -> list[str]:
    """The strings in a value; each part of a name or address is one."""
    if type_name in {"string", "markdown"}:
        return [value]
    found: list[str] = []
    for part in _PARTS.get(type_name, ()):
        inner = value.get(part, [])
        found += inner if isinstance(inner, list) else [inner]
    return found


def compares(stored: str, asked: str, modifier: str) -> bool:
    """Begins with, or `contains`, or `exact`."""
    if modifier == "exact":
        return stored == asked
    if modifier == "contains":
        return fold(asked) in fold(stored)
    return fold(stored).startswith(fold(asked))
