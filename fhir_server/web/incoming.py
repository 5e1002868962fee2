"""An HTTP request read into an `interactions.request.Request`: body within its limits, query, conditions, preferences.

https://hl7.org/fhir/R4/http.html  Nothing is trusted: sizes count also after unpacking, and Host is never used.
"""

import zlib
from typing import Any

from fhir_server.errors import BadRequest, PayloadTooLarge, UnsupportedMediaType
from fhir_server.fhir import json
from fhir_server.fhir.structures import Structures
from fhir_server.fhir.xml import parse as parse_xml
from fhir_server.interactions.parameters import Pairs, pairs
from fhir_server.interactions.request import JSON_PATCH, Request
from fhir_server.interactions.routes import Match
from fhir_server.settings import Settings
from fhir_server.web.negotiation import FORM, JSON, request_format

Environ = dict[str, Any]
_CHUNK = 64 * 1024
_MOST_DIGITS = 18


def query_of(environ: Environ) -> Pairs:
    """The pairs of the query string, in order, empty values kept; raises BadRequest."""
    return pairs(in_utf8(environ.get("QUERY_STRING", "")))


def in_utf8(text: str) -> str:
    """A text of WSGI, which has a character for each byte, as the UTF-8 that it is; raises BadRequest."""
    if text.isascii():
        return text
    try:
        return text.encode("latin-1").decode("utf-8")
    except UnicodeError as error:
        raise BadRequest("what is not ASCII is expected in UTF-8, best percent-encoded") from error


def read_request(environ: Environ, found: Match, query: Pairs, settings: Settings, structures: Structures) -> Request:
    """The request with its parsed body; raises BadRequest, PayloadTooLarge, UnsupportedMediaType."""
    body, media_type = None, ""
    if environ["REQUEST_METHOD"] in {"POST", "PUT", "PATCH"}:
        if found.interaction.startswith("search-"):
            query += _form(environ, settings)
        else:
            body, media_type = _body(environ, found, settings, structures)
    return conditioned(environ, query, body, media_type)


def conditioned(environ: Environ, query: Pairs, body: Any, media_type: str) -> Request:
    """The request with its conditions and preferences, which stand in headers."""
    get = environ.get
    return Request(
        environ["REQUEST_METHOD"], "", query, body, media_type,
        if_match=get("HTTP_IF_MATCH", ""),
        if_none_match=get("HTTP_IF_NONE_MATCH", ""),
        if_modified_since=get("HTTP_IF_MODIFIED_SINCE", ""),
        if_none_exist=in_utf8(get("HTTP_IF_NONE_EXIST", "")),
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
    if not length.isascii() or (length and not length.isdigit()):
        raise BadRequest("Content-Length is expected to be a number")
    if len(length) > _MOST_DIGITS or (length and int(length) > limit):
        raise _too_large(limit)
    raw = _read_to(environ["wsgi.input"], limit, int(length) if length else None)
    encoding = environ.get("HTTP_CONTENT_ENCODING", "").strip().lower()
    if encoding in {"", "identity"}:
        return raw
    if encoding != "gzip":
        raise UnsupportedMediaType("Content-Encoding is expected to be gzip or absent")
    return _unpacked(raw, limit)


def _read_to(stream: Any, limit: int, length: int | None) -> bytes:
    """The stream to its end, or as many bytes as were announced: a connection may break in the middle of a body."""
    pieces, size = [], 0
    while size != length and (piece := _piece(stream, _CHUNK if length is None else length - size)):
        size += len(piece)
        if size > limit:
            raise _too_large(limit)
        pieces.append(piece)
    if length is not None and size < length:
        raise BadRequest("the body ends before its Content-Length", code="incomplete")
    return b"".join(pieces)


def _piece(stream: Any, size: int) -> bytes:
    try:
        piece: bytes = stream.read(size)
    except Exception as error:  # each server raises its own when the client goes, or breaks the rules of chunks
        raise BadRequest("the body could not be read to its end", code="incomplete") from error
    return piece


def _unpacked(raw: bytes, limit: int) -> bytes:
    unpacking = zlib.decompressobj(wbits=31)
    try:
        plain = unpacking.decompress(raw, limit + 1)
    except zlib.error as error:
        raise BadRequest("the body is not the gzip that Content-Encoding announces") from error
    if len(plain) > limit:
        raise _too_large(limit)
    if not unpacking.eof or unpacking.unused_data:
        raise BadRequest("the body is expected to be one whole gzip member")
    return plain


def _too_large(limit: int) -> PayloadTooLarge:
    return PayloadTooLarge(f"a body may have at most {limit} bytes, also after unpacking")


def _form(environ: Environ, settings: Settings) -> Pairs:
    raw = raw_body(environ, settings)
    if raw and _kind(environ) != FORM:
        raise UnsupportedMediaType(f"_search takes its parameters as {FORM}")
    try:
        return pairs(raw.decode("utf-8"))
    except UnicodeDecodeError as error:
        raise BadRequest("a form is expected in UTF-8, percent-encoded") from error


def _body(environ: Environ, found: Match, settings: Settings, structures: Structures) -> tuple[Any, str]:
    kind = _kind(environ)
    if kind == FORM:
        raise UnsupportedMediaType("a form is taken by _search only; send application/fhir+json")
    if kind == JSON_PATCH and found.interaction != "patch":
        raise UnsupportedMediaType("a JSON Patch is taken by PATCH only; send application/fhir+json")
    raw = raw_body(environ, settings)
    if not raw:
        raise BadRequest("this request needs a body", code="required")
    if kind in {JSON, JSON_PATCH}:
        return json.parse(raw, max_depth=settings.max_depth), kind
    return parse_xml(raw, structures, max_depth=settings.max_depth), kind


def _kind(environ: Environ) -> str:
    return request_format((environ.get("CONTENT_TYPE") or "")[:500])
