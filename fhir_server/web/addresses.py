"""Where a request comes from: the peer, or whom a configured proxy names.

https://datatracker.ietf.org/doc/html/rfc7239#section-8.1  A header can be written by anybody: it is believed only from
a configured proxy, and from any other it makes the origin unknown, never trusted.
"""

import ipaddress
from collections.abc import Mapping, Sequence
from typing import Any

from fhir_server.settings import Network


def is_local(environ: Mapping[str, Any], proxies: Sequence[Network]) -> bool:
    """Whether the request began on this machine: on loopback, or on a socket that has no address."""
    peer = str(environ.get("REMOTE_ADDR", ""))
    is_forwarded = "HTTP_X_FORWARDED_FOR" in environ or "HTTP_FORWARDED" in environ
    if is_forwarded and not _is_in(peer, proxies):
        return False
    return not peer or _is_loopback(client_address(environ, proxies))


def client_address(environ: Mapping[str, Any], proxies: Sequence[Network]) -> str:
    """Who connects: the peer, or, where the peer is a configured proxy, the nearest address that is none."""
    address = str(environ.get("REMOTE_ADDR", ""))
    forwarded = [part.strip() for part in str(environ.get("HTTP_X_FORWARDED_FOR", "")).split(",") if part.strip()]
    while forwarded and _is_in(address, proxies):
        address = forwarded.pop()
    return address


def _is_loopback(address: str) -> bool:
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
