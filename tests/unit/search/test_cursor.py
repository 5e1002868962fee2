"""Page links that cannot be made up, changed or borrowed."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fhir_server.errors import BadRequest
from fhir_server.search import cursor

KEY = b"a key that workers share"
POSITIONS = st.lists(st.none() | st.integers(-(2**63), 2**63 - 1) | st.text(max_size=50), max_size=5)


@given(POSITIONS, st.text())
def test_a_position_comes_back(position: list[str | int | None], binding: str) -> None:
    text = cursor.sealed(position, key=KEY, binding=binding)
    assert cursor.opened(text, key=KEY, binding=binding) == position
    assert text.replace("-", "").replace("_", "").isalnum()


@given(POSITIONS, st.integers(min_value=0), st.integers(1, 255))
def test_a_changed_one_is_refused(position: list[str | int | None], at: int, change: int) -> None:
    text = cursor.sealed(position, key=KEY, binding="me")
    changed = bytearray(text.encode())
    changed[at % len(changed)] ^= change
    try:
        found = cursor.opened(changed.decode("latin-1"), key=KEY, binding="me")
    except BadRequest:
        return
    assert found == position  # bits of the last character that mean nothing


@pytest.mark.parametrize("text", ["", "a", "x" * 100, "é", "=", "x" * 20_000, "....", "\0"])
def test_anything_else_is_refused(text: str) -> None:
    with pytest.raises(BadRequest):
        cursor.opened(text, key=KEY, binding="me")


def test_another_callers_or_searchs_or_servers_is_refused() -> None:
    text = cursor.sealed([1, 2], key=KEY, binding="me|Task?status=draft")
    for key, binding in ((KEY, "you|Task?status=draft"), (KEY, "me|Task"), (b"other", "me|Task?status=draft")):
        with pytest.raises(BadRequest):
            cursor.opened(text, key=key, binding=binding)
