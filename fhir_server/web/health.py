"""/health/live, /health/ready and /metrics: for whoever runs the server; none of them touches a resource.

Ready means that the database answers with the schema this code expects, and that the audit can be written.
"""

import hmac
from collections.abc import Callable, Mapping
from typing import Any

from werkzeug.wrappers import Response

from fhir_server.settings import Settings, proxy_networks
from fhir_server.telemetry import logger, render_metrics
from fhir_server.web.addresses import is_local


def live() -> Response:
    """The process runs."""
    return Response("live\n", mimetype="text/plain")


def ready(checks: Mapping[str, Callable[[], bool]]) -> Response:
    """Every check passes, or 503 with the names of those that do not."""
    failed = [name for name, check in checks.items() if not _passes(name, check)]
    if failed:
        return Response(f"not ready: {', '.join(failed)}\n", status=503, mimetype="text/plain")
    return Response("ready\n", mimetype="text/plain")


def _passes(name: str, check: Callable[[], bool]) -> bool:
    try:
        return check()
    except Exception as error:  # noqa: BLE001 (whatever it was, the answer is no)
        logger().warning("check_failed", check=name, error=type(error).__name__)
        return False


def metrics(environ: Mapping[str, Any], settings: Settings) -> Response:
    """Prometheus metrics, for loopback or the bearer of the metrics token."""
    kind, _, token = environ.get("HTTP_AUTHORIZATION", "").partition(" ")
    bears = (
        bool(settings.metrics_token)
        and kind.lower() == "bearer"
        and hmac.compare_digest(token.strip().encode(), settings.metrics_token.encode())
    )
    if not bears and not is_local(environ, proxy_networks(settings.trusted_proxies)):
        return Response("metrics are for loopback, or for the bearer of the metrics token\n", status=403)
    return Response(render_metrics(), content_type="text/plain; version=0.0.4; charset=utf-8")
