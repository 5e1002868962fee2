"""Page links: a position in an ordered result, signed, so that no server keeps the result between two pages.

https://hl7.org/fhir/R4/http.html#paging  The signature covers `binding` (who asks, and what), which is not in the text:
a position cannot be made up, changed, or used for another search or by another caller.
"""

import base64
import binascii
import hashlib
import hmac
import json
from collections.abc import Sequence

from fhir_server.errors import BadRequest

Position = Sequence[str | int | None]
_SIGNATURE_BYTES = 16
_MAX_CHARACTERS = 16_000  # eight sort keys of 300 characters fit


def sealed(position: Position, *, key: bytes, binding: str) -> str:
    """The position as URL-safe text."""
    payload = json.dumps(list(position), ensure_ascii=False, separators=(",", ":")).encode()
    return base64.urlsafe_b64encode(_signature(payload, key, binding) + payload).rstrip(b"=").decode("ascii")


def opened(text: str, *, key: bytes, binding: str) -> list[str | int | None]:
    """The position of a text made by `sealed` with the same key and binding; raises BadRequest for any other."""
    try:
        raw = base64.b64decode((text + "=" * (-len(text) % 4)).encode("ascii"), altchars=b"-_", validate=True)
    except (binascii.Error, UnicodeEncodeError):
        raise _refusal() from None
    signature, payload = raw[:_SIGNATURE_BYTES], raw[_SIGNATURE_BYTES:]
    if len(text) > _MAX_CHARACTERS or not hmac.compare_digest(signature, _signature(payload, key, binding)):
        raise _refusal()
    position: list[str | int | None] = json.loads(payload)
    return position


def _signature(payload: bytes, key: bytes, binding: str) -> bytes:
    bound = hashlib.sha256(binding.encode("utf-8", "surrogatepass")).digest()
    return hmac.new(key, bound + payload, hashlib.sha256).digest()[:_SIGNATURE_BYTES]


def _refusal() -> BadRequest:
    return BadRequest(
        "_cursor is not a page of this search for this caller; begin again at the first page", code="value"
    )
