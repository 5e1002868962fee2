"""The searches as SQL by hand: the best that we know for each, on the tables as they are.

They select what the searches of `benchmarks.shapes` select, in that order (tests compare the ids), and trust that
nothing is deleted. Columns: id, version and body, then those of what is included, or the total. Values are `:name`.
"""

import re
from dataclasses import dataclass

from fhir_server.definitions.registry import parameter_number

_LIMIT = 21
_FOUND = "r.resource_id, CAST(r.version_id AS TEXT), r.body"
NUMBERS = frozenset({"updated", "pk", "low", "high"})
_NEWEST = f"ORDER BY w.updated DESC, w.pk DESC LIMIT {_LIMIT}"
_WALK = "FROM work_item w JOIN resource r ON r.pk = w.pk WHERE w.tenant = 1 AND w.type = {Task}"
_OWNED = "w.tenant = 1 AND w.type = {Task} AND w.owner = 'Organization/' || :owner"
# The work row has an owner's Tasks in the order of time for each status only; the index row has them all.
_OWNED_IN_ORDER = (
    "FROM index_reference w JOIN resource r ON r.pk = w.pk WHERE w.tenant = 1 AND w.param = {Task.owner} "
    "AND w.target_id = :owner AND w.target_type = {Organization} AND w.target_base = ''"
)


@dataclass(frozen=True, slots=True)
class Statement:
    """SQL and what it returns: columns of included resources come in threes after the first three."""

    text: str
    type_name: str = "Task"
    included: tuple[str, ...] = ()
    has_total: bool = False


def _ordered_by_key(inner: str) -> str:
    """The bodies of a page whose keys are chosen and ordered by `inner`, as (pk, updated)."""
    return (
        f"SELECT {_FOUND} FROM (SELECT pk, updated FROM ({inner}) k ORDER BY updated DESC, pk DESC LIMIT {_LIMIT}) w "
        "JOIN resource r ON r.pk = w.pk ORDER BY w.updated DESC, w.pk DESC"
    )


_WORKLIST = (
    f"SELECT w.pk, w.updated, w.focus, w.patient FROM work_item w WHERE {_OWNED} AND w.status = :status {_NEWEST}"
)
_STATEMENTS = {
    "worklist": Statement(
        f"SELECT {_FOUND} {_WALK} AND w.owner = 'Organization/' || :owner AND w.status = :status {_NEWEST}"
    ),
    "patient": Statement(f"SELECT {_FOUND} {_WALK} AND w.patient = 'Patient/' || :patient {_NEWEST}"),
    "chain-identifier": Statement(
        _ordered_by_key(
            "SELECT s.pk, s.updated FROM index_token t JOIN resource p ON p.pk = t.pk "
            "JOIN work_item s ON s.tenant = 1 AND s.type = {ServiceRequest} "
            "AND s.patient = 'Patient/' || p.resource_id WHERE t.tenant = 1 AND t.param = {Patient.identifier} "
            "AND t.code = :code AND t.system = :system"
        ),
        "ServiceRequest",
    ),
    "chain-category": Statement(
        f"SELECT {_FOUND} {_OWNED_IN_ORDER} AND EXISTS (SELECT 1 FROM work_item x "
        "JOIN resource s ON s.tenant = 1 AND s.type = {ServiceRequest} AND s.resource_id = substr(x.focus, 16) "
        "JOIN index_token t ON t.pk = s.pk AND t.param = {ServiceRequest.category} AND t.code = :code "
        f"AND t.system = :system WHERE x.pk = w.pk) {_NEWEST}"
    ),
    "include": Statement(
        f"SELECT {_FOUND}, f.resource_id, CAST(f.version_id AS TEXT), f.body, p.resource_id, "
        f"CAST(p.version_id AS TEXT), p.body FROM ({_WORKLIST}) w JOIN resource r ON r.pk = w.pk "
        "JOIN resource f ON f.tenant = 1 AND f.type = {ServiceRequest} AND f.resource_id = substr(w.focus, 16) "
        "JOIN resource p ON p.tenant = 1 AND p.type = {Patient} AND p.resource_id = substr(w.patient, 9) "
        "ORDER BY w.updated DESC, w.pk DESC",
        included=("ServiceRequest", "Patient"),
    ),
    "has": Statement(
        _ordered_by_key(
            f"SELECT p.pk, p.updated FROM (SELECT DISTINCT w.patient FROM work_item w WHERE {_OWNED}) d "
            "JOIN resource p ON p.tenant = 1 AND p.type = {Patient} AND p.resource_id = substr(d.patient, 9)"
        ),
        "Patient",
    ),
    "string": Statement(
        _ordered_by_key(
            "SELECT DISTINCT s.pk, s.updated FROM index_string s WHERE s.tenant = 1 AND s.param = {Patient.name} "
            "AND s.folded >= :prefix AND s.folded < :beyond"
        ),
        "Patient",
    ),
    "dates": Statement(
        _ordered_by_key(
            "SELECT DISTINCT d.pk, d.updated FROM index_date d WHERE d.tenant = 1 AND d.param = {Task.authored-on} "
            "AND d.low >= :low AND d.low < :high"
        )
    ),
    "deep-page": Statement(
        f"SELECT {_FOUND} {_OWNED_IN_ORDER} AND w.updated <= :updated AND (w.updated, w.pk) < (:updated, :pk) {_NEWEST}"
    ),
    "total": Statement(
        f"SELECT {_FOUND}, CAST((SELECT count(*) FROM work_item w WHERE {_OWNED} AND w.status = :status) AS TEXT) "
        f"{_WALK} AND w.owner = 'Organization/' || :owner AND w.status = :status {_NEWEST}",
        has_total=True,
    ),
}


def statements() -> dict[str, Statement]:
    """All statements by the name of their shape, with the numbers of types and parameters written in."""
    from fhir_server.definitions import load

    types = load().resource_types

    def number(found: re.Match[str]) -> str:
        type_name, _, code = found[1].partition(".")
        return str(parameter_number(type_name, code) if code else types[type_name])

    return {
        name: Statement(re.sub(r"\{([\w.-]+)\}", number, s.text), s.type_name, s.included, s.has_total)
        for name, s in _STATEMENTS.items()
    }


def numbered(text: str) -> tuple[str, list[str]]:
    """The statement as PostgreSQL takes it, $1 and so on with their types, and the names of the values in order."""
    names: list[str] = []

    def placed(found: re.Match[str]) -> str:
        name = found[1]
        if name not in names:
            names.append(name)
        return f"${names.index(name) + 1}::{'BIGINT' if name in NUMBERS else 'TEXT'}"

    return re.sub(r"(?<!:):([a-z]+)", placed, text), names
