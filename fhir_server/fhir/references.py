"""References: what a reference's text says, finding all of them, and rewriting them.

https://hl7.org/fhir/R4/references.html and https://hl7.org/fhir/R4/http.html#trules  A text that fits nothing here is
"other" and is stored as sent. The one rule: rewriting changes nothing but links, and never the value it was given.
"""

import html
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from fhir_server.fhir.json import JsonObject
from fhir_server.fhir.structures import Structure, Structures

Replace = Callable[[str], str | None]

_MEMBERS = frozenset({"reference", "type", "identifier", "display", "id", "extension"})
_MEMBERS_OF_REFERENCE = _MEMBERS | {"_" + name for name in _MEMBERS}
_LINK_TYPES = frozenset({"uri", "url", "oid", "uuid"})  # canonical is an identity, not a link
_LINK_MEMBERS = frozenset({"reference", "div"})
_ABSOLUTE = ("urn:", "http:", "https:")
_TYPE = r"[A-Z][A-Za-z]{1,63}"
_TEXT = re.compile(
    rf"(?:(?P<base>https?://[^\s?#]{{1,1800}})/)?(?P<type>{_TYPE})/"
    r"(?:(?P<id>[A-Za-z0-9.\-]{1,64})(?:/_history/(?P<version>[A-Za-z0-9.\-]{1,64}))?)?"
)
_CONDITIONAL = re.compile(rf"(?P<type>{_TYPE})\?[^#]+")
_LINK = re.compile(r"""(<(?:a|img)\s(?:[^<>]*?\s)?(?:href|src)\s*=\s*)("[^"<]*"|'[^'<]*')""")


@dataclass(frozen=True, slots=True)
class Reference:
    """A reference taken apart; parts that the text does not have are "".

    `kind` is local ("Patient/1"), absolute ("http://base/Patient/1"), fragment ("#1"), urn, conditional
    ("Patient?identifier=1"), incomplete ("Patient/", with or without a base) or other.
    """

    kind: str
    type_name: str
    resource_id: str
    version_id: str
    base: str
    text: str


def parse(text: str) -> Reference:
    """The reference taken apart; never fails."""
    match = _TEXT.fullmatch(text)
    if match is not None:
        base, type_name, resource_id, version_id = match.groups(default="")
        kind = "incomplete" if not resource_id else "absolute" if base else "local"
        return Reference(kind, type_name, resource_id, version_id, base, text)
    if text.startswith("#"):
        return Reference("fragment", "", text[1:], "", "", text)
    if text.startswith(("urn:uuid:", "urn:oid:")):
        return Reference("urn", "", "", "", "", text)
    conditional = _CONDITIONAL.fullmatch(text)
    if conditional is not None:
        return Reference("conditional", conditional["type"], "", "", "", text)
    return Reference("other", "", "", "", "", text)


def visit(resource: JsonObject, function: Callable[[str], None]) -> None:
    """Call the function with each `Reference.reference`, contained resources and nested bundles included."""
    pending: list[Any] = [resource]
    while pending:
        item = pending.pop()
        if isinstance(item, list):
            pending.extend(reversed(item))
        elif isinstance(item, dict):
            text = item.get("reference")
            if isinstance(text, str) and _MEMBERS_OF_REFERENCE.issuperset(item):
                function(text)
            pending.extend([value for value in item.values() if isinstance(value, (dict, list))][::-1])


def rewrite(resource: JsonObject, replace: Replace, structures: Structures | None = None) -> JsonObject:
    """A copy in which each link is what `replace` gives for it; parts without a change are shared with the original.

    `replace` gets each `Reference.reference`, each `<a href>` and `<img src>` of a narrative, and, when the structures
    are given, each absolute value of type uri, url, oid or uuid; None from it leaves the link alone.
    """
    walk = _Rewriting(replace, structures)
    rewritten: JsonObject = walk.object(resource, walk.structure_of(resource, "Resource"))
    return rewritten


class _Rewriting:
    """One walk over a resource, with the element tables beside it where there are some."""

    def __init__(self, replace: Replace, structures: Structures | None) -> None:
        self._replace = replace
        self._structures = structures

    def structure_of(self, item: JsonObject, name: str | None) -> Structure | None:
        if self._structures is None or name is None:
            return None
        type_name = item.get("resourceType", name) if name == "Resource" else name
        return self._structures.structure(type_name) if isinstance(type_name, str) else None

    def object(self, item: JsonObject, structure: Structure | None) -> JsonObject:
        changed: JsonObject = {}
        for name, value in item.items():
            new = value
            if isinstance(value, str):
                if name in _LINK_MEMBERS or value.startswith(_ABSOLUTE):
                    new = self._text(item, name, value, structure)
            elif isinstance(value, (dict, list)):
                new = self._member(name, value, structure)
            if new is not value:
                changed[name] = new
        return {**item, **changed} if changed else item

    def _member(self, name: str, value: Any, structure: Structure | None) -> Any:
        found = structure.properties.get(name.removeprefix("_")) if structure is not None else None
        if found is None:
            return self._nested(value, None, "")
        return self._nested(value, "Element" if name.startswith("_") else found.structure, found.type)

    def _nested(self, value: Any, name: str | None, type_code: str) -> Any:
        if isinstance(value, dict):
            return self.object(value, self.structure_of(value, name))
        if isinstance(value, list):
            items = [self._nested(item, name, type_code) for item in value]
            return items if any(new is not old for new, old in zip(items, value, strict=True)) else value
        is_link = isinstance(value, str) and type_code in _LINK_TYPES and value.startswith(_ABSOLUTE)
        return self._replaced(value) if is_link else value

    def _text(self, item: JsonObject, name: str, text: str, structure: Structure | None) -> str:
        if name == "reference" and _MEMBERS_OF_REFERENCE.issuperset(item):
            return self._replaced(text)
        if name == "div" and "status" in item:
            rewritten = _LINK.sub(self._narrative_link, text)
            return text if rewritten == text else rewritten
        found = structure.properties.get(name) if structure is not None else None
        return self._replaced(text) if found is not None and found.type in _LINK_TYPES else text

    def _replaced(self, text: str) -> str:
        new = self._replace(text)
        return text if new is None or new == text else new

    def _narrative_link(self, match: re.Match[str]) -> str:
        text = html.unescape(match[2][1:-1])
        new = None if "?" in text or text.startswith("#") else self._replace(text)
        return match[0] if new is None or new == text else f'{match[1]}"{html.escape(new)}"'
