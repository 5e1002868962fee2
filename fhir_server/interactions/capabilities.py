"""The CapabilityStatement, generated from the route table and the registries.

https://hl7.org/fhir/R4/capabilitystatement.html  It lists a route only where a handler stands behind it, and a search
parameter only where the compiler takes it: it cannot claim what is not there.
"""

from collections.abc import Sequence
from typing import Any

from fhir_server.fhir.dates import format_instant
from fhir_server.fhir.json import JsonObject, dump
from fhir_server.interactions.context import Context, Core
from fhir_server.interactions.request import Answer, Request
from fhir_server.interactions.routes import INTERACTION_OF, ROUTES, Match
from fhir_server.search.extract import ON_RESOURCE, is_indexed
from fhir_server.version import VERSION

FORMATS = ("application/fhir+json", "json", "application/fhir+xml", "xml")
PATCH_FORMATS = ("application/json-patch+json", "application/fhir+json", "application/fhir+xml")
_SYSTEM = {
    "search-system": ("search-system",),
    "history-system": ("history-system",),
    "batch-or-transaction": ("batch", "transaction"),
}
EVERYWHERE = ("_has", "_list", "_type")
"""Parameters that belong to no type: reverse chains, lists, and the types of a search of several."""
_COMPARTMENTS = "http://hl7.org/fhir/CompartmentDefinition/"
_CONDITIONAL = {"conditional-update": "conditionalUpdate"}


def statement(context: Context, request: Request, match: Match) -> Answer:
    """The statement of this server, built at the first request and kept."""
    core = context.core
    if core.kept.statement is None:
        core.kept.statement = dump(build(core))
    return Answer(200, "capabilities", "CapabilityStatement", text=core.kept.statement)


def build(core: Core) -> JsonObject:
    """The statement as JSON, checked by the model of fhir.resources."""
    from fhir.resources.R4B.capabilitystatement import CapabilityStatement  # dear to import, and needed only here

    given = {
        "resourceType": "CapabilityStatement",
        "status": "active",
        "date": format_instant(core.now()),
        "kind": "instance",
        "software": {"name": "fhir-server", "version": VERSION},
        "implementation": {"description": "FHIR server for social-care referrals", "url": core.settings.fhir_base},
        "fhirVersion": "4.0.1",
        "format": list(FORMATS),
        "patchFormat": list(PATCH_FORMATS),
        "rest": [_rest(core)],
    }
    checked: JsonObject = CapabilityStatement.model_validate(given).model_dump(mode="json", exclude_none=True)
    return {"resourceType": "CapabilityStatement", **{k: v for k, v in checked.items() if k != "resourceType"}}


def _rest(core: Core) -> JsonObject:
    routed = core.handled
    system = [{"code": code} for route in ROUTES if route.code in routed for code in _SYSTEM.get(route.code, ())]
    unique = [entry for place, entry in enumerate(system) if entry not in system[:place]]
    return {
        "mode": "server",
        "documentation": "Everything but this statement needs a bearer token; see the documentation of this server.",
        "security": {"cors": False, "description": _security(core)},
        "resource": [_resource(core, name) for name in sorted(core.enabled)],
        "interaction": unique,
        "searchParam": [{"name": name, "type": "special"} for name in EVERYWHERE],
        "compartment": [f"{_COMPARTMENTS}{name.lower()}" for name in sorted(core.definitions.compartments)],
    }


def _security(core: Core) -> str:
    if core.settings.access == "open":
        return "Open access for demonstrations, on a loopback address only."
    return "Bearer tokens that the operator hands out (RFC 6750)."


def _resource(core: Core, name: str) -> JsonObject:
    on = core.enabled[name]
    offered = _offered(core, on)
    codes = [c for c in offered if c in on]
    resource: dict[str, Any] = {"type": name, "interaction": [{"code": code} for code in codes]}
    if "update" in codes:
        resource |= {
            "versioning": "versioned-update",
            "updateCreate": core.settings.update_as_create,
            "conditionalUpdate": "conditional-update" in core.handled,
        }
    if "vread" in codes:
        resource["readHistory"] = True
    if "create" in codes:
        resource["conditionalCreate"] = True
    if "read" in codes:
        resource["conditionalRead"] = "full-support"
    if "delete" in codes and "conditional-delete" in core.handled:
        resource["conditionalDelete"] = "single"
    resource["referencePolicy"] = ["literal", "logical", *(["enforced"] if core.settings.reference_integrity else [])]
    if "search-type" in codes:
        resource |= _search(core, name)
    return resource


def _offered(core: Core, on: frozenset[str]) -> Sequence[str]:
    """The codes of routed interactions in the order of the route table."""
    codes = [
        INTERACTION_OF.get(r.code, r.code) for r in ROUTES if r.level in {"type", "instance"} and r.code in core.handled
    ]
    return [code for place, code in enumerate(codes) if code in on and code not in codes[:place]]


def _search(core: Core, name: str) -> JsonObject:
    profile = core.definitions.server[name]
    found: JsonObject = {}
    if profile.search_includes:
        found["searchInclude"] = list(profile.search_includes)
    if profile.search_rev_includes:
        found["searchRevInclude"] = list(profile.search_rev_includes)
    taken = (p for p in core.definitions.search_parameters[name].values() if is_indexed(p) or p.code in ON_RESOURCE)
    found["searchParam"] = [{"name": p.code, "type": p.kind} | ({"definition": p.url} if p.url else {}) for p in taken]
    return found
