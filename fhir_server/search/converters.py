"""Values of a resource to the value columns of index rows, by kind of parameter and type of value.

https://hl7.org/fhir/R4/search.html#ptypes  The one rule: an element that is there leaves a row, an empty one when no
search value can be made of it (a concept with text alone, a reference with a display), so that `:missing` tells
the truth.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

from fhir_server.definitions import Definitions, SearchParameter
from fhir_server.search import measures, pairs
from fhir_server.search.expressions import Branch
from fhir_server.search.kinds.token import typed
from fhir_server.search.units import Units
from fhir_server.search.values import NO_TIME, Targets, fold, range_of, split_canonical

Tail: TypeAlias = tuple[Any, ...]
"""The value columns of an index row, without its parameter."""
Convert: TypeAlias = Callable[[Any], Iterable[Tail]]

NO_TOKEN: Tail = ("", "")
NO_TARGET: Tail = (0, "", "")
NOTHING: Mapping[str, Tail] = {
    "token": NO_TOKEN, "reference": NO_TARGET, "string": ("", ""), "date": NO_TIME, "uri": ("",),
    "quantity": measures.NOTHING, "position": measures.NO_PLACE,
}  # fmt: skip
"""By table: the row of an element that is there and cannot be searched, which only `:missing` finds."""
TABLE_OF = {
    "token": "token", "reference": "reference", "string": "string", "date": "date", "uri": "uri", "number": "quantity",
    "quantity": "quantity", "composite": "composite", "special": "position",
}  # fmt: skip
"""The index table of each kind of parameter."""
_TEXT_TYPES = frozenset({"string", "markdown", "id", "uri", "url", "canonical", "oid", "uuid"})
_SCALAR_TYPES = frozenset({"boolean", "integer", "positiveInt", "unsignedInt", "date", "dateTime", "instant"})
_DATE_TYPES = frozenset({"date", "dateTime", "instant", "Period", "Timing"})
_NAME_PARTS = ("text", "family", "given", "prefix", "suffix")
_ADDRESS_PARTS = ("text", "line", "city", "district", "state", "postalCode", "country")


@dataclass(frozen=True, slots=True)
class Converters:
    """Makes the conversions of one server: its definitions, its references, its table of units."""

    definitions: Definitions
    targets: Targets
    units: Units

    def of(self, parameter: SearchParameter, branch: Branch) -> Convert | None:
        """How values of the branch's type become rows of the parameter; None for composites that cannot be searched."""
        if parameter.kind == "composite":
            return pairs.converter(parameter, branch, self.definitions, self.of_kind)
        convert = self.of_kind(parameter.kind, branch)
        nothing = (NOTHING[TABLE_OF[parameter.kind]],)
        return (lambda value: tuple(convert(value)) or nothing) if convert is not None else (lambda _: nothing)

    def of_kind(self, kind: str, branch: Branch) -> Convert | None:
        """How values of the branch's type become rows of a kind; None when they cannot."""
        if branch.type == "Extension":
            return self._of_extension(kind)
        if kind == "token":
            return _tokens(branch, self.definitions)
        if kind == "reference":
            return _references(branch.type, self.targets)
        if kind == "string":
            return _STRINGS.get(branch.type)
        if kind == "date":
            return _dates(branch.type) if branch.type in _DATE_TYPES else None
        if kind == "uri":
            return _uris if branch.type in _TEXT_TYPES else None
        if kind in {"number", "quantity"}:
            return measures.converter(branch.type, self.units)
        return measures.positions if kind == "special" else None

    def _of_extension(self, kind: str) -> Convert:
        """An extension stands for its value."""
        structure = self.definitions.structures["Extension"]
        values = [p for p in structure.properties.values() if p.element.name == "value"]
        known = {p.name: self.of_kind(kind, Branch((), p.structure or p.type, p.element)) for p in values}

        def convert(extension: Any) -> Iterator[Tail]:
            for name, value in extension.items() if isinstance(extension, dict) else ():
                inner = known.get(name)
                if inner is not None:
                    yield from inner(value)

        return convert

    @staticmethod
    def of_modifiers(kind: str, type_name: str) -> list[tuple[str, str, Convert]]:
        """The modifiers that have rows of their own for values of a type: name, table, and how to make the rows."""
        if type_name != "Extension":
            return _MODIFIERS.get((kind, type_name), [])
        return [
            (modifier, table, _of_value(name, convert))
            for (known, name), found in _MODIFIERS.items()
            for modifier, table, convert in found
            if known == kind
        ]


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
    return [tail for item in _items(coding) for tail in _coding(item)] or (NO_TOKEN,)


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
    """A canonical is found with its version and without, and never needs its fragment."""
    if not isinstance(value, str):
        return ()
    url, version = split_canonical(value)
    return [(text,) for text in dict.fromkeys((value, url, f"{url}|{version}" if version else url))]


def _words(value: Any) -> Iterator[Tail]:
    """What `:text` searches: the words that stand for a code."""
    if isinstance(value, dict):
        yield from _string(value.get("text"))
        for coding in (value, *_items(value.get("coding"))):
            yield from _string(coding.get("display") if isinstance(coding, dict) else None)


def _words_of_type(value: Any) -> Iterable[Tail]:
    kind = value.get("type") if isinstance(value, dict) else None
    return _string(kind.get("text")) if isinstance(kind, dict) else ()


def _typed_values(value: Any) -> Iterator[Tail]:
    """What `:of-type` searches: the value of an identifier under each coding of its type."""
    kind = value.get("type") if isinstance(value, dict) else None
    for coding in _items(kind.get("coding") if isinstance(kind, dict) else None):
        if _text(value, "value") and _text(coding, "code"):
            yield typed(_text(coding, "system"), _text(coding, "code")), _text(value, "value")


def _logical(value: Any) -> Iterable[Tail]:
    """What `:identifier` searches: the identifier that stands for a reference."""
    identifier = value.get("identifier") if isinstance(value, dict) else None
    return _identifier(identifier) if isinstance(identifier, dict) else ()


_MODIFIERS: Mapping[tuple[str, str], list[tuple[str, str, Convert]]] = {
    ("token", "CodeableConcept"): [("text", "string", _words)],
    ("token", "Coding"): [("text", "string", _words)],
    ("token", "Identifier"): [("text", "string", _words_of_type), ("of-type", "token", _typed_values)],
    ("reference", "Reference"): [("identifier", "token", _logical)],
}


def _of_value(type_name: str, convert: Convert) -> Convert:
    """The same of an extension whose value has the type."""
    member = f"value{type_name}"
    return lambda extension: convert(extension[member]) if isinstance(extension, dict) and member in extension else ()


def _items(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def _text(value: Any, name: str) -> str:
    found = value.get(name) if isinstance(value, dict) else None
    return found if isinstance(found, str) else ""
