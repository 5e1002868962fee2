"""Units that are converted: each as a factor to one unit of its dimension, and for temperatures a zero.

https://ucum.org/ucum  Time: a year has 365.25 days, a month a twelfth of that.
"""

from fractions import Fraction

UCUM = "http://unitsofmeasure.org"
_DAY = 86_400
_FACTORS: dict[str, tuple[str, str, str]] = {
    "mg": ("g", "0.001", "0"),
    "g": ("g", "1", "0"),
    "kg": ("g", "1000", "0"),
    "ug": ("g", "0.000001", "0"),
    "[lb_av]": ("g", "453.59237", "0"),
    "[oz_av]": ("g", "28.349523125", "0"),
    "m": ("m", "1", "0"),
    "cm": ("m", "0.01", "0"),
    "mm": ("m", "0.001", "0"),
    "km": ("m", "1000", "0"),
    "[in_i]": ("m", "0.0254", "0"),
    "[ft_i]": ("m", "0.3048", "0"),
    "[mi_i]": ("m", "1609.344", "0"),
    "s": ("s", "1", "0"),
    "ms": ("s", "0.001", "0"),
    "min": ("s", "60", "0"),
    "h": ("s", "3600", "0"),
    "d": ("s", str(_DAY), "0"),
    "wk": ("s", str(7 * _DAY), "0"),
    "mo": ("s", str(Fraction("30.4375") * _DAY), "0"),
    "a": ("s", str(Fraction("365.25") * _DAY), "0"),
    "L": ("L", "1", "0"),
    "mL": ("L", "0.001", "0"),
    "dL": ("L", "0.1", "0"),
    "K": ("K", "1", "0"),
    "Cel": ("K", "1", "273.15"),
    "[degF]": ("K", "5/9", "459.67"),
    "Pa": ("Pa", "1", "0"),
    "kPa": ("Pa", "1000", "0"),
    "mm[Hg]": ("Pa", "133.322", "0"),
    "%": ("%", "1", "0"),
}


def dimension(unit: str) -> str:
    """The unit that a unit is converted to: itself when it is not in the table."""
    return _FACTORS[unit][0] if unit in _FACTORS else unit


def converted(number: Fraction, unit: str) -> Fraction:
    """The number in the unit of its dimension."""
    if unit not in _FACTORS:
        return number
    _, factor, zero = _FACTORS[unit]
    return (number + Fraction(zero)) * Fraction(factor)
