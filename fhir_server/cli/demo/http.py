"""A caller: one organization's connection to the FHIR base, its token, and how long each answer took."""

import http.client
import json
import time
from collections.abc import Mapping
from dataclasses import dataclass
from email.message import Message
from typing import Any
from urllib.parse import urlsplit

JsonObject = dict[str, Any]
FHIR_JSON = "application/fhir+json"


@dataclass(frozen=True, slots=True)
class Reply:
    """One answer: `headers` do not mind the case of names; `body` is the parsed JSON, {} without one."""

    status: int
    reason: str
    headers: Message
    body: JsonObject
    milliseconds: float

    @property
    def etag(self) -> str:
        """The ETag header, or "" without one."""
        return str(self.headers.get("ETag", ""))

    @property
    def resources(self) -> list[JsonObject]:
        """The resources of a Bundle's entries."""
        return [entry["resource"] for entry in self.body.get("entry", []) if "resource" in entry]


class Caller:
    """Sends requests as one organization, over one connection that is opened again when the server closed it."""

    def __init__(self, name: str, root_url: str, token: str) -> None:
        self.name = name
        self.token = token
        self._path = f"{urlsplit(root_url).path}/fhir/"
        self._connection = http.client.HTTPConnection(urlsplit(root_url).netloc, timeout=30)

    def send(
        self, method: str, path: str, body: JsonObject | None = None, headers: Mapping[str, str] | None = None
    ) -> Reply:
        """One request below the FHIR base; raises OSError when nobody answers."""
        sent = {"Accept": FHIR_JSON, **({"Authorization": f"Bearer {self.token}"} if self.token else {})}
        raw = None if body is None else json.dumps(body, ensure_ascii=False).encode()
        if raw is not None:
            sent["Content-Type"] = FHIR_JSON
        started = time.perf_counter()
        try:
            return self._once(method, path, raw, sent | dict(headers or {}), started)
        except (http.client.RemoteDisconnected, BrokenPipeError, ConnectionResetError):
            self._connection.close()
            return self._once(method, path, raw, sent | dict(headers or {}), started)

    def close(self) -> None:
        """Close the connection."""
        self._connection.close()

    def _once(self, method: str, path: str, raw: bytes | None, headers: dict[str, str], started: float) -> Reply:
        self._connection.request(method, self._path + path, body=raw, headers=headers)
        response = self._connection.getresponse()
        text = response.read()
        took = (time.perf_counter() - started) * 1000
        is_json = "json" in response.headers.get("Content-Type", "")
        body = json.loads(text) if text and is_json else {}
        return Reply(response.status, response.reason, response.headers, body, took)
