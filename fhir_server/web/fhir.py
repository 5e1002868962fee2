"""FHIR over HTTP: one request from the socket to the answer.

https://hl7.org/fhir/R4/http.html  In order: who asks, what they want, the interaction, the audit record, the response.
No answer leaves before its audit record is in the transaction or in the journal.
"""

import re
import time
import uuid
from dataclasses import replace
from typing import Any

from werkzeug.wrappers import Response

from fhir_server.access.principal import ANYONE, NOBODY, Principal
from fhir_server.access.tokens import TokenDirectory
from fhir_server.errors import FhirError, Forbidden, InternalError, NotFound, Unauthenticated
from fhir_server.interactions import trail
from fhir_server.interactions.context import Context, Core
from fhir_server.interactions.parameters import Pairs
from fhir_server.interactions.perform import handle
from fhir_server.interactions.request import Answer, Request
from fhir_server.interactions.routes import Match, match
from fhir_server.settings import proxy_networks
from fhir_server.telemetry import log_fault
from fhir_server.web import native
from fhir_server.web.addresses import is_local
from fhir_server.web.incoming import query_of, read_request
from fhir_server.web.negotiation import JSON, response_format
from fhir_server.web.observation import Observed, Observer
from fhir_server.web.outgoing import Wish, answered, refused, takes_gzip

_REQUEST_ID = re.compile(r"[A-Za-z0-9\-]{8,64}\Z")
_OPEN_PATH = "metadata"


class FhirEndpoint:
    """Everything below the FHIR base, as a function from a WSGI environment to a response."""

    __slots__ = ("_core", "_observer", "_proxies", "_tokens")

    def __init__(self, core: Core, tokens: TokenDirectory, observer: Observer) -> None:
        self._core = core
        self._tokens = tokens
        self._observer = observer
        self._proxies = proxy_networks(core.settings.trusted_proxies)

    def __call__(self, environ: dict[str, Any], path: str | None) -> Response:
        """Answer one request; never raises. `path` begins below the base, None for what is not below it."""
        started = time.perf_counter()
        given = environ.get("HTTP_X_REQUEST_ID", "")
        request_id = given if _REQUEST_ID.match(given) else uuid.uuid4().hex
        context = Context(self._core, NOBODY, request_id, self._core.database)
        seen = Exchange(environ)
        try:
            response = self._answer(context, seen, path)
        except FhirError as error:
            response = self._refuse(context, seen, error)
        except Exception as error:  # noqa: BLE001 (the last edge: whatever it was, the client learns only the id)
            log_fault(request_id, error)
            seen.wish = Wish()
            response = self._refuse(context, seen, InternalError(request_id))
        self._observer.request(Observed(
            request_id, environ["REQUEST_METHOD"], seen.interaction, seen.type_name, response.status_code,
            context.principal.identifier, time.perf_counter() - started,
        ))  # fmt: skip
        return response

    def _answer(self, context: Context, seen: "Exchange", path: str | None) -> Response:
        environ = seen.environ
        context.query = _recorded_query(environ)
        if path is None:
            raise NotFound("nothing is served at this path; the FHIR base is /fhir")
        path = "/".join(segment for segment in path.split("/") if segment)
        if path != _OPEN_PATH:
            context.principal = self._principal(environ)
        query = query_of(environ)
        seen.wish = Wish() if native.is_asked(environ, path) else _wish(environ, query)
        found = seen.found = match(environ["REQUEST_METHOD"], path, self._core.enabled)
        request = self._read(context, seen, found, query)
        answer = handle(context, request, found)
        seen.interaction, seen.is_recorded = answer.interaction, answer.audited
        response = self._rendered(context, seen, found, answer)
        if not answer.audited:
            self._journal(context, seen, answer)
        return response

    def _read(self, context: Context, seen: "Exchange", found: Match, query: Pairs) -> Request:
        environ, core = seen.environ, self._core
        if native.is_native(found, environ):
            request = native.incoming(environ, found, core.settings)
        else:
            request = read_request(environ, found, query, core.settings, core.definitions)
        if len(request.query) > len(query):  # a form's parameters count as the query's do
            seen.wish = _wish(environ, request.query)
            context.query = request.recorded_query
        if request.prefer:
            seen.wish = replace(seen.wish, returns=request.returns)
        if found.route.code == "batch-or-transaction":
            seen.interaction = _kind_of(request.body)
        return request

    def _rendered(self, context: Context, seen: "Exchange", found: Match, answer: Answer) -> Response:
        if native.is_native_answer(found, answer, seen.environ):
            return native.outgoing(answer, context.request_id)
        return answered(
            answer,
            seen.wish,
            base=self._core.settings.fhir_base,
            structures=self._core.definitions,
            request_id=context.request_id,
            notes=context.notes,
        )

    def _principal(self, environ: dict[str, Any]) -> Principal:
        if self._core.settings.access == "open":
            if not is_local(environ, self._proxies):
                raise Forbidden("open access is for this machine only")
            return ANYONE
        kind, _, token = environ.get("HTTP_AUTHORIZATION", "").partition(" ")
        if kind.lower() != "bearer" or not token:
            raise Unauthenticated(
                "this server expects Authorization: Bearer with a token from its operator",
                headers={"WWW-Authenticate": "Bearer"},
            )
        return self._tokens.principal(token.strip())

    def _journal(self, context: Context, seen: "Exchange", answer: Answer) -> None:
        stored = answer.stored
        self._core.journal.append(trail.record(
            context, answer.interaction, answer.status, type_name=answer.type_name or seen.type_name,
            resource_id=stored.resource_id if stored is not None else seen.resource_id,
            version_id=None if stored is None else stored.version_id, resources=answer.disclosed,
        ))  # fmt: skip

        seen.is_recorded = True

    def _refuse(self, context: Context, seen: "Exchange", error: FhirError) -> Response:
        try:
            if not seen.is_recorded:
                self._core.journal.append(trail.record(
                    context, seen.interaction, error.status, type_name=seen.type_name, resource_id=seen.resource_id,
                    reason=error.issues[0].code,
                ))  # fmt: skip
        except FhirError as unwritable:
            error = unwritable
        return refused(error, seen.wish, self._core.definitions, context.request_id)


