"""The first function that a request meets, before any routing of Flask's.

https://peps.python.org/pep-3333/  What stands below the FHIR base goes to its endpoint whatever its method, its Host or
its slashes; health, metrics and pages are Flask's. What neither serves is refused by the endpoint: no request but those
for health and metrics goes without an audit record.
"""

from collections.abc import Callable, Iterable
from typing import Any

from flask import Flask, request
from werkzeug.exceptions import HTTPException
from werkzeug.wrappers import Response

Endpoint = Callable[[dict[str, Any], str | None], Response]
_BASE = "/fhir"
_UNAUDITED = ("/health", "/metrics")


class Entrance:
    """A WSGI application around Flask's own."""

    __slots__ = ("_endpoint", "_inner")

    def __init__(self, inner: Callable[..., Iterable[bytes]], endpoint: Endpoint) -> None:
        self._inner = inner
        self._endpoint = endpoint

    def __call__(self, environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        """See PEP 3333."""
        path = environ.get("PATH_INFO", "")
        if path.startswith(_BASE) and path[len(_BASE) :][:1] in {"", "/"}:
            return self._endpoint(environ, path[len(_BASE) :])(environ, start_response)
        return self._inner(environ, start_response)


def stand_before(app: Flask, endpoint: Endpoint) -> None:
    """Put the entrance before the application, and its endpoint behind what no route of the application takes."""

    def refused(error: HTTPException) -> Response:
        if request.environ.get("PATH_INFO", "").startswith(_UNAUDITED):
            return Response(f"{error.name}\n", status=error.code, headers=_allowed(error), mimetype="text/plain")
        return endpoint(request.environ, None)

    app.register_error_handler(HTTPException, refused)
    app.wsgi_app = Entrance(app.wsgi_app, endpoint)  # type: ignore[method-assign]


def _allowed(error: HTTPException) -> dict[str, str]:
    methods = getattr(error, "valid_methods", None)
    return {"Allow": ", ".join(sorted(methods))} if methods else {}
