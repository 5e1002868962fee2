"""Conditions said of work rows: the typed columns that hold the one value of a parameter.

Which parameter fills which column is in profiles/server/work-rows.json; only columns of single values can stand for
their parameter.
"""

from collections.abc import Sequence

from fhir_server.definitions import Definitions, SearchParameter
from fhir_server.search.plan import Condition, Operand, WorkMatch
from fhir_server.store.index_rows import bounded

MAX_VALUES = 20


def work_match(
    condition: Condition, parameters: Sequence[SearchParameter], definitions: Definitions
) -> WorkMatch | None:
    """The condition as one on a work row of the parameter's type; None when it cannot be said so."""
    column = _column(parameters, definitions)
    if column is None or condition.numbers != (parameters[0].number,) or condition.sense not in {"match", "not"}:
        return None
    values: list[str] = []
    for alternative in condition.alternatives:
        found = _texts(condition.kind, alternative.form, alternative.operands, parameters[0], definitions)
        if not found:
            return None
        values += found
    unique = tuple(dict.fromkeys(values))
    return WorkMatch(column, unique, is_not=condition.sense == "not") if len(unique) <= MAX_VALUES else None


def _column(parameters: Sequence[SearchParameter], definitions: Definitions) -> str | None:
    row = definitions.work_rows.get(parameters[0].type_name) if len(parameters) == 1 else None
    if row is None:
        return None
    return next((c for c in row.exact if row.columns[c] == parameters[0].code), None)


def _texts(
    kind: str, form: str, operands: Sequence[Operand], parameter: SearchParameter, definitions: Definitions
) -> list[str]:
    """How the column reads when the alternative holds; none when no column could tell."""
    if kind == "token" and form == "code":
        return [str(operands[0])] if operands[0] else []
    if kind != "reference":
        return []
    if form == "type and id":
        return [bounded(f"{definitions.type_names[int(operands[1])]}/{operands[0]}")]
    if form == "id":
        return [bounded(f"{name}/{operands[0]}") for name in parameter.targets]
    return []