class Exchange:
    """What is known so far of a request being answered, for whoever has to refuse it."""

    __slots__ = ("_interaction", "environ", "found", "is_recorded", "wish")

    def __init__(self, environ: dict[str, Any]) -> None:
        self.environ = environ
        self.wish = Wish()
        self.found: Match | None = None
        self.is_recorded = False
        self._interaction = ""

    @property
    def interaction(self) -> str:
        """The interaction's code, "unknown" until the route is found."""
        return self._interaction or (self.found.interaction if self.found is not None else "unknown")

    @interaction.setter
    def interaction(self, code: str) -> None:
        self._interaction = code

    @property
    def type_name(self) -> str:
        """The type in the path."""
        return "" if self.found is None else self.found.type_name or ""

    @property
    def resource_id(self) -> str:
        """The id in the path."""
        return "" if self.found is None else self.found.resource_id or ""


def _recorded_query(environ: dict[str, Any]) -> str:
    text: str = environ.get("QUERY_STRING", "")
    none_exist = environ.get("HTTP_IF_NONE_EXIST")
    return f"{text}#If-None-Exist={none_exist}" if none_exist else text


def _kind_of(body: Any) -> str:
    kind = body.get("type") if isinstance(body, dict) else None
    return kind if kind in ("batch", "transaction") else "batch-or-transaction"


def _wish(environ: dict[str, Any], query: Pairs) -> Wish:
    override, pretty = "", False
    for name, value in query:
        if name == "_format":
            override = value
        elif name == "_pretty":
            pretty = value == "true"
    accept = environ.get("HTTP_ACCEPT", "")
    media_type = JSON if not accept and not override else response_format(accept[:2000], override[:100])
    return Wish(media_type, pretty, "representation", takes_gzip(environ.get("HTTP_ACCEPT_ENCODING", "")))
