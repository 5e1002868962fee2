"""Plans of PostgreSQL: https://www.postgresql.org/docs/current/sql-explain.html

Values travel as parameters of EXPLAIN, so that the planner sees them and none is written into the text. A server that
runs a statement often may come to a plan for any values instead, when that is estimated to cost no more.
"""

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from fhir_server.store.statements import Sql

Run = Callable[[Sql, Mapping[str, Any]], list[tuple[Any, ...]]]


def plan(run: Run, sql: Sql, parameters: Mapping[str, Any]) -> list[str]:
    """The plan for these values, and the settings of the session that bear on it."""
    return _explained(run, "EXPLAIN (SETTINGS)", sql, parameters)


def measure(run: Run, sql: Sql, parameters: Mapping[str, Any]) -> list[str]:
    """The plan with what each step took, after running it."""
    return _explained(run, "EXPLAIN (ANALYZE, BUFFERS, SETTINGS)", sql, parameters)


def _explained(run: Run, how: str, sql: Sql, parameters: Mapping[str, Any]) -> list[str]:
    return [line for (line,) in run(replace(sql, text=f"{how} {sql.text}"), parameters)]
