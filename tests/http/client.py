"""A thin client over the WSGI application: JSON in, text and JSON out, the text kept as it came."""

import gzip
import json
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from werkzeug.datastructures import Headers
from werkzeug.test import Client as WsgiClient

from fhir_server.app import build_core, create_application
from fhir_server.interactions.context import Core
from fhir_server.settings import Settings
from tests import shared_parts

JsonObject = dict[str, Any]
FHIR_JSON = "application/fhir+json"
FHIR_XML = "application/fhir+xml"


class Literal(str):
    """A JSON number with a fraction or exponent, as it was written: 1.0, 1.00 and 1e0 differ."""

    __slots__ = ()

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Literal) and str.__eq__(self, other)

    __hash__ = str.__hash__


def parsed(text: str) -> Any:
    """JSON with number literals kept; an independent reader, not the server's."""
    return json.loads(text, parse_float=Literal)


def dumped(value: Any) -> str:
    """JSON text of a parsed value; Literals become numbers again."""
    if isinstance(value, Literal):
        return str.__str__(value)
    if isinstance(value, dict):
        return "{" + ",".join(f"{json.dumps(k)}:{dumped(v)}" for k, v in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ",".join(dumped(v) for v in value) + "]"
    return json.dumps(value)


@dataclass(frozen=True, slots=True)
class Answer:
    """One HTTP answer: status, headers, and the body's text."""

    status: int
    headers: Headers
    text: str

    @property
    def json(self) -> Any:
        """The body, parsed; its numbers as Literals."""
        return parsed(self.text)

    @property
    def etag(self) -> str:
        """The ETag header, or "" without one."""
        return self.headers.get("ETag", "")

    @property
    def resources(self) -> list[JsonObject]:
        """The resources of a Bundle's entries; none without entries."""
        return [entry["resource"] for entry in self.json.get("entry", [])]

    def found(self, type_name: str) -> list[str]:
        """The ids of one type in a Bundle, in its order."""
        return [r["id"] for r in self.resources if r["resourceType"] == type_name]


def _core(settings: Settings, **parts: Any) -> Core:
    validator = shared_parts.validator(settings.max_issues)
    return build_core(settings, definitions=shared_parts.definitions(), validator=validator, **parts)


class Client:
    """Sends requests to one application; `headers` go with each request unless it says otherwise.

    `parts` are those of `build_core`: a clock, a policy.
    """

    def __init__(self, settings: Settings, headers: Mapping[str, str] | None = None, **parts: Any) -> None:
        self.base = settings.fhir_base
        self.headers = dict(headers or {})
        self._root = settings.root_url
        self._application = create_application(settings, core=_core(settings, **parts))
        self._wsgi = WsgiClient(self._application)

    def close(self) -> None:
        """Close what the application holds open: connections and journal."""
        core = self._application.extensions["fhir_server"]
        core.journal.close()
        core.database.close()

    def send(
        self,
        method: str,
        path: str,
        body: Any = None,
        *,
        headers: Mapping[str, str] | None = None,
        content_type: str = FHIR_JSON,
        environ: Mapping[str, Any] | None = None,
    ) -> Answer:
        """One request; `path` starts at the FHIR base, or at the root when it starts with "/", or is a link.

        `environ` is what a server would make of a request that no decent client sends.
        """
        raw = body if isinstance(body, str | bytes | None) else dumped(body)
        sent = self.headers | ({"Content-Type": content_type} if raw is not None else {}) | dict(headers or {})
        url = path if path.startswith(("/", "http")) else f"{self.base}/{path}"
        target = url.removeprefix(self._root)
        path_only, _, query = target.partition("?")
        response = self._wsgi.open(
            path_only,
            method=method,
            query_string=query,
            base_url=self._root,
            data=raw,
            headers=list(sent.items()),
            environ_overrides=dict(environ or {}),
        )
        raw_answer = response.get_data()
        return Answer(response.status_code, response.headers, _unpacked(raw_answer, response.headers).decode())

    def get(self, path: str, **headers: str) -> Answer:
        """GET; keywords are headers with "_" for "-"."""
        return self.send("GET", path, headers=_named(headers))

    def head(self, path: str, **headers: str) -> Answer:
        """HEAD."""
        return self.send("HEAD", path, headers=_named(headers))

    def post(self, path: str, body: Any, **headers: str) -> Answer:
        """POST a JSON body."""
        return self.send("POST", path, body, headers=_named(headers))

    def put(self, path: str, body: Any, **headers: str) -> Answer:
        """PUT a JSON body."""
        return self.send("PUT", path, body, headers=_named(headers))

    def patch(self, path: str, body: Any, *, content_type: str = FHIR_JSON, **headers: str) -> Answer:
        """PATCH; JSON Patch when `content_type` says so."""
        return self.send("PATCH", path, body, headers=_named(headers), content_type=content_type)

    def delete(self, path: str, **headers: str) -> Answer:
        """DELETE."""
        return self.send("DELETE", path, headers=_named(headers))


def _unpacked(raw: bytes, headers: Headers) -> bytes:
    encoding = headers.get("Content-Encoding", "") if raw else ""
    if encoding == "gzip":
        return gzip.decompress(raw)
    return zlib.decompress(raw) if encoding == "deflate" else raw


def _named(headers: Mapping[str, str]) -> dict[str, str]:
    return {name.replace("_", "-"): value for name, value in headers.items()}
