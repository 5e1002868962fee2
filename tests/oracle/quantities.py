"""Numbers and quantities: https://hl7.org/fhir/R4/search.html#number and #quantity .

A stored value is an interval: a point for a number, a range for a Range, a comparator or sampled data.
"""

import re
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from typing import Any

from tests.oracle.dates import PREFIXES
from tests.oracle.query import Refused, split, unescape
from tests.oracle.units import UCUM, converted, dimension

_NUMBER = re.compile(r"(-?)(0|[1-9]\d*)(?:\.(\d+))?(?:[eE]([+-]?\d{1,3}))?", re.ASCII)
_QUANTITIES = frozenset({"Quantity", "Age", "Distance", "Duration", "Count", "Money", "SimpleQuantity"})


@dataclass(frozen=True, slots=True)
class Unit:
    """The unit of a stored quantity: system and code, and the text that people read."""

    system: str = ""
    code: str = ""
    text: str = ""


@dataclass(frozen=True, slots=True)
class Interval:
    """From `low` to `high`, None where it has no end; an open end is not in it."""

    low: Fraction | None
    high: Fraction | None
    low_is_open: bool = False
    high_is_open: bool = False
    unit: Unit = Unit()


@dataclass(frozen=True, slots=True)
class Asked:
    """A search value; `reach` is the distance to the ends of what rounds to the number as it was written."""

    prefix: str
    number: Fraction
    reach: Fraction
    system: str | None = None
    code: str = ""


def of_value(type_name: str, value: Any) -> Interval | None:
    """The interval of a number, Quantity, Range or SampledData; None for what has no number."""
    if type_name in {"decimal", "integer", "positiveInt", "unsignedInt"}:
        return Interval(_fraction(value), _fraction(value))
    if type_name in _QUANTITIES:
        return _quantity(value)
    if type_name == "Range":
        ends = [value.get(end, {}) for end in ("low", "high")]
        low, high = (_fraction(end["value"]) if "value" in end else None for end in ends)
        unit = _unit(ends[0] if "value" in ends[0] else ends[1])
        return None if low is None and high is None else Interval(low, high, unit=unit)
    if type_name == "SampledData":
        return _samples(value)
    return None


def _quantity(value: Any) -> Interval | None:
    if "value" not in value:
        return None
    number, unit = _fraction(value["value"]), _unit(value)
    return {
        "<": Interval(None, number, high_is_open=True, unit=unit),
        "<=": Interval(None, number, unit=unit),
        ">": Interval(number, None, low_is_open=True, unit=unit),
        ">=": Interval(number, None, unit=unit),
    }.get(value.get("comparator", ""), Interval(number, number, unit=unit))


def _samples(value: Any) -> Interval | None:
    origin = _fraction(value.get("origin", {}).get("value", 0))
    factor = _fraction(value.get("factor", 1))
    numbers = [word for word in value.get("data", "").split() if word not in {"E", "U", "L"}]
    found = [origin + _fraction(word) * factor for word in numbers]
    return Interval(min(found), max(found), unit=_unit(value.get("origin", {}))) if found else None


def _fraction(number: Any) -> Fraction:
    return Fraction(Decimal(str(number)))


def _unit(value: Any) -> Unit:
    return Unit(value.get("system", ""), value.get("code", ""), value.get("unit", ""))


def read(text: str, label: str, *, with_unit: bool) -> Asked:
    """A search value: `[prefix]number`, for quantities with `|system|code`."""
    parts = [unescape(part) for part in split(text, "|")]
    if len(parts) not in ({1, 3} if with_unit else {1}) or parts[-1] == "":
        raise Refused(f"{label}: expected a number, or number|system|code")
    written = parts[0]
    prefix, digits = (written[:2], written[2:]) if written[:2] in PREFIXES else ("eq", written)
    found = _NUMBER.fullmatch(digits)
    if not found:
        raise Refused(f"{label}: expected a number")
    finest = -len(found[3] or "")
    if found[4]:
        finest += int(found[4]) - 1
    number = Fraction(Decimal(digits))
    reach = Fraction(10) ** finest / 2
    return Asked(prefix, number, reach, *(parts[1:] if len(parts) == 3 else ()))


def compares(stored: Interval, asked: Asked) -> bool:
    """Whether a stored interval is what was asked for, its unit included."""
    if asked.system is None:
        return _compares(stored, asked.prefix, _ends(asked, asked.number))
    if not asked.system:
        return asked.code in {stored.unit.code, stored.unit.text} and _compares(
            stored, asked.prefix, _ends(asked, asked.number)
        )
    if asked.system != stored.unit.system:
        return False
    if asked.system != UCUM:
        return asked.code == stored.unit.code and _compares(stored, asked.prefix, _ends(asked, asked.number))
    if dimension(asked.code) != dimension(stored.unit.code):
        return False
    ends = tuple(converted(end, asked.code) for end in _ends(asked, asked.number))
    unit = stored.unit.code
    low, high = (None if end is None else converted(end, unit) for end in (stored.low, stored.high))
    return _compares(Interval(low, high, stored.low_is_open, stored.high_is_open), asked.prefix, ends)


def _ends(asked: Asked, number: Fraction) -> tuple[Fraction, ...]:
    """The number between the ends of the range asked for."""
    reach = abs(number) / 10 if asked.prefix == "ap" else asked.reach
    return number - reach, number, number + reach


def _compares(stored: Interval, prefix: str, ends: tuple[Fraction, ...]) -> bool:
    least, number, most = ends
    low, high = stored.low, stored.high
    above = high is None or high > number
    below = low is None or low < number
    ends_there = high == number and not stored.high_is_open
    begins_there = low == number and not stored.low_is_open
    contains = (
        low is not None
        and high is not None
        and low >= least
        and (high < most or (high == most and stored.high_is_open))
    )
    return {
        "eq": contains,
        "ne": not contains,
        "gt": above,
        "lt": below,
        "ge": above or ends_there,
        "le": below or begins_there,
        "sa": low is not None and (low > number or (low == number and stored.low_is_open)),
        "eb": high is not None and (high < number or (high == number and stored.high_is_open)),
        "ap": (low is None or low < most or (low == most and not stored.low_is_open))
        and (high is None or high > least or (high == least and not stored.high_is_open)),
    }[prefix]
