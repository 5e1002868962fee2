"""Samples of numbers and quantities with every prefix: https://hl7.org/fhir/R4/search.html#number and #quantity."""

from collections.abc import Callable, Mapping
from typing import Any

from tests.cases.parameters.samples import Place, Probe, Sample, no, yes

UCUM = "http://unitsofmeasure.org"
_UNITS: Mapping[str, str] = {"Age": "a", "Duration": "min"}


def _quantity(amount: int, unit: str) -> dict[str, Any]:
    return {"value": amount, "unit": unit, "system": UCUM, "code": unit}


_VALUES: Mapping[str, Callable[[int, str], Any]] = {
    "Quantity": _quantity,
    "Age": _quantity,
    "Duration": _quantity,
    "Range": lambda amount, unit: {"low": _quantity(amount, unit), "high": _quantity(amount, unit)},
    "SampledData": lambda amount, unit: {
        "origin": _quantity(amount, unit), "period": 10, "dimensions": 1, "data": "0 0",
    },
}  # fmt: skip
_NUMBERS = {"integer", "positiveInt", "unsignedInt", "decimal"}


def number(place: Place) -> Sample | None:
    """A number of an element's type; None where that type holds none."""
    amount = 1000 + place.ordinal
    if place.type in _NUMBERS:
        return Sample(amount, str(amount), "9999", prefixed(amount))
    if place.type == "Range":
        return Sample({"low": {"value": amount}, "high": {"value": amount}}, str(amount), "9999", prefixed(amount))
    return None


def quantity(place: Place) -> Sample | None:
    """A quantity of an element's type; None where that type holds none."""
    if place.type not in _VALUES:
        return None
    amount, unit = 1000 + place.ordinal, _UNITS.get(place.type, "mg")
    probes = (
        *prefixed(amount),
        *yes(str(amount), f"{amount}|{UCUM}|{unit}", f"gt{amount - 1}|{UCUM}|{unit}", f"{amount}||{unit}"),
        *no(f"{amount}|{UCUM}|kg", f"{amount}|http://example.org/units|{unit}", f"9999|{UCUM}|{unit}"),
        *no(f"{amount}||kg", f"gt{amount}|{UCUM}|{unit}"),
    )
    if unit == "mg":
        probes += (*yes(f"{amount / 1000:.3f}|{UCUM}|g"), *no(f"{amount / 1000:.3f}||g", f"{amount}|{UCUM}|g"))
    return Sample(_VALUES[place.type](amount, unit), f"{amount}|{UCUM}|{unit}", f"9999|{UCUM}|{unit}", probes)


def prefixed(amount: int) -> tuple[Probe, ...]:
    """Each prefix of numbers with what finds the amount, and what does not."""
    below, above = amount - 1, amount + 1
    return (
        *yes(f"eq{amount}", f"{amount}.0", f"ne{above}", f"gt{below}", f"lt{above}", f"ge{amount}", f"le{amount}"),
        *no(f"eq{above}", f"{amount}.6", f"ne{amount}", f"gt{amount}", f"lt{amount}", f"ge{above}", f"le{below}"),
        *yes(f"sa{below}", f"eb{above}", f"ap{amount}", f"ap{amount * 1.05:.0f}"),
        *no(f"sa{amount}", f"eb{amount}", f"ap{amount * 2}"),
    )
