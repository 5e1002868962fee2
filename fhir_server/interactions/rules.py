"""Write rules that belong to the core: reference integrity and the second opinion, each behind a setting.

https://hl7.org/fhir/R4/http.html#integrity  A rule returns further changes or raises; it never writes by itself.
"""

from collections.abc import Sequence

from fhir_server.errors import BadRequest, Conflict, Unprocessable
from fhir_server.fhir import references
from fhir_server.interactions.context import Context, Draft, Proposal
from fhir_server.store import reading, referrers


def reference_integrity(context: Context, proposal: Proposal) -> Sequence[Draft]:
    """Refuse a reference to a resource of this server that does not exist, and a delete of what is referred to."""
    if proposal.after is None:
        _check_unreferenced(context, proposal)
        return ()
    missing: list[str] = []

    def look(text: str) -> None:
        reference = references.parse(text)
        own = reference.kind == "local" or (
            reference.kind == "absolute" and reference.base == context.core.settings.fhir_base
        )
        if own and not _exists(context, reference.type_name, reference.resource_id):
            missing.append(reference.type_name)

    references.visit(proposal.after, look)
    if missing:
        raise Unprocessable(
            f"a reference to {missing[0]} names a resource that does not exist here; create it first",
            expression=(proposal.draft.type_name,),
            code="not-found",
        )
    return ()


def second_opinion(context: Context, proposal: Proposal) -> Sequence[Draft]:
    """Ask the models of fhir.resources as well; only for single writes, since they are slow."""
    from fhir_server.validation.second_opinion import second_opinion as judge

    in_bundle = context.entry is not None or proposal.draft.entry is not None
    if proposal.after is not None and not in_bundle and context.unit is None:
        issues = judge(proposal.after)
        if issues:
            raise BadRequest(issues=issues)
    return ()


def _exists(context: Context, type_name: str, resource_id: str) -> bool:
    number = context.core.definitions.resource_types.get(type_name)
    if number is None or type_name not in context.core.enabled:
        return False
    key = (type_name, resource_id)
    if key in context.appearing or key in context.vanishing:
        return key in context.appearing
    visible = context.visible("read", type_name)
    stored = reading.read_current(context.rows, number, resource_id, tenant=context.tenant, visible=visible)
    return stored is not None and not stored.deleted


def _check_unreferenced(context: Context, proposal: Proposal) -> None:
    definitions = context.core.definitions
    number = definitions.resource_types[proposal.draft.type_name]
    parameters = [
        p for of_type in definitions.search_parameters.values() for p in of_type.values() if p.kind == "reference"
    ]
    context.core.searching.readiness.check_all(parameters)
    # What this unit of work changes or deletes as well refers by its new content, which is judged by itself.
    changing = context.appearing | context.vanishing
    found = referrers.referrers(
        context.rows,
        number,
        proposal.resource_id,
        parameters=[p.number for p in parameters],
        tenant=context.tenant,
        limit=len(changing) + 1,
    )
    if any((context.core.type_names[type_number], resource_id) not in changing for type_number, resource_id in found):
        raise Conflict("other resources refer to this one; change or delete them first")
