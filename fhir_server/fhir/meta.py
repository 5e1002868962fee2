"""The stored text of a resource: everything around the version stamp, and the stamp itself.

https://hl7.org/fhir/R4/resource.html#Meta  `meta.versionId` and `meta.lastUpdated` belong to the server and are known
only inside the unit of work, so the text is made in three pieces beforehand. The one rule: head + stamp + tail is the
JSON text that every later read sends, byte for byte.
"""

from fhir_server.fhir.dates import format_instant
from fhir_server.fhir.json import JsonObject, dump

SERVER_OWNED = frozenset({"versionId", "lastUpdated", "_versionId", "_lastUpdated"})


def split_for_stamp(resource: JsonObject) -> tuple[str, str]:
    """The compact text before and after the stamp; `meta` keeps its place, or follows `id` when there is none.

    What the client sent as versionId or lastUpdated is left out.
    """
    meta = resource.get("meta")
    kept = {name: value for name, value in meta.items() if name not in SERVER_OWNED} if isinstance(meta, dict) else {}
    before, after = _around_meta(resource)
    head = dump(before)[:-1] + ("," if before else "") + '"meta":{'
    tail = _following(kept) + "}" + _following(after) + "}"
    return head, tail


def stamp_text(version_id: int, updated: int) -> str:
    """The middle piece; `updated` in epoch microseconds."""
    return f'"versionId":"{version_id}","lastUpdated":"{format_instant(updated)}"'


def stamped(head: str, tail: str, version_id: int, updated: int) -> str:
    """The whole stored text; `updated` in epoch microseconds."""
    return head + stamp_text(version_id, updated) + tail


def _around_meta(resource: JsonObject) -> tuple[JsonObject, JsonObject]:
    names = list(resource)
    if "meta" in resource:
        at = names.index("meta")
        following = names[at + 1 :]
    else:
        leading = [names.index(name) for name in ("resourceType", "id") if name in resource]
        at = max(leading, default=-1) + 1
        following = names[at:]
    return {name: resource[name] for name in names[:at]}, {name: resource[name] for name in following}


def _following(members: JsonObject) -> str:
    return "," + dump(members)[1:-1] if members else ""
