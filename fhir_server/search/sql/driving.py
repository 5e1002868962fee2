"""A join whose left side drives: SQLite keeps its order; PostgreSQL's planner knows better, and decides.

https://www.sqlite.org/optoverview.html#manual_control_of_query_plans_using_cross_join  Without statistics SQLite would
rather walk a whole type in the order of the page than start at the few rows that were found.
"""

from typing import Any

from sqlalchemy import ColumnElement, FromClause, Join
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler


class Driving(Join):
    """A join that begins at its left side."""

    inherit_cache = True


def drives(left: FromClause, right: FromClause, on: ColumnElement[bool]) -> Driving:
    """The rows of `right` that belong to those of `left`, looked up from the left."""
    return Driving(left, right, on)


@compiles(Driving, "sqlite")
def _crossed(element: Driving, compiler: SQLCompiler, **options: Any) -> str:
    given = {name: value for name, value in options.items() if name not in {"asfrom", "from_linter"}}
    left, right = (compiler.process(side, asfrom=True, **given) for side in (element.left, element.right))
    assert element.onclause is not None
    return f"{left} CROSS JOIN {right} ON {compiler.process(element.onclause, **given)}"
