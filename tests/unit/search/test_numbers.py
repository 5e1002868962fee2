"""Keys sort as their numbers do, and a search number has the range it was written with."""

from decimal import ROUND_HALF_EVEN, Context, Decimal
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fhir_server.fhir import json
from fhir_server.search.numbers import HIGHEST, LOWEST, MAX_ADJUSTED, Nudge, parse_number, sort_key

SIXTY = Context(prec=60, rounding=ROUND_HALF_EVEN)
NUDGES: tuple[Nudge, ...] = (-1, 0, 1)


def decimals(digits: int = 60) -> st.SearchStrategy[Decimal]:
    """Numbers that differ in sign, in size, and in their last digits only."""
    coefficients = st.integers(0, 10**digits - 1) | st.integers(0, 20) | st.integers(-3, 3).map(lambda n: 1000 + n)
    exponents = st.integers(-3, 3) | st.integers(-400, 400)
    return st.builds(
        lambda negative, c, e: Decimal((int(negative), tuple(map(int, str(c))), e)),
        st.booleans(), coefficients, exponents,
    )  # fmt: skip


@given(decimals(), decimals())
def test_keys_sort_as_numbers_do(one: Decimal, other: Decimal) -> None:
    first, second = sort_key(one), sort_key(other)
    assert (first < second, first == second) == (one < other, one == other)


@given(decimals(), decimals())
def test_a_nudged_key_is_beside_its_number_and_nothing_else(one: Decimal, other: Decimal) -> None:
    below, key, above = (sort_key(one, nudge=nudge) for nudge in NUDGES)
    assert LOWEST < below < key < above < HIGHEST
    if other != one:
        for nudge in NUDGES:
            assert (sort_key(other, nudge=nudge) < below) == (other < one)
            assert (sort_key(other, nudge=nudge) < above) == (other < one)


@given(decimals(), st.integers(0, 40))
def test_equal_numbers_have_equal_keys_however_written(number: Decimal, zeros: int) -> None:
    sign, digits, exponent = number.as_tuple()
    assert isinstance(exponent, int)
    longer = Decimal((sign, (*digits, *[0] * zeros), exponent - zeros))
    assert sort_key(longer) == sort_key(number)


@given(decimals(120))
def test_digits_beyond_sixty_are_rounded(number: Decimal) -> None:
    assert sort_key(number) == sort_key(SIXTY.plus(number))
    assert len(sort_key(number)) <= 66
    assert sort_key(number).isascii()


@pytest.mark.parametrize("texts", [("1", "1.0", "1.00", "1e0", "10e-1", "0.1E1"), ("0", "-0", "0.00", "0e9", "-0e-9")])
def test_one_number_has_one_key(texts: tuple[str, ...]) -> None:
    assert len({sort_key(Decimal(text)) for text in texts}) == 1


def test_a_ladder_of_numbers() -> None:
    ladder = "-1e400 -100 -99.9 -10 -9.99 -1.51 -1.5 -1.49 -1 -0.1 -1e-400 0 1e-400 0.1 1 1.49 1.5 1.51 9.99 10 1e400"
    keys = [sort_key(Decimal(text), nudge=nudge) for text in ladder.split() for nudge in NUDGES]
    assert all(one < other for one, other in pairwise([LOWEST, *keys, HIGHEST]))


def test_the_largest_numbers_of_a_body_have_keys() -> None:
    nines = json.number("9" * 120 + "e128")
    tiny = json.number("0." + "0" * 110 + "1e-128")
    assert isinstance(nines, Decimal)
    assert isinstance(tiny, Decimal)
    assert sort_key(-nines) < sort_key(-tiny) < sort_key(Decimal(0)) < sort_key(tiny) < sort_key(nines) < HIGHEST


@pytest.mark.parametrize("text", ["NaN", "sNaN", "Infinity", "-Infinity", f"1e{MAX_ADJUSTED + 1}", "-1e-99999"])
def test_what_has_no_key_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"^a number"):
        sort_key(Decimal(text))


@pytest.mark.parametrize(
    ("text", "value", "low", "high"),
    [
        ("100", "100", "99.5", "100.5"),
        ("100.00", "100", "99.995", "100.005"),
        ("5.4", "5.4", "5.35", "5.45"),
        ("-100", "-100", "-100.5", "-99.5"),
        ("-5.40", "-5.4", "-5.405", "-5.395"),
        ("0", "0", "-0.5", "0.5"),
        ("-0.0", "0", "-0.05", "0.05"),
        ("1e2", "100", "95", "105"),
        ("1.5e2", "150", "149.5", "150.5"),
        ("1.5E-3", "0.0015", "0.001495", "0.001505"),
        ("-1e+2", "-100", "-105", "-95"),
        ("1e0", "1", "0.95", "1.05"),
        ("1e200", "1e200", "95e198", "105e198"),
        ("0." + "0" * 97 + "1", "1e-98", "5e-99", "15e-99"),
    ],
)
def test_a_number_has_a_range(text: str, value: str, low: str, high: str) -> None:
    found = parse_number(text)
    assert (found.value, found.low, found.high) == (Decimal(value), Decimal(low), Decimal(high))


@pytest.mark.parametrize(
    "text",
    [
        "", " 1", "1 ", "+3", ".5", "5.", "007", "-", "--1", "1,5", "1e", "e5", "1e2.5", "0x10", "1_000", "NaN", "inf",
        "٣", "1\n", "1e201", "1e-201", "1e" + "9" * 90, "1" * 101, "<5", "ap5",
    ],
)  # fmt: skip
def test_other_texts_are_no_numbers(text: str) -> None:
    with pytest.raises(ValueError, match=r"digits|exponent"):
        parse_number(text)


@given(st.decimals(allow_nan=False, allow_infinity=False, min_value=-(10**30), max_value=10**30, places=6))
def test_a_range_holds_what_rounds_to_its_number(number: Decimal) -> None:
    found = parse_number(f"{number:f}")
    half = Decimal("0.0000005")
    with_margin = Context(prec=80)
    assert found.value == number
    assert with_margin.subtract(found.high, number) == with_margin.subtract(number, found.low) == half
    assert sort_key(found.low) < sort_key(number) < sort_key(found.high)
