"""An HTTP request read into an `interactions.request.Request`: body within its limits, query, conditions, preferences.

https://hl7.org/fhir/R4/http.html  Nothing is trusted: sizes count also after unpacking, and Host is never used.
"""

import zlib
from typing import Any
from urllib.parse import parse_qsl

from fhir_server.errors import BadRequest, PayloadTooLarge, UnsupportedMediaType
from fhir_server.fhir import json
from fhir_server.fhir.structures import Structures
from fhir_server.fhir.xml import parse as parse_xml
from fhir_server.interactions.request import JSON_PATCH, Request
from fhir_server.settings import Settings
from fhir_server.web.negotiation import FORM, JSON, request_format

Environ = dict[str, Any]
_MOST_PARAMETERS = 2_000
_CHUNK = 64 * 1024


def query_of(environ: Environ) -> tuple[tuple[str, str], ...]:
    """The pairs of the query string, in order, empty values kept; raises BadRequest."""
    return _pairs(environ.get("QUERY_STRING", ""))


def read_request(
    environ: Environ, path: str, query: tuple[tuple[str, str], ...], settings: Settings, structures: Structures
) -> Request:
    """The request with its parsed body; raises BadRequest, PayloadTooLarge, UnsupportedMediaType."""
    method = environ["REQUEST_METHOD"]
    body, media_type = None, ""
    if method in {"POST", "PUT", "PATCH"}:
        body, media_type = _body(environ, settings, structures)
        if media_type == FORM:
            if not path.endswith("_search"):
                raise UnsupportedMediaType("a form is taken by _search only; send application/fhir+json")
            query, body = query + body, None
    get = environ.get
    return Request(
        method, path, query, body, media_type,
        if_match=get("HTTP_IF_MATCH", ""),
        if_none_match=get("HTTP_IF_NONE_MATCH", ""),
        if_modified_since=get("HTTP_IF_MODIFIED_SINCE", ""),
        if_none_exist=get("HTTP_IF_NONE_EXIST", ""),
        prefer=preferences(environ["HTTP_PREFER"]) if "HTTP_PREFER" in environ else {},
    )  # fmt: skip


def preferences(header: str) -> dict[str, str]:
    """`return=minimal; handling=lenient` as a mapping: https://www.rfc-editor.org/rfc/rfc7240 ."""
    found: dict[str, str] = {}
    for part in header[:500].replace(";", ",").split(","):
        name, mark, value = part.strip().partition("=")
        if mark:
            found.setdefault(name.strip().lower(), value.strip().strip('"'))
    return found


def raw_body(environ: Environ, settings: Settings) -> bytes:
    """The body's bytes, unpacked; raises PayloadTooLarge before more than the limit is held."""
    limit = settings.max_body_bytes
    length = environ.get("CONTENT_LENGTH") or ""
    is_known = length.isascii() and length.isdigit()
    if is_known and (len(length) > 18 or int(length) > limit):
        raise _too_large(limit)
    stream = environ["wsgi.input"]
    raw = stream.read(int(length)) if is_known else _read_to(stream, limit)
    encoding = environ.get("HTTP_CONTENT_ENCODING", "").strip().lower()
    if encoding in {"", "identity"}:
        return raw if isinstance(raw, bytes) else bytes(raw)
    if encoding != "gzip":
        raise UnsupportedMediaType("Content-Encoding is expected to be gzip or absent")
    return _unpacked(raw, limit)


def _read_to(stream: Any, limit: int) -> bytes:
    pieces, size = [], 0
    while piece := stream.read(_CHUNK):
        size += len(piece)
        if size > limit:
            raise _too_large(limit)
        pieces.append(piece)
    return b"".join(pieces)


def _unpacked(raw: bytes, limit: int) -> bytes:
    unpacking = zlib.decompressobj(wbits=31)
    try:
        plain = unpacking.decompress(raw, limit + 1)
    except zlib.error as error:
        raise BadRequest("the body is not the gzip that Content-Encoding announces") from error
    if len(plain) > limit:
        raise _too_large(limit)
    if not unpacking.eof:
        raise BadRequest("the gzip body ends too early")
    return plain


def _too_large(limit: int) -> PayloadTooLarge:
    return PayloadTooLarge(f"a body may have at most {limit} bytes, also after unpacking")


def _body(environ: Environ, settings: Settings, structures: Structures) -> tuple[Any, str]:
    raw = raw_body(environ, settings)
    content_type = environ.get("CONTENT_TYPE") or ""
    if not raw and environ.get("PATH_INFO", "").endswith("_search"):
        return (), FORM
    kind = request_format(content_type)
    if kind == FORM:
        return _pairs(raw.decode("utf-8", "replace")), FORM
    if not raw:
        raise BadRequest("this request needs a body", code="required")
    if kind in {JSON, JSON_PATCH}:
        return json.parse(raw, max_depth=settings.max_depth), kind
    return parse_xml(raw, structures, max_depth=settings.max_depth), kind


def _pairs(text: str) -> tuple[tuple[str, str], ...]:
    if not text:
        return ()
    try:
        return tuple(parse_qsl(text, keep_blank_values=True, max_num_fields=_MOST_PARAMETERS, errors="strict"))
    except ValueError as error:
        raise BadRequest(f"the query is expected in UTF-8, with at most {_MOST_PARAMETERS} parameters") from error
