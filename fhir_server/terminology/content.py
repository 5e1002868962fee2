"""Reading conformance resources whose content nobody vouches for, and refusing what cannot be made of it.

Stored resources passed the check of their structure, no more: rules between elements may be broken. The one rule: a
refusal says the place, never what stands there.
"""

from typing import Any

from fhir_server.fhir.json import JsonObject


class NotExpandable(Exception):
    """Codes cannot be told: where in the resource, why, and the FHIR issue code."""

    def __init__(self, place: str, why: str, code: str = "not-supported") -> None:
        super().__init__(why)
        self.place = place
        self.why = why
        self.code = code


def items(holder: Any, name: str) -> list[JsonObject]:
    """The objects in an array; those that are something else are passed over."""
    found = holder.get(name) if isinstance(holder, dict) else None
    return [item for item in found if isinstance(item, dict)] if isinstance(found, list) else []


def texts(holder: JsonObject, name: str) -> list[str]:
    """The strings in an array."""
    found = holder.get(name)
    return [item for item in found if isinstance(item, str)] if isinstance(found, list) else []


def text(holder: JsonObject, name: str) -> str:
    """A string, "" when there is none."""
    found = holder.get(name)
    return found if isinstance(found, str) else ""
