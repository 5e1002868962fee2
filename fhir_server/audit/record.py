"""One audit record: what is written down about one request, or one entry of a batch or transaction.

https://hl7.org/fhir/R4/auditevent.html. The text of a request is hostile: whatever it holds (NUL, half characters,
ids of any length), the record must fit the table, or the journal behind it would never be moved.
"""

from typing import Any

import msgspec

_ENCODER = msgspec.json.Encoder()
_INTEGER_MAX = 2**31 - 1
_NAME_LENGTH = 256
_TEXT_LENGTH = 100_000
_CUT = "…[cut]"


class AuditRecord(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    """Who did what to which resource, and how it ended; a Struct because it is made and encoded for every request.

    `recorded` is in microseconds; `entry` the place in a bundle; `reason` the code of a refusal; `resources` what an
    import wrote, a JSON list in the table.
    """

    recorded: int
    interaction: str
    status: int
    tenant: int = 1
    request_id: str = ""
    entry: int | None = None
    principal: str = ""
    organization: str = ""
    type_name: str = ""
    resource_id: str = ""
    version_id: int | None = None
    query: str = ""
    reason: str = ""
    resources: tuple[str, ...] = ()

    def row(self) -> dict[str, Any]:
        """The row of `audit_event`, for a unit of work."""
        return {
            "tenant": self.tenant,
            "recorded": self.recorded,
            "request_id": _storable(self.request_id, _NAME_LENGTH),
            "entry": _small(self.entry),
            "interaction": _storable(self.interaction, _NAME_LENGTH),
            "status": self.status,
            "principal": _storable(self.principal, _NAME_LENGTH),
            "organization": _storable(self.organization, _NAME_LENGTH),
            "type_name": _storable(self.type_name, _NAME_LENGTH),
            "resource_id": _storable(self.resource_id, _NAME_LENGTH),
            "version_id": _small(self.version_id),
            "query": _storable(self.query, _TEXT_LENGTH),
            "reason": _storable(self.reason, _NAME_LENGTH),
            "resources": _json_list(self.resources),
        }

    def line(self) -> bytes:
        """The line of a journal: JSON, ends with the only newline in it."""
        if len(self.query) <= _TEXT_LENGTH:
            try:
                return _ENCODER.encode(self) + b"\n"
            except UnicodeEncodeError:
                pass
        storable = {**self.row(), "resources": tuple(_storable(r, _NAME_LENGTH) for r in self.resources)}
        return _ENCODER.encode(AuditRecord(**storable)) + b"\n"


_DECODER = msgspec.json.Decoder(AuditRecord)


def parse(line: bytes) -> AuditRecord:
    """The record of a journal line; raises ValueError when the line is damaged."""
    try:
        return _DECODER.decode(line)
    except msgspec.DecodeError as error:
        raise ValueError("a damaged line") from error


def _storable(text: str, length: int) -> str:
    """The text as both databases can hold it: whole characters, no NUL, not longer than an index entry may be."""
    if len(text) > length:
        text = text[:length] + _CUT
    if text.isascii() and "\0" not in text:
        return text
    return text.encode("utf-8", "replace").decode("utf-8").replace("\0", "\N{REPLACEMENT CHARACTER}")


def _json_list(texts: tuple[str, ...]) -> str:
    return _ENCODER.encode([_storable(t, _NAME_LENGTH) for t in texts]).decode() if texts else ""


def _small(number: int | None) -> int | None:
    return number if number is not None and 0 <= number <= _INTEGER_MAX else None
