"""Audit records as interactions write them: one value per request, bundle entry or import unit.

https://hl7.org/fhir/R4/security.html#audit  A change's record is a row of its own transaction (`leave`); a read's or
refusal's goes to the journal, by the edge, before the answer does.
"""

from collections.abc import Sequence

from fhir_server.audit.record import AuditRecord
from fhir_server.audit.tables import AUDIT_EVENT
from fhir_server.interactions.context import Context
from fhir_server.store.database import UnitOfWork


def record(  # noqa: PLR0913 (a record has these parts)
    context: Context,
    interaction: str,
    status: int,
    *,
    type_name: str = "",
    resource_id: str = "",
    version_id: int | None = None,
    entry: int | None = None,
    reason: str = "",
    resources: Sequence[str] = (),
) -> AuditRecord:
    """The record of what just happened in this context."""
    principal = context.principal
    return AuditRecord(
        tenant=principal.tenant,
        recorded=context.core.now(),
        request_id=context.request_id,
        entry=entry,
        interaction=interaction,
        status=status,
        principal=principal.identifier,
        organization=principal.organization,
        type_name=type_name,
        resource_id=resource_id,
        version_id=version_id,
        query=context.query,
        reason=reason,
        resources=tuple(resources),
    )


def leave(uow: UnitOfWork, audit_record: AuditRecord) -> None:
    """Make the record part of the unit of work."""
    uow.insert(AUDIT_EVENT, audit_record.row())
