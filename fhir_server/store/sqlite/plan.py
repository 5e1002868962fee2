"""Plans of SQLite: https://www.sqlite.org/eqp.html

Values are bound like those of the statement itself, and never written into its text.
"""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from fhir_server.store.statements import Sql

Run = Callable[[Sql, Mapping[str, Any]], list[tuple[Any, ...]]]


def plan(run: Run, sql: Sql, parameters: Mapping[str, Any]) -> list[str]:
    """The steps, each indented below the one that it belongs to."""
    return _indented(run(replace(sql, text=f"EXPLAIN QUERY PLAN {sql.text}"), parameters))


def measure(run: Run, sql: Sql, parameters: Mapping[str, Any]) -> list[str]:
    """The steps, and how many rows the statement found in which time."""
    lines = plan(run, sql, parameters)
    began = time.perf_counter()
    found = len(run(sql, parameters))
    milliseconds = (time.perf_counter() - began) * 1_000
    return [*lines, f"rows: {found}", f"time: {milliseconds:.3f} ms"]


def _indented(steps: Sequence[tuple[Any, ...]]) -> list[str]:
    depths = {0: -1}
    for number, parent, *_ in steps:
        depths[number] = depths.get(parent, -1) + 1
    return [f"{'  ' * depths[number]}{detail}" for number, _, _, detail in steps]
