"""Kinds of mutation: each says where in a resource it applies and which edits it tries there.

A kind knows nothing of legality. `where` picks sites, `variants` yields lists of edits in a fixed order.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from tests.cases import mutation_content as content
from tests.cases import mutation_fragments as fragments
from tests.cases import mutation_values as values
from tests.cases.sites import Site

Edits = list[list[Any]]
_NO_NARRATIVE = ("Bundle", "Binary", "Parameters")


_SAMPLES: dict[str, tuple[str, Any]] = {
    "string": ("String", "x"),
    "boolean": ("Boolean", True),
    "dateTime": ("DateTime", "2021"),
    "integer": ("Integer", 1),
    "Quantity": ("Quantity", {"value": 1}),
    "CodeableConcept": ("CodeableConcept", {"text": "x"}),
    "Reference": ("Reference", {"display": "x"}),
    "Period": ("Period", {"start": "2021"}),
    "Range": ("Range", {"low": {"value": 1}}),
    "uri": ("Uri", "http://example.org"),
    "Coding": ("Coding", {"code": "x"}),
}


@dataclass(frozen=True)
class Kind:
    """`count` cases are made, spread over as many elements and variants as there are."""

    name: str
    count: int
    where: Callable[[Site], bool]
    variants: Callable[[Site], Iterable[Edits]]


def is_any(site: Site) -> bool:
    return site.pointer != ""


def is_object(site: Site) -> bool:
    return isinstance(site.value, dict)


def is_resource(site: Site) -> bool:
    return is_object(site) and "resourceType" in site.value


def is_domain_resource(site: Site) -> bool:
    return is_resource(site) and site.type not in _NO_NARRATIVE


def is_datatype(site: Site) -> bool:
    return is_object(site) and not is_resource(site)


def is_single_primitive(site: Site) -> bool:
    return site.is_primitive and not site.is_listed


def is_listed_primitive(site: Site) -> bool:
    return site.is_primitive and site.is_listed


def is_required(site: Site) -> bool:
    return site.row.min >= 1 and site.among == 1 and is_any(site)


def has_required_binding(site: Site) -> bool:
    return bool(site.row.required_binding) and site.type in ("code", "Coding", "CodeableConcept")


def has_type(*types: str) -> Callable[[Site], bool]:
    return lambda site: site.type in types


def _gone(site: Site) -> Edits:
    edits: Edits = [["remove", site.member]]
    if f"_{site.name}" in site.holder:
        edits.append(["remove", site.sibling])
    return edits


def _drop_required(site: Site) -> Iterable[Edits]:
    yield _gone(site)


def _drop_optional(site: Site) -> Iterable[Edits]:
    yield [["remove", site.pointer]] if site.is_listed and site.among > 1 else _gone(site)


def _unknown_member(site: Site) -> Iterable[Edits]:
    first = next(iter(site.value))
    for name, value in (
        ("frobnicate", "x"),
        ("_frobnicate", fragments.ABSENT),
        ("fhir_comments", ["x"]),
        ("resource_type", "x"),
        ("value", "x"),
        ("valueString", "x"),
        ("comment", None),
        ("", "x"),
        ("$ref", "x"),
        ("a.b", "x"),
    ):
        yield [["set", f"{site.pointer}/{name}", value]]
    yield [["rename", f"{site.pointer}/{first}", first[0].upper() + first[1:]]]
    yield [["rename", f"{site.pointer}/{first}", first + " "]]
    if is_datatype(site):
        yield [["set", f"{site.pointer}/resourceType", site.type]]


def _choice(site: Site) -> Iterable[Edits]:
    stem = site.row.name.removesuffix("[x]")
    for other, (suffix, sample) in _SAMPLES.items():
        if stem + suffix != site.name:
            yield [["set", f"{site.parent}/{stem}{suffix}", sample]]
            yield [["remove", site.pointer], ["set", f"{site.parent}/{stem}{suffix}", sample]]
        if other == "string":
            yield [["set", f"{site.parent}/_{stem}{suffix}", fragments.ABSENT]]
    yield [["rename", site.pointer, stem]]
    yield [["rename", site.pointer, stem + "Foo"]]
    yield [["rename", site.pointer, site.name + "[x]"]]
    yield [["rename", site.pointer, stem + site.name[len(stem) :].lower()]]


def _emptiness(site: Site) -> Iterable[Edits]:
    yield [["set", site.pointer, None]]
    yield [["set", site.pointer, "" if site.is_primitive else {}]]
    yield [["set", site.member, []]]
    yield [["set", site.pointer, []]]
    if site.is_listed:
        yield [["insert", site.pointer, None]]
        yield [["set", site.member, [None]]]
        yield [["insert", site.pointer, "" if site.is_primitive else {}]]
    else:
        yield [["set", site.pointer, {}]]


def _cardinality(site: Site) -> Iterable[Edits]:
    if site.is_listed:
        yield [["set", site.member, site.value]]
        yield [["set", site.pointer, [site.value]]]
    else:
        yield [["set", site.pointer, [site.value]]]
        yield [["set", site.pointer, [site.value, site.value]]]


def _other_kind(site: Site) -> Iterable[Edits]:
    for value in ("x", 5, True, [["x"]]) if is_object(site) else ({"value": "x"}, {"resourceType": "Patient"}):
        yield [["set", site.pointer, value]]


def _wrong_json_type(site: Site) -> Iterable[Edits]:
    for value in values.WRONG_JSON_TYPES.get(site.type, values.WRONG_JSON_TYPES["other"]):
        yield [["set", site.pointer, value]]


def _required_code(site: Site) -> Iterable[Edits]:
    for code in ("not-a-code", "ACTIVE", "", "active "):
        if site.type == "code":
            yield [["set", site.pointer, code]]
        elif site.type == "Coding":
            yield [["set", f"{site.pointer}/code", code]]
        elif site.value.get("coding"):
            yield [["set", f"{site.pointer}/coding/0/code", code]]
    if site.type == "CodeableConcept":
        yield [["set", site.pointer, {"text": "x"}]]
        yield [["set", site.pointer, {"coding": [{"system": "http://example.org/other", "code": "x"}]}]]
        yield [["set", site.pointer, {"coding": [{"code": "active"}]}]]


def _primitive(type_name: str) -> Callable[[Site], Iterable[Edits]]:
    def variants(site: Site) -> Iterable[Edits]:
        for value in values.VALUES.get(type_name, ()):
            yield [["set", site.pointer, value]]
        for text in values.RAW_NUMBERS.get(type_name, ()):
            yield [["raw", site.pointer, text]]

    return variants


def _sibling(site: Site) -> Iterable[Edits]:
    for value in fragments.PRIMITIVE_SIBLINGS:
        yield [["set", site.sibling, value]]
        yield [["remove", site.pointer], ["set", site.sibling, value]]


def _sibling_list(site: Site) -> Iterable[Edits]:
    blank: list[Any] = [None] * site.among
    yield [["set", site.sibling, [fragments.ABSENT, *blank[1:]]]]
    yield [["set", site.sibling, [*blank, fragments.ABSENT]]]
    yield [["set", site.sibling, blank]]
    yield [["set", site.sibling, fragments.ABSENT]]
    yield [["set", site.sibling, []]]
    yield [["set", site.sibling, ["x", *blank[1:]]]]
    yield [["set", site.pointer, None], ["set", site.sibling, [fragments.ABSENT] * site.among]]
    yield [["remove", site.member], ["set", site.sibling, [fragments.ABSENT]]]
    yield [["set", site.sibling, [{"id": "a"}, *blank[1:]]]]


def _complex_sibling(site: Site) -> Iterable[Edits]:
    for value in (fragments.ABSENT, {"id": "a"}, None, [fragments.ABSENT]):
        yield [["set", site.sibling, value]]


def _twin(site: Site) -> Iterable[Edits]:
    yield [["twin", site.member, site.value]]
    yield [["twin", site.member, None]]


def _absent(site: Site) -> Iterable[Edits]:
    if f"_{site.name}" in site.holder:
        yield [["remove", site.pointer]]
    else:
        yield [["remove", site.pointer], ["set", site.sibling, fragments.ABSENT]]


def _reversed(site: Site) -> Iterable[Edits]:
    yield [["reverse", site.pointer]]


def _repeated(site: Site) -> Iterable[Edits]:
    yield [["insert", site.pointer, site.value]]


KINDS: tuple[Kind, ...] = (
    Kind("drop-required", 160, is_required, _drop_required),
    Kind("drop-optional", 120, lambda s: s.row.min == 0 and is_any(s), _drop_optional),
    Kind("unknown-member", 130, is_object, _unknown_member),
    Kind("choice", 130, lambda s: s.is_choice and s.depth < 9, _choice),
    Kind("emptiness", 160, is_any, _emptiness),
    Kind("cardinality", 140, is_any, _cardinality),
    Kind("other-kind", 100, is_any, _other_kind),
    Kind("wrong-json-type", 150, lambda s: s.is_primitive, _wrong_json_type),
    Kind("required-code", 120, has_required_binding, _required_code),
    *(
        Kind(f"value-{name}", max(20, 2 * len(found)), has_type(name), _primitive(name))
        for name, found in {**values.VALUES, **values.RAW_NUMBERS}.items()
    ),
    Kind("sibling", 150, is_single_primitive, _sibling),
    Kind("sibling-list", 60, is_listed_primitive, _sibling_list),
    Kind("complex-sibling", 30, is_datatype, _complex_sibling),
    Kind("extension", 120, is_object, content.extension),
    Kind("extension-value", 170, lambda s: is_domain_resource(s) and s.pointer == "", content.extension_value),
    Kind("modifier-extension", 50, is_object, content.modifier_extension),
    Kind("element-id", 60, is_object, content.element_id),
    Kind("reference", 150, has_type("Reference"), content.reference),
    Kind("contained", 120, is_domain_resource, content.contained),
    Kind("narrative", 130, lambda s: is_domain_resource(s) and s.pointer == "", content.narrative),
    Kind("resource-type", 60, is_resource, content.resource_type),
    Kind("meta", 50, is_resource, content.meta),
    Kind("language", 30, is_resource, content.language),
    Kind("twin", 30, is_any, _twin),
    Kind("document", 40, lambda s: is_resource(s) and s.pointer == "", content.document),
    Kind("legal-absent", 100, is_single_primitive, _absent),
    Kind("legal-order", 50, is_object, _reversed),
    Kind("legal-repeat", 60, lambda s: s.is_listed, _repeated),
    Kind("legal-extension", 60, is_object, content.marked),
    Kind("legal-contained", 40, is_domain_resource, content.referenced),
)
