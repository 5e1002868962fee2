"""What is below and above a code, in the hierarchy of a code system that the server holds.

https://hl7.org/fhir/R4/search.html#modifiers (`:below` and `:above` on tokens)  The code itself is always one of them,
also when the code system does not know it.
"""

from collections.abc import Callable

from fhir_server.definitions import Definitions
from fhir_server.errors import BadRequest, TooCostly
from fhir_server.store.statements import Rows
from fhir_server.store.visibility import Predicate
from fhir_server.terminology.concepts import Concepts, concepts_of
from fhir_server.terminology.held import Held, shown

LIMIT = 10_000
_WITH_CONCEPTS = frozenset({"complete", "fragment"})


def descendants(
    rows: Rows,
    system: str,
    code: str,
    *,
    definitions: Definitions,
    tenant: int,
    visible: Predicate,
    limit: int = LIMIT,
) -> frozenset[str]:
    """A code and all codes below it; raises BadRequest when the code system is not held."""
    return _related(Held(rows, definitions, tenant, visible), system, code, Concepts.below, limit)


def ancestors(
    rows: Rows,
    system: str,
    code: str,
    *,
    definitions: Definitions,
    tenant: int,
    visible: Predicate,
    limit: int = LIMIT,
) -> frozenset[str]:
    """A code and all codes above it; raises BadRequest when the code system is not held."""
    return _related(Held(rows, definitions, tenant, visible), system, code, Concepts.above, limit)


def _related(
    held: Held, system: str, code: str, walk: Callable[[Concepts, str], set[str]], limit: int
) -> frozenset[str]:
    found = held.code_system(system)
    if found is None:
        raise BadRequest(f"code system {shown(system)} is not held by this server", code="not-found")
    if found.resource.get("content") not in _WITH_CONCEPTS:
        raise BadRequest(f"code system {shown(system)} is held without its concepts", code="not-found")
    concepts = concepts_of(found.resource)
    if not concepts.is_subsumption:
        message = f"code system {shown(system)}: its hierarchy means something else than is-a"
        raise BadRequest(message, code="not-supported")
    related = walk(concepts, code) | {code}
    if len(related) > limit:
        raise TooCostly(f"code system {shown(system)}: the code is related to more than {limit} codes")
    return frozenset(related)
