"""What refers to a resource: https://hl7.org/fhir/R4/http.html#integrity .

Integrity is the system's own affair, so all rows count, seen by the caller or not; no answer may name any of them.
"""

from collections.abc import Sequence

from sqlalchemy import Select, and_, bindparam, select

from fhir_server.store.statements import Rows, is_one_of
from fhir_server.store.tables import INDEX_REFERENCE, RESOURCE


def referrers(
    rows: Rows, type_number: int, resource_id: str, *, parameters: Sequence[int], tenant: int, limit: int
) -> list[tuple[int, str]]:
    """Type number and id of other live resources that refer to it by one of the search parameters, `limit` at most."""
    sql = rows.cached_sql("referrers", _referrers)
    asked = {
        "tenant": tenant, "type_number": type_number, "resource_id": resource_id, "parameters": list(parameters),
        "most": limit,
    }  # fmt: skip
    return [(row[0], row[1]) for row in rows.rows(sql, asked)]


def _referrers() -> Select[int, str]:
    resource, index = RESOURCE.alias("resource"), INDEX_REFERENCE.alias("index")
    own = and_(resource.c.type == bindparam("type_number"), resource.c.resource_id == bindparam("resource_id"))
    return (
        select(resource.c.type, resource.c.resource_id)
        .distinct()
        .join_from(index, resource, resource.c.pk == index.c.pk)
        .where(
            index.c.tenant == bindparam("tenant"),
            is_one_of(index.c.param, "parameters"),
            index.c.target_id == bindparam("resource_id"),
            index.c.target_type == bindparam("type_number"),
            index.c.target_base == "",
            ~own,
        )
        .limit(bindparam("most"))
    )
