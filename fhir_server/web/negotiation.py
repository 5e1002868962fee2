"""Formats asked for and sent: https://hl7.org/fhir/R4/http.html#mime-type .

`_format` goes before Accept; JSON goes before XML where a client takes both alike.
"""

from functools import lru_cache

from fhir_server.errors import NotAcceptable, UnsupportedMediaType
from fhir_server.interactions.request import JSON_PATCH

JSON = "application/fhir+json"
XML = "application/fhir+xml"
FORM = "application/x-www-form-urlencoded"
XML_PATCH = "application/xml-patch+xml"

_NAMES = {
    "json": JSON, "application/json": JSON, JSON: JSON, "application/json+fhir": JSON, "text/json": JSON,
    "xml": XML, "application/xml": XML, XML: XML, "application/xml+fhir": XML, "text/xml": XML,
    "*/*": JSON, "application/*": JSON, "text/*": JSON, "text/html": JSON, "": JSON,
}  # fmt: skip
_ANY = frozenset({"*/*", "application/*", "text/*", "text/html", ""})
_VERSIONS = frozenset({"4.0", "4.0.1"})


@lru_cache(maxsize=512)
def response_format(accept: str, override: str) -> str:
    """JSON or XML for the answer; raises NotAcceptable when neither will do."""
    if override:
        found = _NAMES.get(override.replace(" ", "+").partition(";")[0].strip().lower())
        if found is None:
            raise NotAcceptable("_format is expected to be json or xml")
        return found
    best, best_quality = "", 0.0
    for part in accept[:2000].split(","):
        name, quality = _ranked(part)
        found = _NAMES.get(name)
        if found is None:
            continue
        if quality > best_quality or (quality == best_quality > 0 and found == JSON and name not in _ANY):
            best, best_quality = found, quality
    if not best:
        raise NotAcceptable("this server sends application/fhir+json and application/fhir+xml, FHIR version 4.0")
    return best


def is_native_accept(accept: str) -> bool:
    """Whether the client names no FHIR format, so that a native content type may be sent."""
    names = {part.partition(";")[0].strip().lower() for part in accept[:2000].split(",")}
    return not any(name in _NAMES and name not in _ANY for name in names)


def _ranked(part: str) -> tuple[str, float]:
    name, *parameters = (piece.strip().lower() for piece in part.split(";"))
    quality = 1.0
    for parameter in parameters:
        key, _, value = parameter.partition("=")
        if key == "q":
            try:
                quality = float(value)
            except ValueError:
                quality = 0.0
        elif key == "fhirversion" and value.strip('"') not in _VERSIONS:
            quality = 0.0
    return name, quality


@lru_cache(maxsize=512)
def request_format(content_type: str) -> str:
    """JSON, XML, JSON_PATCH or FORM for a body; raises UnsupportedMediaType naming what is taken."""
    name, *parameters = (piece.strip().lower() for piece in content_type[:500].split(";"))
    for parameter in parameters:
        key, _, value = parameter.partition("=")
        if key == "charset" and value.strip('"') not in {"utf-8", "utf8", "us-ascii"}:
            raise UnsupportedMediaType("bodies are expected in UTF-8")
        if key == "fhirversion" and value.strip('"') not in _VERSIONS:
            raise UnsupportedMediaType("this server speaks FHIR version 4.0")
    if name == XML_PATCH:
        raise UnsupportedMediaType("XML Patch is not taken; send JSON Patch or a FHIRPath Patch (Parameters)")
    if name in {JSON_PATCH, FORM}:
        return name
    found = None if name in _ANY else _NAMES.get(name)
    if found is None or name in {"json", "xml"}:
        raise UnsupportedMediaType("send application/fhir+json or application/fhir+xml, and say so in Content-Type")
    return found
