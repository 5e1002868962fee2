"""FHIR over HTTP: one request from the socket to the answer.

https://hl7.org/fhir/R4/http.html  In order: who asks, what they want, the interaction, the audit record, the response.
No answer leaves before its audit record is in the transaction or in the journal.
"""

import re
import time
import uuid
from typing import Any

from werkzeug.wrappers import Response

from fhir_server.access.principal import ANYONE, NOBODY, Principal
from fhir_server.access.tokens import TokenDirectory
from fhir_server.errors import FhirError, Unauthenticated
from fhir_server.interactions import trail
from fhir_server.interactions.context import Context, Core
from fhir_server.interactions.perform import handle
from fhir_server.interactions.request import Answer, Request
from fhir_server.interactions.routes import Match, match
from fhir_server.web import native
from fhir_server.web.incoming import query_of, read_request
from fhir_server.web.negotiation import JSON, response_format
from fhir_server.web.observation import Observed, Observer
from fhir_server.web.outgoing import Wish, answered, refused, wishes

_REQUEST_ID = re.compile(r"[A-Za-z0-9\-]{8,64}\Z")
_OPEN_PATH = "metadata"


class InternalError(FhirError):
    """What a client sees of a fault of ours: the id to ask the operator about, and nothing else."""

    status = 500


class FhirEndpoint:
    """Everything below the FHIR base, as a function from a WSGI environment to a response."""

    __slots__ = ("_core", "_observer", "_tokens")

    def __init__(self, core: Core, tokens: TokenDirectory, observer: Observer) -> None:
        self._core = core
        self._tokens = tokens
        self._observer = observer

    def __call__(self, environ: dict[str, Any], path: str) -> Response:
        """Answer one request; never raises."""
        started = time.perf_counter()
        given = environ.get("HTTP_X_REQUEST_ID", "")
        request_id = given if _REQUEST_ID.match(given) else uuid.uuid4().hex
        context = Context(self._core, NOBODY, request_id, self._core.database)
        seen = Exchange(environ, path)
        try:
            response = self._answer(context, seen)
        except FhirError as error:
            response = self._refuse(context, seen, error)
        except Exception as error:  # noqa: BLE001 (the last edge: whatever it was, the client learns only the id)
            self._observer.fault(request_id, error)
            seen.wish = Wish()
            response = self._refuse(
                context, seen, InternalError(f"internal error; tell the operator the id {request_id}")
            )
        self._observer.request(Observed(
            request_id, environ["REQUEST_METHOD"], seen.interaction, seen.type_name, response.status_code,
            context.principal.identifier, time.perf_counter() - started,
        ))  # fmt: skip
        return response

    def _answer(self, context: Context, seen: "Exchange") -> Response:
        core, environ, path = self._core, seen.environ, seen.path
        context.query = _recorded_query(environ)
        if path != _OPEN_PATH:
            context.principal = self._principal(environ)
        query = query_of(environ)
        seen.wish = Wish() if native.is_asked(environ, path) else _wish(environ, query)
        found = match(environ["REQUEST_METHOD"], path, core.enabled)
        seen.found = found
        if native.is_native(found, environ):
            request = native.incoming(environ, found, path, core.settings)
        else:
            request = read_request(environ, path, query, core.settings, core.definitions)
        if request.prefer:
            seen.wish = _preferring(seen.wish, request)
        if environ["REQUEST_METHOD"] == "POST" and path.endswith("_search"):
            context.query = "&".join(f"{name}={value}" for name, value in request.query)
        answer = handle(context, request, found)
        seen.interaction = answer.interaction
        if not answer.audited:
            self._journal(context, seen, answer)
        seen.is_recorded = True
        if native.is_native_answer(found, answer, environ):
            return native.outgoing(answer, context.request_id)
        return answered(
            answer,
            seen.wish,
            base=core.settings.fhir_base,
            structures=core.definitions,
            request_id=context.request_id,
            notes=context.notes,
        )

    def _principal(self, environ: dict[str, Any]) -> Principal:
        if self._core.settings.access == "open":
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

    def _refuse(self, context: Context, seen: "Exchange", error: FhirError) -> Response:
        if not seen.is_recorded:
            record = trail.record(
                context,
                seen.interaction,
                error.status,
                type_name=seen.type_name,
                resource_id=seen.resource_id,
                reason=error.issues[0].code,
            )
            try:
                self._core.journal.append(record)
            except FhirError as unwritable:
                error = unwritable
        return refused(error, seen.wish, self._core.definitions, context.request_id)


class Exchange:
    """What is known so far of a request being answered, for whoever has to refuse it."""

    __slots__ = ("_interaction", "environ", "found", "is_recorded", "path", "wish")

    def __init__(self, environ: dict[str, Any], path: str) -> None:
        self.environ = environ
        self.path = path
        self.wish = Wish()
        self.found: Match | None = None
        self.is_recorded = False
        self._interaction = ""

    @property
    def interaction(self) -> str:
        """The interaction's code, "unknown" until the route is found."""
        return self._interaction or (self.found.route.code if self.found is not None else "unknown")

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


def _wish(environ: dict[str, Any], query: tuple[tuple[str, str], ...]) -> Wish:
    override, pretty = "", False
    for name, value in query:
        if name == "_format":
            override = value
        elif name == "_pretty":
            pretty = value == "true"
    accept = environ.get("HTTP_ACCEPT", "")
    media_type = JSON if not accept and not override else response_format(accept, override)
    return wishes(environ, media_type, pretty, "representation")


def _preferring(wish: Wish, request: Request) -> Wish:
    return Wish(wish.media_type, wish.pretty, request.prefer.get("return", "representation"), wish.gzip)
