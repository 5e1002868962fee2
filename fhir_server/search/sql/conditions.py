"""Conditions to SQL: each one a probe into the index rows of a resource, or a comparison with its own columns.

Names of parameters are made from the place of a condition, a form and a value, the same way here and in `operands`, so
that a statement compiled for one search runs for all of its shape.
"""

from collections.abc import Iterator, Sequence
from typing import Any

from sqlalchemy import (
    BindParameter,
    ColumnElement,
    CompoundSelect,
    FromClause,
    Integer,
    Select,
    Text,
    and_,
    bindparam,
    cast,
    false,
    literal_column,
    not_,
    or_,
    select,
    true,
    union_all,
)

from fhir_server.search.kinds import KINDS
from fhir_server.search.kinds.date import within_span
from fhir_server.search.kinds.kind import Form, text
from fhir_server.search.plan import Condition, ConditionShape, Linked, Node
from fhir_server.search.values import CONTINUED, DATE_NUMBERS, SPANS
from fhir_server.store.statements import is_one_of
from fhir_server.store.tables import INDEX_DATE

FEW = 8
"""Up to so many values are parameters of their own; more become one list."""
_BETWEEN = "\x1f"  # what no FHIR string holds
_NOTHING = Form(0, lambda _row, _operands: false())


def operands(conditions: Sequence[Node]) -> dict[str, Any]:
    """The values of a search's parameters, by name."""
    found: dict[str, Any] = {}
    for at, node in enumerate(conditions):
        for place, condition in leaves(node, f"c{at}"):
            found.update(_operands(condition, place))
    return found


def leaves(node: Node, place: str) -> Iterator[tuple[str, Condition]]:
    """The conditions in a node, each with its place."""
    if isinstance(node, Condition):
        yield place, node
    elif isinstance(node, Linked):
        yield from leaves(node.tail, f"{place}_t")
    else:
        for at, option in enumerate(node.options):
            yield from leaves(option, f"{place}_o{at}")


def _operands(condition: Condition, place: str) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for at, (name, rows) in enumerate(condition.by_form.items()):
        if _is_list(form_of(condition.kind, name), len(rows)):
            found[f"{place}_{at}"] = [row[0] for row in rows]
            found[f"{place}_{at}_whole"] = [_BETWEEN.join(map(str, row)) for row in rows]
            continue
        for one, row in enumerate(rows):
            found.update((_name(place, at, one, operand), value) for operand, value in enumerate(row))
    if condition.work is not None:
        found.update((f"{place}_w{at}", value) for at, value in enumerate(condition.work.values))
    return found


def form_of(kind: str, name: str) -> Form:
    """A form of a kind by its name; "nothing" is one of every kind."""
    return KINDS[kind].forms.get(name, _NOTHING)


def leaf(shape: ConditionShape, place: str, by: FromClause, resource: FromClause) -> ColumnElement[bool]:
    """The condition on a resource; `by` is the table that drives, with its `pk` and `updated`."""
    kind = KINDS[shape.kind]
    if kind.table is None:
        return _on_resource(shape, place, by if shape.kind == "updated" else resource)
    row = kind.table.alias(f"row_{place}")
    probe = select(number(1)).select_from(row).where(row.c.pk == by.c.pk, is_about(shape, row))
    if shape.sense in {"match", "not"}:
        probe = probe.where(matches(shape, place, row))
    return probe.exists() if shape.sense in {"match", "present"} else not_(probe.exists())


def is_about(shape: ConditionShape, row: FromClause) -> ColumnElement[bool]:
    """Whether an index row is one of the condition's parameters; inside of texts, also one of their further pieces."""
    numbers = numbers_of(shape.kind, shape.numbers)
    if any(form == "contains" for form, _ in shape.counts):
        numbers += [number + CONTINUED for number in numbers]
    return is_of(row.c.param, numbers)


def numbers_of(kind: str, numbers: Sequence[int]) -> list[int]:
    """The numbers of the rows of parameters of a kind: dates have several each, by the length of their stretches."""
    if KINDS[kind].table is not INDEX_DATE:
        return list(numbers)
    return [number + at for number in numbers for at in range(DATE_NUMBERS)]


