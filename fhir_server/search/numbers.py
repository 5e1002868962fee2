"""Numbers: texts that sort as the numbers do, and what a number in a search means.

https://hl7.org/fhir/R4/search.html#number  Both databases compare text by code point, so a sort key is exact where a
float is not. The one rule: equal numbers have equal keys, however they are written.
"""

import re
from dataclasses import dataclass
from decimal import ROUND_HALF_EVEN, Context, Decimal
from typing import Literal

DIGITS = 60
"""Significant digits of a sort key; further ones are rounded half to even."""
MAX_ADJUSTED = 4_999
"""The largest power of ten of a first digit that a key can hold, on both sides of 1."""
MAX_LENGTH = 100
MAX_EXPONENT = 200

LOWEST = "0"
"""Sorts below the key of every number."""
HIGHEST = "9"
"""Sorts above the key of every number."""

Nudge = Literal[-1, 0, 1]

# Ends of a key, for the nudges -1, 0 and 1. What follows the digits of a positive number must sort below any further
# digit; of a negative one, whose digits are complemented, above.
_POSITIVE_ENDS = {-1: "!", 0: "#", 1: "%"}
_NEGATIVE_ENDS = {-1: "{", 0: "|", 1: "}"}
_COMPLEMENT = str.maketrans("0123456789", "9876543210")
_BIAS = MAX_ADJUSTED + 1
_KEY = Context(prec=DIGITS, rounding=ROUND_HALF_EVEN, traps=[])
_EXACT = Context(prec=2 * MAX_LENGTH, traps=[])
_NUMBER = re.compile(r"-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE](?P<exponent>[+-]?[0-9]+))?")
_HALF = Decimal("0.5")


@dataclass(frozen=True, slots=True)
class Number:
    """A number of a search, with the range [low, high) of those that round to what was written."""

    value: Decimal
    low: Decimal
    high: Decimal


def sort_key(value: Decimal, *, nudge: Nudge = 0) -> str:
    """A text of at most 66 ASCII characters whose order by code point is the order of the numbers.

    `nudge` gives a text just below or above the number's own, and on the same side of every other number. Raises
    ValueError for what is not finite, and for magnitudes beyond `MAX_ADJUSTED`.
    """
    if not value.is_finite():
        raise ValueError("a number that can be sorted is finite")
    rounded = _KEY.plus(value)
    if not rounded:
        return f"2{_POSITIVE_ENDS[nudge]}"
    adjusted = rounded.adjusted()
    if abs(adjusted) > MAX_ADJUSTED:
        raise ValueError(f"a number's power of ten is at most {MAX_ADJUSTED}")
    digits = "".join(map(str, rounded.as_tuple().digits)).rstrip("0")
    key = f"{adjusted + _BIAS:04}{digits}"
    if rounded > 0:
        return f"3{key}{_POSITIVE_ENDS[nudge]}"
    return f"1{key.translate(_COMPLEMENT)}{_NEGATIVE_ENDS[nudge]}"


def parse_number(text: str) -> Number:
    """The number that a search value says; raises ValueError for any other text.

    The range is half a unit of the last digit to both sides (100: 99.5 to 100.5), with an exponent of one digit finer
    (1e2: 95 to 105).
    """
    match = _NUMBER.fullmatch(text) if len(text) <= MAX_LENGTH else None
    if match is None:
        raise ValueError(f"a number is digits, at most {MAX_LENGTH} characters, such as 100, -5.40 or 1.5e3")
    exponent = match["exponent"]
    if exponent is not None and abs(int(exponent)) > MAX_EXPONENT:
        raise ValueError(f"an exponent is at most {MAX_EXPONENT}")
    value = Decimal(text)
    last = value.as_tuple().exponent
    assert isinstance(last, int)
    half = _HALF.scaleb(last if exponent is None else last - 1, _EXACT)
    return Number(value, _EXACT.subtract(value, half), _EXACT.add(value, half))
