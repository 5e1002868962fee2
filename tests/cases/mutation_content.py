"""Edits that put whole pieces into a resource: extensions, references, contained resources, narratives, meta.

Each function yields lists of edits in a fixed order for one site; mutation_kinds says where they are tried.
"""

from collections.abc import Iterable
from typing import Any

from tests.cases import mutation_fragments as fragments
from tests.cases import mutation_values as values
from tests.cases.sites import Site

Edits = list[list[Any]]


def appended(site: Site, member: str, item: Any) -> Edits:
    """Put an item at the front of a list member, making the list when there is none."""
    if isinstance(site.value.get(member), list):
        return [["insert", f"{site.pointer}/{member}/0", item]]
    return [["set", f"{site.pointer}/{member}", [item]]]


def extension(site: Site) -> Iterable[Edits]:
    for value in fragments.EXTENSIONS:
        yield appended(site, "extension", value)
    yield [["set", f"{site.pointer}/extension", fragments.MARK]]


def extension_value(site: Site) -> Iterable[Edits]:
    """Every primitive value as an extension's, for types that the examples have none of."""
    for type_name, found in values.VALUES.items():
        for value in found:
            name = "value" + type_name[0].upper() + type_name[1:]
            yield appended(site, "extension", {"url": "http://example.org/value", name: value})
    for type_name, texts in values.RAW_NUMBERS.items():
        for text in texts:
            name = "value" + type_name[0].upper() + type_name[1:]
            added = appended(site, "extension", {"url": "http://example.org/value", name: 1})
            yield [*added, ["raw", f"{site.pointer}/extension/0/{name}", text]]


def modifier_extension(site: Site) -> Iterable[Edits]:
    for value in (*fragments.EXTENSIONS[:4], None):
        yield appended(site, "modifierExtension", value)


def element_id(site: Site) -> Iterable[Edits]:
    for value in ("a1", "a b", "a_b.c/d", "a" * 70, "", " ", 5, None, ["a"], "é"):
        yield [["set", f"{site.pointer}/id", value]]
    yield [["set", f"{site.pointer}/_id", fragments.ABSENT]]


def reference(site: Site) -> Iterable[Edits]:
    for value in fragments.REFERENCES:
        yield [["set", site.pointer, value]]


def contained(site: Site) -> Iterable[Edits]:
    pointed = {"url": "http://example.org/to", "valueReference": {"reference": f"#{fragments.CONTAINED_ID}"}}
    for value in fragments.CONTAINED:
        yield [*appended(site, "contained", value), *appended(site, "extension", pointed)]
    for value in fragments.CONTAINED[:3]:
        yield appended(site, "contained", value)
    twice = [fragments.CONTAINED[0], fragments.CONTAINED[0]]
    yield [["set", f"{site.pointer}/contained", twice], *appended(site, "extension", pointed)]
    yield [["set", f"{site.pointer}/contained", fragments.CONTAINED[0]], *appended(site, "extension", pointed)]
    for value in ([], [None], [{}], ["x"]):
        yield [["set", f"{site.pointer}/contained", value]]
    back = {**fragments.CONTAINED[0], "partOf": {"reference": f"#{fragments.CONTAINED_ID}"}}
    yield appended(site, "contained", back)
    by_uri = {"url": "http://example.org/to", "valueUri": f"#{fragments.CONTAINED_ID}"}
    by_canonical = {"url": "http://example.org/to", "valueCanonical": f"#{fragments.CONTAINED_ID}"}
    for pointer in (by_uri, by_canonical):
        yield [*appended(site, "contained", fragments.CONTAINED[0]), *appended(site, "extension", pointer)]
    child = {"resourceType": "Organization", "id": "other", "name": "y"}
    parent = {**fragments.CONTAINED[0], "partOf": {"reference": "#other"}}
    yield [
        ["set", f"{site.pointer}/contained", [parent, child]],
        *appended(site, "extension", pointed),
    ]


def narrative(site: Site) -> Iterable[Edits]:
    for div in fragments.DIVS:
        yield [["set", f"{site.pointer}/text", {"status": "generated", "div": div}]]
    whole = {"status": "generated", "div": fragments.DIVS[0]}
    for text in (
        {"div": fragments.DIVS[0]},
        {"status": "generated"},
        {"status": "nonsense", "div": fragments.DIVS[0]},
        {"status": "empty", "div": fragments.DIVS[0]},
        {"status": "generated", "div": 5},
        {"status": "generated", "div": [fragments.DIVS[0]]},
        {"status": "generated", "_div": fragments.ABSENT},
        {**whole, "extension": [fragments.MARK]},
        {**whole, "_div": {"id": "a"}},
        fragments.DIVS[0],
        [whole],
    ):
        yield [["set", f"{site.pointer}/text", text]]


def resource_type(site: Site) -> Iterable[Edits]:
    place = f"{site.pointer}/resourceType"
    yield [["remove", place]]
    for value in ("Nonsense", "", None, 5, [site.type], site.type.lower(), "Element", "Resource", "DomainResource"):
        yield [["set", place, value]]
    for value in ("HumanName", "string", site.type + " ", "SubscriptionTopic"):
        yield [["set", place, value]]
    yield [["set", f"{site.pointer}/_resourceType", fragments.ABSENT]]


def meta(site: Site) -> Iterable[Edits]:
    for value in fragments.METAS:
        yield [["set", f"{site.pointer}/meta", value]]


def language(site: Site) -> Iterable[Edits]:
    for value in ("en", "en-US", "xx-nonsense-language-tag", "", "a b", 5, None):
        yield [["set", f"{site.pointer}/language", value]]
    for value in ("http://example.org/rules", "a b", 5):
        yield [["set", f"{site.pointer}/implicitRules", value]]


def document(site: Site) -> Iterable[Edits]:
    for tail in ("}", " ", "\n\n", ",", "x", "{}", "// comment", "\u0000", "/* c */"):
        yield [["text", "", tail]]
    for text in (
        "'x'",
        "undefined",
        '"a\tb"',
        '"\\x"',
        '"\\ud800"',
        "tru",
        "[1,]",
        '"a\nb"',
        '"unfinished',
        "/* c */ 1",
    ):
        yield [["raw", f"{site.pointer}/language", text]]


def marked(site: Site) -> Iterable[Edits]:
    yield appended(site, "extension", fragments.MARK)


def referenced(site: Site) -> Iterable[Edits]:
    reference = {"url": "http://example.org/to", "valueReference": {"reference": f"#{fragments.CONTAINED_ID}"}}
    yield [*appended(site, "contained", fragments.CONTAINED[0]), *appended(site, "extension", reference)]
