"""Index values are bounded, and stay apart though they are cut."""

from hypothesis import given
from hypothesis import strategies as st

from fhir_server.store.index_rows import IndexRows, bounded, bounded_rows


@given(st.text(max_size=300))
def test_short_text_stays(text: str) -> None:
    assert bounded(text) == text or "\0" in text
    assert "\0" not in bounded(text)


@given(st.text(min_size=1, max_size=2_000), st.integers(1, 3))
def test_long_text_is_cut_and_keeps_its_beginning(text: str, times: int) -> None:
    long = text * 301 * times
    assert len(bounded(long)) < 300
    assert bounded(long)[:100] == long[:100].replace("\0", "�")
    assert bounded(long) != bounded(f"{long}x")
    assert bounded(bounded(long)) == bounded(long)


def test_rows_are_bounded_in_all_their_text() -> None:
    assert bounded_rows([(1, "a", "b")]) == [(1, "a", "b")]
    assert bounded_rows([(1, "a", "b"), (2, "x" * 500, "")]) == [(1, "a", "b"), (2, bounded("x" * 500), "")]
    assert bounded_rows(IndexRows().date) == []
