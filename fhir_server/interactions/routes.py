"""The route table: method and path below the base to an interaction, for HTTP requests and bundle entries alike.

https://hl7.org/fhir/R4/http.html#summary  The CapabilityStatement is generated from this table; what is not here
is not claimed, and nothing else parses a path.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass

from fhir_server.errors import BadRequest, MethodNotAllowed, NotFound

# "." and ".." are ids by the letter, but a URL that ends in one names something else.
ID = re.compile(r"(?!\.{1,2}\Z)[A-Za-z0-9\-.]{1,64}\Z")
VERSION = re.compile(r"[1-9][0-9]{0,8}\Z")


@dataclass(frozen=True, slots=True)
class Route:
    """`code` is the interaction's code; `level` is system, type or instance; `shape` is the path below the base.

    What is not `offered` yet is refused by its name, and no Allow lists it.
    """

    method: str
    shape: str
    code: str
    level: str
    offered: bool = True


ROUTES = (
    Route("GET", "metadata", "capabilities", "open"),
    Route("POST", "", "batch-or-transaction", "system"),
    Route("GET", "", "search-system", "system"),
    Route("POST", "_search", "search-system", "system"),
    Route("GET", "_history", "history-system", "system"),
    Route("GET", "{type}", "search-type", "type"),
    Route("POST", "{type}/_search", "search-type", "type"),
    Route("GET", "{type}/_history", "history-type", "type"),
    Route("POST", "{type}", "create", "type"),
    Route("PUT", "{type}", "conditional-update", "type"),
    Route("PATCH", "{type}", "conditional-patch", "type"),
    Route("DELETE", "{type}", "conditional-delete", "type"),
    Route("GET", "{type}/{id}", "read", "instance"),
    Route("PUT", "{type}/{id}", "update", "instance"),
    Route("PATCH", "{type}/{id}", "patch", "instance"),
    Route("DELETE", "{type}/{id}", "delete", "instance"),
    Route("GET", "{type}/{id}/_history", "history-instance", "instance"),
    Route("GET", "{type}/{id}/_history/{version}", "vread", "instance"),
    Route("GET", "{type}/{id}/{member}", "search-compartment", "compartment"),
    Route("POST", "{type}/{id}/{member}/_search", "search-compartment", "compartment"),
)

INTERACTION_OF = {"conditional-update": "update", "conditional-patch": "patch", "conditional-delete": "delete"}
"""What a type must have switched on for the route to work."""

_PLACES = {1: "{id}", 2: "{member}", 3: "{version}"}
_BY_SHAPE: Mapping[str, Mapping[str, Route]] = {
    shape: {route.method: route for route in ROUTES if route.shape == shape} for shape in {r.shape for r in ROUTES}
}


@dataclass(frozen=True, slots=True)
class Match:
    """A route with what its path named; `member` is the type searched in a compartment, "*" for all."""

    route: Route
    type_name: str | None = None
    resource_id: str | None = None
    version_id: int | None = None
    member: str | None = None

    @property
    def interaction(self) -> str:
        """The interaction's code, the same for its conditional form."""
        return INTERACTION_OF.get(self.route.code, self.route.code)


def match(method: str, path: str, enabled: Mapping[str, frozenset[str]]) -> Match:
    """The route for a path below the base; `enabled` maps the types switched on to their interactions.

    Raises NotFound for a path or type nobody serves, MethodNotAllowed (with Allow) for a verb not offered there.
    """
    verb = "GET" if method == "HEAD" else method
    segments = [s for s in path.split("/") if s]
    shape = _shape(segments)
    by_method = _BY_SHAPE.get(shape)
    if by_method is None:
        raise NotFound("nothing is served at this path; see metadata for what is", code="not-found")
    type_name = segments[0] if shape.startswith("{type}") else None
    member = segments[2] if "{member}" in shape else None
    for named in (type_name, None if member == "*" else member):
        if named is not None and named not in enabled:
            raise NotFound("this resource type is not known or not switched on here", code="not-supported")
    route = by_method.get(verb)
    if route is None or not _is_on(route, type_name, enabled):
        raise MethodNotAllowed(
            f"{method[:20]} is not offered here", headers={"Allow": ", ".join(_allowed(by_method, type_name, enabled))}
        )
    return _named(route, type_name, segments)


def _shape(segments: list[str]) -> str:
    if not segments:
        return ""
    if segments[0] in {"metadata", "_history", "_search"}:
        return "/".join(segments)
    parts = ["{type}"]
    for place, segment in enumerate(segments[1:], start=1):
        if segment.startswith(("_", "$")):
            parts.append(segment)
        else:
            parts.append(_PLACES.get(place, segment))
    return "/".join(parts)


def _is_on(route: Route, type_name: str | None, enabled: Mapping[str, frozenset[str]]) -> bool:
    if type_name is None or route.level == "compartment":
        return True
    return INTERACTION_OF.get(route.code, route.code) in enabled[type_name]


def _allowed(by_method: Mapping[str, Route], type_name: str | None, enabled: Mapping[str, frozenset[str]]) -> list[str]:
    verbs = [verb for verb, route in by_method.items() if route.offered and _is_on(route, type_name, enabled)]
    return sorted([*verbs, "HEAD"]) if "GET" in verbs else sorted(verbs)


def _named(route: Route, type_name: str | None, segments: list[str]) -> Match:
    resource_id = segments[1] if "{id}" in route.shape else None
    if resource_id is not None and not ID.match(resource_id):
        if route.method == "PUT":
            raise BadRequest(
                "an id has 1 to 64 letters, digits, '-' and '.'", expression=(f"{type_name}.id",), code="value"
            )
        raise NotFound("no resource has this id")
    version_id = None
    if "{version}" in route.shape:
        if not VERSION.match(segments[3]):
            raise NotFound("no such version")
        version_id = int(segments[3])
    return Match(route, type_name, resource_id, version_id, segments[2] if "{member}" in route.shape else None)
