"""Statements are compiled once and keep their values apart from their text."""

import pytest
import sqlalchemy as sa

from fhir_server.store.statements import Compiling, Dialect, StatementCache, compiled, is_one_of
from fhir_server.store.tables import RESOURCE

R = RESOURCE.c
DIALECTS: tuple[Dialect, ...] = ("sqlite", "postgresql")


@pytest.mark.parametrize("dialect", DIALECTS)
def test_names_stand_for_values_given_later(dialect: Dialect) -> None:
    statement = sa.select(R.pk).where(R.type == sa.bindparam("wanted"), R.version_id > 3, R.updated < sa.bindparam("x"))
    sql = compiled(dialect, statement)
    assert sql.defaults == {"version_id_1": 3}
    assert set(sql.names) == ({"wanted", "version_id_1", "x"} if dialect == "postgresql" else set())
    assert ("$1" in sql.text) == (dialect == "postgresql")
    assert (":wanted" in sql.text) == (dialect == "sqlite")
    assert not sql.writes


def test_a_name_used_twice_is_one_parameter() -> None:
    wanted: sa.BindParameter[int] = sa.bindparam("wanted")
    sql = compiled("postgresql", sa.select(R.pk).where(sa.or_(R.type == wanted, R.version_id == wanted)))
    assert sql.names == ("wanted",)


@pytest.mark.parametrize("dialect", DIALECTS)
def test_values_of_a_list_are_written_out(dialect: Dialect) -> None:
    sql = compiled(dialect, sa.select(R.pk).where(R.method.in_(["PUT", "POST"]), R.type == sa.bindparam("wanted")))
    assert sorted(sql.defaults.values()) == ["POST", "PUT"]
    assert "POSTCOMPILE" not in sql.text


@pytest.mark.parametrize("dialect", DIALECTS)
def test_one_of_is_one_parameter_for_a_list(dialect: Dialect) -> None:
    sql = compiled(dialect, sa.select(R.pk).where(is_one_of(R.pk, "pks"), is_one_of(R.resource_id, "ids")))
    assert sorted(sql.lists) == ["ids", "pks"]
    assert "= 1" not in sql.text
    expected = {"postgresql": ["BIGINT[]", "TEXT[]"], "sqlite": ["json_each(:pks)", "json_each(:ids)"]}
    assert all(part in sql.text for part in expected[dialect])


@pytest.mark.parametrize(
    ("statement", "writes"),
    [
        (sa.insert(RESOURCE).values(pk=1), True),
        (sa.update(RESOURCE).values(pk=1), True),
        (sa.delete(RESOURCE), True),
        (sa.text("UPDATE resource SET pk = 1"), True),
        (sa.text("  select 1"), False),
        (sa.select(R.pk).union_all(sa.select(R.type)), False),
    ],
)
def test_statements_that_write_are_known(statement: sa.ClauseElement, writes: bool) -> None:
    assert [compiled(dialect, statement).writes for dialect in DIALECTS] == [writes, writes]


def test_the_cache_compiles_once_and_stays_small() -> None:
    built: list[int] = []

    def build(number: int) -> sa.Select[tuple[int]]:
        built.append(number)
        return sa.select(R.pk).where(R.pk == number)

    reading = Compiling(StatementCache("sqlite", limit=10))
    for number in range(10):
        assert reading.cached_sql(number, lambda n=number: build(n)) is reading.cached_sql(number, lambda: build(-1))
    assert built == list(range(10))
    reading.cached_sql(10, lambda: build(10))
    reading.cached_sql(9, lambda: build(-1))
    reading.cached_sql(0, lambda: build(100))
    assert built[-2:] == [10, 100]


def test_long_statements_are_forgotten_sooner() -> None:
    built: list[int] = []

    def build(length: int) -> sa.TextClause:
        built.append(length)
        return sa.text("SELECT " + "1" * length)

    reading = Compiling(StatementCache("sqlite", most_characters=10_000))
    for length in range(1_000, 1_030):
        reading.cached_sql(length, lambda n=length: build(n))
    reading.cached_sql(1_029, lambda: build(-1))
    assert len(built) == 30
    reading.cached_sql(1_000, lambda: build(0))
    assert built[-1] == 0
