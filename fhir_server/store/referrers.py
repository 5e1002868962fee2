"""Whether anything refers to a resource: https://hl7.org/fhir/R4/http.html#integrity .

Integrity is the system's own affair, so all rows count, seen by the caller or not; the answer names none of them.
"""

from collections.abc import Sequence

from sqlalchemy import Select, and_, bindparam, literal, select

from fhir_server.store.statements import Rows, is_one_of
from fhir_server.store.tables import INDEX_REFERENCE, RESOURCE


def is_referenced(rows: Rows, type_number: int, resource_id: str, *, parameters: Sequence[int], tenant: int) -> bool:
    """Whether another live resource of this server refers to it by one of the search parameters."""
    sql = rows.cached_sql("is_referenced", _referrer)
    asked = {
        "tenant": tenant, "type_number": type_number, "resource_id": resource_id, "parameters": list(parameters),
    }  # fmt: skip
    return bool(rows.rows(sql, asked))


def _referrer() -> Select[int]:
    resource, index = RESOURCE.alias("resource"), INDEX_REFERENCE.alias("index")
    own = and_(resource.c.type == bindparam("type_number"), resource.c.resource_id == bindparam("resource_id"))
    return (
        select(literal(1))
        .join_from(index, resource, resource.c.pk == index.c.pk)
        .where(
            index.c.tenant == bindparam("tenant"),
            is_one_of(index.c.param, "parameters"),
            index.c.target_id == bindparam("resource_id"),
            index.c.target_type == bindparam("type_number"),
            index.c.target_base == "",
            ~own,
        )
        .limit(1)
    )
