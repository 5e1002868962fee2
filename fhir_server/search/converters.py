"""Values of a resource to the value columns of index rows, by kind of parameter and type of value.

https://hl7.org/fhir/R4/search.html#ptypes  The one rule: an element that is there leaves a row, an empty one when no
search value can be made of it (a concept with text alone, a reference with a display), so that `:missing` tells
the truth.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, TypeAlias

from fhir_server.definitions import Definitions
from fhir_server.search.expressions import Branch
from fhir_server.search.values import Targets, fold, range_of, split_canonical

Tail: TypeAlias = tuple[Any, ...]
"""The value columns of an index row, without its parameter."""
Convert: TypeAlias = Callable[[Any], Iterable[Tail]]

INDEXED_KINDS = ("token", "reference", "string", "date", "uri")
NO_TOKEN: Tail = ("", "")
NO_TARGET: Tail = (0, "", "")
_TEXT_TYPES = frozenset({"string", "markdown", "id", "uri", "url", "canonical", "oid", "uuid"})
_SCALAR_TYPES = frozenset({"boolean", "integer", "positiveInt", "unsignedInt", "date", "dateTime", "instant"})
_DATE_TYPES = frozenset({"date", "dateTime", "instant", "Period", "Timing"})
_NAME_PARTS = ("text", "family", "given", "prefix", "suffix")
_ADDRESS_PARTS = ("text", "line", "city", "district", "state", "postalCode", "country")


def converter(kind: str, branch: Branch, definitions: Definitions, targets: Targets) -> Convert | None:
    """How values of the branch's type become rows of this kind; None when they cannot."""
    if kind == "token":
        return _tokens(branch, definitions)
    if kind == "reference":
        return _references(branch.type, targets)
    if kind == "string":
        return _STRINGS.get(branch.type)
    if kind == "date":
        return _dates(branch.type) if branch.type in _DATE_TYPES else None
    if kind == "uri":
        return _uris if branch.type in _TEXT_TYPES else None
    return None


def _tokens(branch: Branch, definitions: Definitions) -> Convert | None:
    if branch.type == "code":
        return _code(_system_by_code(branch, definitions))
    if branch.type in _TEXT_TYPES | _SCALAR_TYPES:
        return _plain_token
    return _TOKENS.get(branch.type)


def _system_by_code(branch: Branch, definitions: Definitions) -> Callable[[str], str]:
    """The code system of a `code` element, as far as its required binding tells."""
    bound = definitions.value_sets.get((branch.element.binding if branch.element else None) or "")
    if bound is None:
        return lambda _: ""
    systems = {code: system for system, codes in bound.by_system.items() for code in codes}
    otherwise = bound.only_system or ""
    return lambda code: systems.get(code, otherwise)


def _code(system_of: Callable[[str], str]) -> Convert:
    return lambda value: ((system_of(value), value),) if isinstance(value, str) else ()


def _plain_token(value: Any) -> Iterable[Tail]:
    if isinstance(value, bool):
        return (("", "true" if value else "false"),)
    return (("", str(value)),) if isinstance(value, str | int) else ()


def _coding(value: Any) -> Iterable[Tail]:
    return ((_text(value, "system"), _text(value, "code")),)


def _concept(value: Any) -> Iterable[Tail]:
    coding = value.get("coding") if isinstance(value, dict) else None
    return [tail for item in coding or () for tail in _coding(item)] or (NO_TOKEN,)


def _identifier(value: Any) -> Iterable[Tail]:
    return ((_text(value, "system"), _text(value, "value")),)


def _contact_point(value: Any) -> Iterable[Tail]:
    return (("", _text(value, "value")),)


_TOKENS: Mapping[str, Convert] = {
    "Coding": _coding,
    "CodeableConcept": _concept,
    "Identifier": _identifier,
    "ContactPoint": _contact_point,
}


def _references(type_name: str, targets: Targets) -> Convert | None:
    if type_name == "Reference":
        return lambda value: (targets.of(_text(value, "reference")) or NO_TARGET,)
    if type_name == "canonical":
        return lambda value: targets.of_canonical(value) or (NO_TARGET,) if isinstance(value, str) else ()
    if type_name in {"uri", "url"}:
        return lambda value: (targets.of(value) or NO_TARGET,) if isinstance(value, str) else ()
    return None


def _string(value: Any) -> Iterable[Tail]:
    return ((fold(value), value),) if isinstance(value, str) else ()


def _parts(names: tuple[str, ...]) -> Convert:
    def convert(value: Any) -> Iterator[Tail]:
        for name in names:
            part = value.get(name) if isinstance(value, dict) else None
            for text in part if isinstance(part, list) else (part,):
                yield from _string(text)

    return convert


_STRINGS: Mapping[str, Convert] = {
    "string": _string,
    "markdown": _string,
    "HumanName": _parts(_NAME_PARTS),
    "Address": _parts(_ADDRESS_PARTS),
}


def _dates(type_name: str) -> Convert:
    def convert(value: Any) -> Iterable[Tail]:
        found = range_of(type_name, value)
        return () if found is None else (found,)

    return convert


def _uris(value: Any) -> Iterable[Tail]:
    """A versioned canonical is found with its version and without."""
    if not isinstance(value, str):
        return ()
    url, version = split_canonical(value)
    return ((value,), (url,)) if version else ((value,),)


def _text(value: Any, name: str) -> str:
    found = value.get(name) if isinstance(value, dict) else None
    return found if isinstance(found, str) else ""
