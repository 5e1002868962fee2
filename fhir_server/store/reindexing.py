"""Index rows that are made anew while others write: which of them still fit.

The rule: rows are replaced inside the write order, and only those of a version that is current there; a newer version
has brought rows of its own, a deleted one has none.
"""

from collections.abc import Sequence

from sqlalchemy import Select, bindparam, select

from fhir_server.store.statements import Rows, is_one_of
from fhir_server.store.tables import RESOURCE
from fhir_server.store.unit_of_work import Reindexed


def still_current(entered: Rows, every: Sequence[Reindexed], *, tenant: int) -> list[Reindexed]:
    """Those whose version is current, as a unit of work sees it that has entered the write order."""
    sql = entered.cached_sql("still_current", _current)
    found = set(entered.rows(sql, {"tenant": tenant, "pks": [r.pk for r in every]}))
    last = {r.pk: r for r in every}
    return [r for r in last.values() if (r.pk, r.updated) in found]


def _current() -> Select[int, int]:
    return select(RESOURCE.c.pk, RESOURCE.c.updated).where(
        is_one_of(RESOURCE.c.pk, "pks"), RESOURCE.c.tenant == bindparam("tenant"), RESOURCE.c.deleted.is_(False)
    )
