"""Values reach PostgreSQL as they are."""

from typing import Any

import psycopg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from psycopg.pq import Format

from fhir_server.store.postgresql.values import encoded, plain_array, text_array

TEXT = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"))


@pytest.fixture(scope="module")
def connection(postgresql_url: str) -> Any:
    with psycopg.connect(postgresql_url.replace("postgresql+psycopg:", "postgresql:"), autocommit=True) as opened:
        yield opened


def returned(connection: Any, kind: str, value: tuple[bytes | None, int]) -> Any:
    result = connection.pgconn.exec_params(
        f"SELECT to_json($1::{kind})::text".encode(), [value[0]], None, [value[1]], Format.TEXT
    )
    text = result.get_value(0, 0)
    return None if text is None else connection.execute("SELECT %s::json", [text.decode()]).fetchone()[0]


@given(TEXT)
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_text(connection: Any, text: str) -> None:
    assert returned(connection, "text", encoded(text)) == text


@given(st.lists(st.none() | TEXT, max_size=5))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_arrays_of_text(connection: Any, texts: list[str | None]) -> None:
    assert returned(connection, "text[]", text_array(texts)) == texts


@given(st.lists(st.none() | st.integers(-(2**63), 2**63 - 1), max_size=5))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_arrays_of_numbers(connection: Any, numbers: list[int | None]) -> None:
    assert returned(connection, "bigint[]", plain_array(numbers)) == numbers


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        ("bigint", 2**63 - 1),
        ("integer", -1),
        ("boolean", True),
        ("boolean", False),
        ("text", None),
        ("bigint", None),
        ("text[]", ["a", 'b"{},\\']),
        ("bigint[]", [1, 2]),
        ("bigint[]", []),
        ("text[]", []),
    ],
)
def test_single_values(connection: Any, kind: str, value: Any) -> None:
    assert returned(connection, kind, encoded(value)) == value


def test_what_postgresql_cannot_hold_is_replaced() -> None:
    assert encoded("a\0b") == ("a�b".encode(), Format.BINARY)
    assert plain_array([True, False, None])[0] == b"{True,False,NULL}"
