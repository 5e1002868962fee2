"""/health/live, /health/ready and /metrics: for whoever runs the server; none of them touches a resource.

Ready means that the database answers with the schema this code expects, and that the audit can be written.
"""

import hmac
import ipaddress
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from werkzeug.wrappers import Response

from fhir_server.settings import Network, Settings, proxy_networks
from fhir_server.telemetry import render_metrics


def live() -> Response:
    """The process runs."""
    return Response("live\n", mimetype="text/plain")


def ready(checks: Mapping[str, Callable[[], bool]]) -> Response:
    """Every check passes, or 503 with the names of those that do not."""
    failed = [name for name, check in checks.items() if not check()]
    if failed:
        return Response(f"not ready: {', '.join(failed)}\n", status=503, mimetype="text/plain")
    return Response("ready\n", mimetype="text/plain")


def metrics(environ: Mapping[str, Any], settings: Settings) -> Response:
    """Prometheus metrics, for loopback or the bearer of the metrics token."""
    kind, _, token = environ.get("HTTP_AUTHORIZATION", "").partition(" ")
    bears = (
        bool(settings.metrics_token)
        and kind.lower() == "bearer"
        and hmac.compare_digest(token.strip().encode(), settings.metrics_token.encode())
    )
    if not bears and not is_loopback(client_address(environ, proxy_networks(settings.trusted_proxies))):
        return Response("metrics are for loopback, or for the bearer of the metrics token\n", status=403)
    return Response(render_metrics(), content_type="text/plain; version=0.0.4; charset=utf-8")


def client_address(environ: Mapping[str, Any], proxies: Sequence[Network]) -> str:
    """Who connects: the peer, or, where the peer is a configured proxy, the nearest address that is none."""
    address = str(environ.get("REMOTE_ADDR", ""))
    forwarded = [part.strip() for part in str(environ.get("HTTP_X_FORWARDED_FOR", "")).split(",") if part.strip()]
    while forwarded and _is_in(address, proxies):
        address = forwarded.pop()
    return address


def is_loopback(address: str) -> bool:
    """Whether the address is this machine's own."""
    try:
        return ipaddress.ip_address(address).is_loopback
    except ValueError:
        return False


def _is_in(address: str, proxies: Sequence[Network]) -> bool:
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return False
    return any(parsed in network for network in proxies)
