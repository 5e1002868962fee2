"""Binary in its own content type, in and out.

https://hl7.org/fhir/R4/binary.html#rest  What goes out natively is always an attachment under a sandbox policy, so that
a stored page cannot act as one of this server's.
"""

import base64
import re
from typing import Any

from werkzeug.wrappers import Response

from fhir_server.errors import BadRequest, UnsupportedMediaType
from fhir_server.fhir.json import parse_stored
from fhir_server.interactions.request import JSON_PATCH, Answer, Request, etag
from fhir_server.interactions.routes import Match
from fhir_server.settings import Settings
from fhir_server.web.incoming import conditioned, raw_body
from fhir_server.web.negotiation import JSON, is_native_accept
from fhir_server.web.outgoing import VARY, http_date

TYPE_NAME = "Binary"
_MEDIA_TYPE = re.compile(r"[\w.+\-]+/[\w.+\-]+(?:[ ;][ -~]*)?\Z", re.ASCII)
_FHIR = (
    "application/fhir+json",
    "application/fhir+xml",
    "application/json",
    "application/xml",
    "text/json",
    "text/xml",
    JSON_PATCH,
)


def is_native(found: Match, environ: dict[str, Any]) -> bool:
    """Whether the body is the content itself and not a Binary resource."""
    if found.type_name != TYPE_NAME or found.route.code not in {"create", "update"}:
        return False
    name = (environ.get("CONTENT_TYPE") or "").partition(";")[0].strip().lower()
    return bool(name) and name not in _FHIR


def incoming(environ: dict[str, Any], found: Match, settings: Settings) -> Request:
    """The request with the content wrapped in a Binary; X-Security-Context becomes its securityContext.

    Content of an unknown length could be cut off by a broken connection, and nobody would notice.
    """
    content_type = environ["CONTENT_TYPE"].strip()
    if len(content_type) > 200 or not _MEDIA_TYPE.match(content_type):
        raise UnsupportedMediaType("Content-Type is expected to be a media type")
    if not environ.get("CONTENT_LENGTH"):
        raise BadRequest("content in its own type needs a Content-Length", code="required")
    data = raw_body(environ, settings)
    body: dict[str, Any] = {"resourceType": TYPE_NAME}
    if found.resource_id is not None:
        body["id"] = found.resource_id
    body["contentType"] = content_type
    if environ.get("HTTP_X_SECURITY_CONTEXT"):
        body["securityContext"] = {"reference": environ["HTTP_X_SECURITY_CONTEXT"]}
    if data:
        body["data"] = base64.b64encode(data).decode()
    return conditioned(environ, (), body, JSON)


def is_asked(environ: dict[str, Any], path: str) -> bool:
    """Whether a Binary is asked for in a type of its own, which no FHIR format need be acceptable beside."""
    asks = environ["REQUEST_METHOD"] in {"GET", "HEAD"} and path.startswith(f"{TYPE_NAME}/")
    return asks and "_format=" not in environ.get("QUERY_STRING", "") and _names_no_fhir_format(environ)


def is_native_answer(found: Match, answer: Answer, environ: dict[str, Any]) -> bool:
    """Whether to send the content itself: a Binary read by a client that names no FHIR format."""
    return (
        found.type_name == TYPE_NAME
        and found.route.code in {"read", "vread"}
        and answer.status == 200
        and answer.text is None
        and "_format=" not in environ.get("QUERY_STRING", "")
        and _names_no_fhir_format(environ)
    )


def _names_no_fhir_format(environ: dict[str, Any]) -> bool:
    accept = environ.get("HTTP_ACCEPT", "")
    return bool(accept) and is_native_accept(accept)


def outgoing(answer: Answer, request_id: str) -> Response:
    """The content of a stored Binary as an attachment."""
    assert answer.stored is not None
    resource = parse_stored(answer.stored.body)
    data = base64.b64decode(resource.get("data", ""))
    stated = resource.get("contentType", "")
    headers = [
        ("Content-Type", stated if _MEDIA_TYPE.match(stated) else "application/octet-stream"),
        ("Content-Disposition", "attachment"),
        ("Content-Security-Policy", "sandbox; default-src 'none'"),
        ("Cache-Control", "private, no-cache"),
        ("Vary", VARY),
        ("X-Content-Type-Options", "nosniff"),
        ("X-Request-Id", request_id),
        ("ETag", etag(answer.stored.version_id)),
        ("Last-Modified", http_date(answer.stored.updated // 1_000_000)),
    ]
    return Response(data, headers=headers)
