"""What `fhir_client` 5.0.3 (Ruby) sends for the Gravity reference clients, and how it reads the answers.

It never sends If-Match, Prefer or _count, never follows a next link; its query keys are sorted, "/" and ":" stay as
they are, a value it lacks becomes a bare key, and an id it lacks shortens the path.
"""

import re
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from tests.http.client import Answer, Client, JsonObject

READING = {
    "Accept": "application/fhir+json",
    "Accept-Charset": "utf-8",
    "User-Agent": "Ruby FHIR Client",
    "Accept-Encoding": "gzip;q=1.0,deflate;q=0.6,identity;q=0.3",
}
WRITING = READING | {"Content-Type": "application/fhir+json;charset=utf-8"}
JSON_TYPES = re.compile(r"application/(fhir\+)?json\b")


def query(parameters: dict[str, str | None]) -> str:
    """The query as the library writes it."""
    pairs = (f"{k}={quote(v, safe='/:,')}" if v is not None else k for k, v in sorted(parameters.items()))
    return "?" + "&".join(pairs) if parameters else ""


@dataclass(frozen=True, slots=True)
class Reply:
    """A reply and what the library would make of it: the resource it parsed, the id that it pulls out of Location."""

    answer: Answer

    @property
    def resource(self) -> Any:
        """The parsed body; the library parses by content type, and holds only 200 and 201 for success."""
        assert self.answer.status in {200, 201}, f"{self.answer.status}: {self.answer.text}"
        assert JSON_TYPES.match(self.answer.headers["Content-Type"]), self.answer.headers["Content-Type"]
        return self.answer.json

    @property
    def entries(self) -> list[JsonObject]:
        """Bundle#entry: each has a fullUrl and a resource with an id; the first page is all the client ever sees."""
        bundle = self.resource
        assert bundle["resourceType"] == "Bundle"
        entries = bundle.get("entry", [])
        for entry in entries:
            kind, resource_id = entry["resource"]["resourceType"], entry["resource"]["id"]
            assert entry["fullUrl"].endswith(f"/{kind}/{resource_id}")
        return entries

    @property
    def resources(self) -> list[JsonObject]:
        """The resources of the entries."""
        return [entry["resource"] for entry in self.entries]

    @property
    def created(self) -> JsonObject:
        """What `create` returns: 201, the full body, and an id in Content-Location or Location that is the body's."""
        assert self.answer.status == 201, f"{self.answer.status}: {self.answer.text}"
        body = self.resource
        link = self.answer.headers.get("Content-Location") or self.answer.headers["Location"]
        found = re.search(rf"/{body['resourceType']}/([^/]+)", link)
        assert found is not None
        assert found[1] == body["id"]
        return body


class RubyClient:
    """The five calls that the reference clients make."""

    def __init__(self, client: Client) -> None:
        self._client = client

    def capability_statement(self) -> JsonObject:
        """GET /metadata: a statement of a FHIR version that starts with 4."""
        statement = self._get("metadata").resource
        assert statement["resourceType"] == "CapabilityStatement"
        assert statement["fhirVersion"].startswith("4")
        return statement

    def read(self, type_name: str, resource_id: str | None) -> Reply:
        """GET [type]/[id]; without an id it becomes a search of everything."""
        return self._get("/".join(filter(None, [type_name, resource_id])))

    def search(self, type_name: str, **parameters: str | None) -> Reply:
        """GET [type]?...; `from_` is not needed: no key of these clients is a Python keyword."""
        return self._get(type_name + query(parameters))

    def create(self, resource: JsonObject) -> JsonObject:
        """POST [type]."""
        return Reply(self._client.send("POST", resource["resourceType"], resource, headers=WRITING)).created

    def update(self, resource: JsonObject, resource_id: str) -> JsonObject:
        """PUT [type]/[id] with the body as it was read, changed."""
        path = f"{resource['resourceType']}/{resource_id}"
        reply = Reply(self._client.send("PUT", path, resource, headers=WRITING))
        assert reply.answer.status == 200, reply.answer.text
        return reply.resource

    def destroy(self, type_name: str, resource_id: str) -> Answer:
        """DELETE [type]/[id]."""
        answer = self._client.send("DELETE", f"{type_name}/{resource_id}", headers=READING)
        assert answer.status in {200, 204}
        return answer

    def _get(self, path: str) -> Reply:
        return Reply(self._client.send("GET", path, headers=READING))
