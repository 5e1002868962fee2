"""An answer or a refusal rendered as an HTTP response: format, headers, preferences, compression.

https://hl7.org/fhir/R4/http.html#ops  Stored bytes go out as they are, unless XML, pretty printing or a subset is
asked for.
"""

import email.utils
import gzip
import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

from werkzeug.wrappers import Response

from fhir_server.errors import FhirError, Issue
from fhir_server.fhir import json
from fhir_server.fhir.outcomes import operation_outcome
from fhir_server.fhir.structures import Structures
from fhir_server.fhir.xml import dump as dump_xml
from fhir_server.interactions.request import CHANGES, Answer, etag
from fhir_server.web.negotiation import JSON

VARY = "Accept, Accept-Encoding, Authorization, Prefer"
_ALWAYS = (("Cache-Control", "private, no-cache"), ("Vary", VARY), ("X-Content-Type-Options", "nosniff"))
_LEAST_TO_COMPRESS = 1_200
_NO_QUALITY = re.compile(r"\s*q\s*=\s*0(?:\.0*)?\s*\Z", re.IGNORECASE)


class Bare(Response):
    """A response without a body, and so without a content type."""

    default_mimetype = None


@dataclass(frozen=True, slots=True)
class Wish:
    """How the client wants its answer: format, pretty, preference of `return`, whether it unpacks gzip."""

    media_type: str = JSON
    pretty: bool = False
    returns: str = "representation"
    gzip: bool = False


def answered(
    answer: Answer, wish: Wish, *, base: str, structures: Structures, request_id: str, notes: Sequence[Issue]
) -> Response:
    """The response to a success."""
    headers: list[tuple[str, str]] = [*_ALWAYS, ("X-Request-Id", request_id), *answer.headers.items()]
    stored = answer.stored
    if stored is not None and answer.status != 204:
        headers.append(("ETag", etag(stored.version_id)))
        headers.append(("Last-Modified", http_date(stored.updated // 1_000_000)))
    if answer.location:
        headers.append(("Location", f"{base}/{answer.location}"))
    if answer.status in {204, 304}:
        return Bare(b"", status=answer.status, headers=headers)
    text = _text(answer, wish, notes)
    return _response(text, answer.status, headers, wish, structures)


def refused(error: FhirError, wish: Wish, structures: Structures, request_id: str) -> Response:
    """The response to a refusal: an OperationOutcome."""
    headers = [*_ALWAYS, ("X-Request-Id", request_id), *error.headers.items()]
    return _response(json.dump(operation_outcome(error.issues)), error.status, headers, wish, structures)


@lru_cache(maxsize=256)
def http_date(seconds: int) -> str:
    """Seconds since the epoch as an HTTP date."""
    return email.utils.formatdate(seconds, usegmt=True)


def _text(answer: Answer, wish: Wish, notes: Sequence[Issue]) -> str:
    if answer.interaction in CHANGES and wish.returns != "representation":
        if wish.returns == "minimal":
            return ""
        issues = (*notes, *answer.issues) or (Issue("information", "informational", "done"),)
        return json.dump(operation_outcome(issues))
    if answer.text is not None:
        return answer.text
    return "" if answer.stored is None else answer.stored.body


def _response(text: str, status: int, headers: list[tuple[str, str]], wish: Wish, structures: Structures) -> Response:
    if not text:
        return Bare(b"", status=status, headers=headers)
    if wish.media_type != JSON:
        data = dump_xml(json.parse_stored(text), structures, pretty=wish.pretty)
    elif wish.pretty:
        data = json.dump_pretty(json.parse_stored(text)).encode()
    else:
        data = text.encode()
    if wish.gzip and len(data) >= _LEAST_TO_COMPRESS:
        data = gzip.compress(data, compresslevel=1, mtime=0)
        headers.append(("Content-Encoding", "gzip"))
    headers.append(("Content-Type", f"{wish.media_type};charset=utf-8"))
    return Response(data, status=status, headers=headers)


def takes_gzip(accept_encoding: str) -> bool:
    """Whether an Accept-Encoding lists gzip, and not with a quality of zero."""
    for part in accept_encoding[:500].split(","):
        name, _, parameter = part.partition(";")
        if name.strip().lower() == "gzip":
            return not _NO_QUALITY.match(parameter)
    return False