def index_rows(shape: ConditionShape, place: str) -> Select[Any] | CompoundSelect[Any]:
    """The `pk` of the index rows that a condition finds, each as often as it has such a row.

    Dates are looked for by the length of their stretches, each in a stretch of the index.
    """
    kind = KINDS[shape.kind]
    assert kind.table is not None
    if kind.table is not INDEX_DATE or len(shape.counts) != 1 or shape.counts[0][1] != 1:
        row = kind.table.alias(f"row_{place}")
        return select(row.c.pk).where(
            row.c.tenant == bindparam("tenant"), is_about(shape, row), matches(shape, place, row)
        )
    parts = []
    for at, span in enumerate((*SPANS, None)):
        row = kind.table.alias(f"row_{place}_{at}")
        operands = _binds(shape, place, (0, 0))
        about = (row.c.tenant == bindparam("tenant"), is_of(row.c.param, [n + at for n in shape.numbers]))
        bounds = within_span(shape.counts[0][0], row, operands, span)
        parts.append(select(row.c.pk).where(*about, *bounds, one_match(shape, place, (0, 0), row)))
    return union_all(*parts)


def is_of(column: ColumnElement[int], numbers: Sequence[int]) -> ColumnElement[bool]:
    """Whether a column has one of the numbers, which are written into the statement."""
    if len(numbers) == 1:
        return column == number(numbers[0])
    return column.in_([number(n) for n in numbers])


def _on_resource(shape: ConditionShape, place: str, row: FromClause) -> ColumnElement[bool]:
    if shape.sense in {"present", "absent"}:
        return true() if shape.sense == "present" else false()
    found = matches(shape, place, row)
    return found if shape.sense == "match" else not_(found)


def on_work(shape: ConditionShape, place: str, work: FromClause) -> ColumnElement[bool]:
    """The condition as one on the columns of a work row."""
    assert shape.work is not None
    column, count, is_not = shape.work
    values = [work_value(place, at) for at in range(count)]
    found = work.c[column] == values[0] if count == 1 else work.c[column].in_(values)
    return not_(found) if is_not else found


def work_value(place: str, at: int) -> ColumnElement[Any]:
    """One of the values of a condition on a work row."""
    return bindparam(f"{place}_w{at}", type_=Text)


def matches(shape: ConditionShape, place: str, row: FromClause) -> ColumnElement[bool]:
    """Whether one row is what any of the alternatives asks for."""
    clauses: list[ColumnElement[bool]] = []
    for at, (name, count) in enumerate(shape.counts):
        form = form_of(shape.kind, name)
        if _is_list(form, count):
            clauses.append(_in_list(form, f"{place}_{at}", row))
        else:
            clauses += [one_match(shape, place, (at, one), row) for one in range(count)]
    return or_(*clauses)


def one_match(shape: ConditionShape, place: str, which: tuple[int, int], row: FromClause) -> ColumnElement[bool]:
    """Whether one row is what one of the alternatives asks for: the place of its form, and its own in that."""
    return form_of(shape.kind, shape.counts[which[0]][0]).clause(row, _binds(shape, place, which))


def _binds(shape: ConditionShape, place: str, which: tuple[int, int]) -> list[BindParameter[Any]]:
    at, one = which
    arity = form_of(shape.kind, shape.counts[at][0]).arity
    return [bindparam(_name(place, at, one, operand)) for operand in range(arity)]


def _in_list(form: Form, name: str, row: FromClause) -> ColumnElement[bool]:
    """Whether a row is among many: by its first column, which an index knows, and by all of them joined."""
    first, *others = (row.c[column] for column in form.columns)
    listed: list[ColumnElement[bool]] = [is_one_of(first, name)]
    if others:
        whole: ColumnElement[str] = first
        for column in others:
            whole = whole + text(_BETWEEN) + cast(column, Text)
        listed.append(is_one_of(whole, f"{name}_whole"))
    return and_(*listed, *(row.c[column] == text(value) for column, value in form.fixed.items()))


def number(value: int) -> ColumnElement[int]:
    """A number written into the statement, where the database's planner can see it."""
    return literal_column(str(value), Integer)


def _is_list(form: Form, count: int) -> bool:
    return count > FEW and bool(form.columns)


def _name(place: str, at: int, one: int, operand: int) -> str:
    return f"{place}_{at}_{one}_{operand}"
