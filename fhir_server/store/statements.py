"""Statements: SQLAlchemy Core compiled once to the text and parameter order that the driver takes.

Values go to the driver as they are (int, str, bool, None; lists with `is_one_of`): no bind or result processing of
SQLAlchemy runs, so a statement must not rely on types that need any.
"""

from collections.abc import Callable, Hashable, Mapping
from dataclasses import dataclass
from typing import Any, Literal, Protocol

from sqlalchemy import BindParameter, ClauseElement, ColumnElement, Text, TextClause, any_, bindparam, func, select
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.dialects.postgresql.asyncpg import PGDialect_asyncpg
from sqlalchemy.dialects.sqlite import dialect as sqlite_dialect
from sqlalchemy.engine import Dialect as SqlalchemyDialect
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.types import BigInteger, Boolean, String, TypeEngine

Dialect = Literal["sqlite", "postgresql"]


@dataclass(frozen=True, slots=True, eq=False)
class Sql:
    """A compiled statement: `names` in the order of $1, $2 (PostgreSQL); `defaults` hold values known when compiled.

    `lists` names the parameters that take a list; `writes` is true of INSERT, UPDATE and DELETE.
    """

    text: str
    names: tuple[str, ...]
    defaults: Mapping[str, Any]
    lists: tuple[str, ...]
    writes: bool


class Rows(Protocol):
    """Anything one can read through: a database (each statement by itself), a snapshot, or a unit of work."""

    @property
    def dialect(self) -> Dialect:
        """Which SQL it speaks."""
        ...

    def sql(self, statement: ClauseElement) -> Sql:
        """Compile a statement; slow (0.2 to 2 ms), so keep the result or use `cached_sql`."""
        ...

    def cached_sql(self, key: Hashable, build: Callable[[], ClauseElement]) -> Sql:
        """The compiled statement under this key, built and compiled when it is asked for first."""
        ...

    def rows(
        self, sql: Sql, parameters: Mapping[str, Any], *, within_seconds: float | None = None
    ) -> list[tuple[Any, ...]]:
        """Run a statement and return all its rows; booleans of SQLite are 0 and 1.

        `within_seconds` is a limit for this statement, where the usual one would be too long. Raises TimeLimit when
        the limit passes, Unavailable when the database is gone.
        """
        ...


class is_one_of(ColumnElement[bool]):  # noqa: N801 (reads as the function that it is)
    """`column` is among the values of one parameter, a list of any length: one statement whatever the count."""

    inherit_cache = True
    type = Boolean()

    def __init__(self, column: ColumnElement[Any], name: str) -> None:
        self.column = column
        self.name = name

    def self_group(self, against: Any = None) -> ColumnElement[Any]:
        """A condition as it is: SQLite could not use an index for `... = 1`."""
        return self

    @property
    def element_type(self) -> TypeEngine[Any]:
        """What the list holds: text, or integers."""
        return Text() if isinstance(self.column.type, String) else BigInteger()


@compiles(is_one_of, "postgresql")
def _any_of_array(element: is_one_of, compiler: SQLCompiler, **options: Any) -> str:
    return compiler.process(element.column == any_(_list_of(element)), **options)


@compiles(is_one_of, "sqlite")
def _in_json(element: is_one_of, compiler: SQLCompiler, **options: Any) -> str:
    values = func.json_each(_list_of(element)).table_valued("value")
    return compiler.process(element.column.in_(select(values.c.value)), **options)


def _list_of(element: is_one_of) -> BindParameter[Any]:
    return bindparam(element.name, type_=ARRAY(element.element_type))


_DIALECTS: dict[Dialect, SqlalchemyDialect] = {
    "sqlite": sqlite_dialect(paramstyle="named"),
    # Of the dialects for PostgreSQL, the one whose compiler writes $1 and casts parameters; its driver is not used.
    "postgresql": PGDialect_asyncpg(paramstyle="numeric_dollar"),  # type: ignore[no-untyped-call]
}


def compiled(dialect: Dialect, statement: ClauseElement) -> Sql:
    """Compile a Core statement for a dialect."""
    result = statement.compile(dialect=_DIALECTS[dialect])
    assert isinstance(result, SQLCompiler)
    required = {name: None for name, parameter in result.binds.items() if parameter.required}
    # Lists of values given to `in_` are written out one by one.
    expanded = result.construct_expanded_state(required)
    defaults = {name: value for name, value in expanded.parameters.items() if name not in required}
    lists = tuple(name for name, parameter in result.binds.items() if isinstance(parameter.type, ARRAY))
    return Sql(expanded.statement, tuple(expanded.positiontup or ()), defaults, lists, _writes(statement))


def _writes(statement: ClauseElement) -> bool:
    if isinstance(statement, TextClause):
        return not statement.text.lstrip().upper().startswith("SELECT")
    return statement.is_dml


class StatementCache:
    """Compiled statements by key, for one database; when full, by number or by length, it forgets the oldest tenth."""

    __slots__ = ("_characters", "_limit", "_most_characters", "_statements", "dialect")

    def __init__(self, dialect: Dialect, limit: int = 2_000, most_characters: int = 20_000_000) -> None:
        self.dialect: Dialect = dialect
        self._limit = limit
        self._most_characters = most_characters
        self._characters = 0
        self._statements: dict[Hashable, Sql] = {}

    def get(self, key: Hashable, build: Callable[[], ClauseElement]) -> Sql:
        """The statement under the key; threads may compile the same one twice, which harms nobody."""
        found = self._statements.get(key)
        if found is None:
            found = compiled(self.dialect, build())
            if len(self._statements) >= self._limit or self._characters > self._most_characters:
                self._forget()
            self._statements[key] = found
            self._characters += len(found.text)
        return found

    def _forget(self) -> None:
        known = list(self._statements)
        for old in known[: len(known) // 10 + 1]:
            self._statements.pop(old, None)
        self._characters = sum(len(sql.text) for sql in list(self._statements.values()))


class Compiling:
    """The compiling half of `Rows`; a database adds how to run."""

    __slots__ = ("_statements",)

    def __init__(self, statements: StatementCache) -> None:
        self._statements = statements

    @property
    def dialect(self) -> Dialect:
        """See `Rows.dialect`."""
        return self._statements.dialect

    def sql(self, statement: ClauseElement) -> Sql:
        """See `Rows.sql`."""
        return compiled(self.dialect, statement)

    def cached_sql(self, key: Hashable, build: Callable[[], ClauseElement]) -> Sql:
        """See `Rows.cached_sql`."""
        return self._statements.get(key, build)
