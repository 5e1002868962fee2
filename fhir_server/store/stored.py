"""A stored version of a resource, as every reading function returns it.

https://hl7.org/fhir/R4/http.html#versions  `body` is what clients get, byte for byte: nothing may rewrite it.
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Stored:
    """One version: `updated` in epoch microseconds, `body` JSON with versionId and lastUpdated ("" when deleted)."""

    pk: int
    type_number: int
    resource_id: str
    version_id: int
    updated: int
    deleted: bool
    method: str
    body: str
