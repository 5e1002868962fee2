"""Folded text: what strings are compared by."""

import time
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fhir_server.search.values import fold, windows

_MARKED = "".join(map(chr, [0x301, 0x323, 0x344, 0xF73, 0x1161, 0xAC00, 0xFDFA, 0x130, 0x17F, 0xDF, 0x1EA5, 0x3A3]))


@given(st.text(alphabet=st.one_of(st.sampled_from(_MARKED + "aA \t"), st.characters(codec="utf-8")), max_size=200))
def test_folding_is_that_of_the_whole_text(text: str) -> None:
    decomposed = unicodedata.normalize("NFKD", text)
    whole = "".join(c for c in decomposed if not unicodedata.combining(c)).casefold()
    assert fold(text) == " ".join(whole.lower().split())[:200]


def test_marks_without_end_take_no_time() -> None:
    began = time.monotonic()
    text = "a" + "\u0301" * 200_000 + "\u0323" * 200_000 + "b"
    assert (fold(text), windows(text)) == ("ab", [])
    assert time.monotonic() - began < 5


@pytest.mark.parametrize("letter", ["x", "é", "\ufdfa", "a\u0301 \t\n", "ß", " "])
def test_of_a_long_text_only_the_beginning_is_folded(letter: str) -> None:
    text = letter * (5_000_000 // len(letter))
    began = time.monotonic()
    assert (fold(text), windows(text)) == (fold(text[:200_000]), windows(text[:200_000]))
    assert len(windows(text)) == (0 if letter == " " else 49)
    assert time.monotonic() - began < 2
