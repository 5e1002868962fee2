"""References and what a search compares with them: https://hl7.org/fhir/R4/search.html#reference .

Versions in references are not compared; what is on this server's base is local.
"""

import re
from dataclasses import dataclass
from typing import Any

_TEXT = re.compile(
    r"(?:(https?://[^\s?#]+)/)?([A-Z][A-Za-z]+)/([A-Za-z0-9\-.]{1,64})(?:/_history/[A-Za-z0-9\-.]{1,64})?"
)
_NOWHERE = re.compile(r"#.*|(?:https?://[^\s?#]+/)?[A-Z][A-Za-z]+/|[A-Z][A-Za-z]+\?.*")
ID = re.compile(r"[A-Za-z0-9\-.]{1,64}")


@dataclass(frozen=True, slots=True)
class Target:
    """Where a reference points. `type_name` is "" for what names no resource by type and id: then `id` is the text."""

    base: str
    type_name: str
    id: str

    @property
    def is_local(self) -> bool:
        """Whether it names a resource of this server."""
        return not self.base and bool(self.type_name)


def target(text: Any, base: str, known_types: Any) -> Target | None:
    """The target of a reference's text; None for what points nowhere, or into its own resource."""
    if not isinstance(text, str) or not text:
        return None
    found = _TEXT.fullmatch(text)
    if found and found[2] in known_types:
        return Target("" if found[1] in {None, base} else found[1], found[2], found[3])
    if _NOWHERE.fullmatch(text) and not found:
        return None
    return Target("", "", text)


def type_of(reference: Any) -> str:
    """The type that a Reference (or a canonical) says it points to."""
    text = reference.get("reference") if isinstance(reference, dict) else reference
    found = re.fullmatch(r"(?:https?://[^\s?#]+/)?([A-Z][A-Za-z]+)/.*", text) if isinstance(text, str) else None
    if found:
        return found[1]
    return str(reference.get("type", "")) if isinstance(reference, dict) else ""


def canonical(text: str) -> tuple[str, str]:
    """URL and version of a canonical, the fragment cut off."""
    url, _, version = text.partition("|")
    return url.partition("#")[0] or url, version.partition("#")[0]
