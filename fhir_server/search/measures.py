"""Quantities, ranges, samples and positions to the value columns of index rows.

https://hl7.org/fhir/R4/search.html#quantity  A number has a row alone, one with each unit as it is written, and one in
the unit to which its kin are converted. An element without a number leaves a row that no search finds.
"""

from collections.abc import Callable, Iterator
from decimal import Decimal
from typing import Any, TypeAlias

from fhir_server.search.kinds.position import NOWHERE, point
from fhir_server.search.kinds.quantity import ANY_UNIT, NO_VALUE, Unit, coded_unit, written_unit
from fhir_server.search.numbers import HIGHEST, LOWEST, sort_key
from fhir_server.search.units import Units

Row: TypeAlias = tuple[Any, ...]
"""unit, low, high; or x, y, z."""

_QUANTITIES = frozenset({"Quantity", "Age", "Count", "Distance", "Duration", "MoneyQuantity", "SimpleQuantity"})
_NUMBERS = frozenset({"integer", "decimal", "positiveInt", "unsignedInt"})
_CURRENCIES = "urn:iso:std:iso:4217"
NOTHING: Row = (NO_VALUE, "", "")
"""The row of an element without a number, which no search finds."""
NO_PLACE: Row = tuple(NOWHERE)
"""The row of a position that is none."""
_PLAIN = Unit(ANY_UNIT, lambda value: value)


def converter(type_name: str, units: Units) -> Callable[[Any], list[Row]] | None:
    """How values of a type become rows of quantities; None when they cannot."""
    if type_name in _NUMBERS:
        return lambda value: _rows([_PLAIN], value, value)
    if type_name in _QUANTITIES:
        return lambda value: _quantity(value, units)
    if type_name == "Money":
        return lambda value: _quantity(_of_money(value), units)
    if type_name == "Range":
        return lambda value: _range(value, units)
    return (lambda value: _samples(value, units)) if type_name == "SampledData" else None


def _quantity(value: Any, units: Units) -> list[Row]:
    if not isinstance(value, dict):
        return []
    number, comparator = _decimal(value.get("value")), value.get("comparator")
    if number is None:
        return [NOTHING]
    rows = []
    for unit in _units_of(value, units):
        found = unit.convert(number)
        low = LOWEST if comparator in {"<", "<="} else sort_key(found, nudge=1 if comparator == ">" else 0)
        high = HIGHEST if comparator in {">", ">="} else sort_key(found, nudge=-1 if comparator == "<" else 0)
        rows.append((unit.key, low, high))
    return rows


def _units_of(value: dict[str, Any], units: Units) -> Iterator[Unit]:
    """The units under which a quantity is found."""
    system, code, unit = (_text(value, name) for name in ("system", "code", "unit"))
    yield _PLAIN
    if code and system:
        yield coded_unit(system, code, units)
    for written in dict.fromkeys(text for text in (code, unit) if text):
        yield written_unit(written)


def _range(value: Any, units: Units) -> list[Row]:
    """From `low` to `high`, in the unit of either; an end that is missing is open."""
    if not isinstance(value, dict):
        return []
    ends = [value.get(name) for name in ("low", "high")]
    low, high = (_decimal(end.get("value")) if isinstance(end, dict) else None for end in ends)
    unit = next((end for end in ends if isinstance(end, dict) and _decimal(end.get("value")) is not None), {})
    return _rows(list(_units_of(unit, units)), low, high) if unit else [NOTHING]


def _samples(value: Any, units: Units) -> list[Row]:
    """From the smallest sample to the largest: https://hl7.org/fhir/R4/datatypes.html#SampledData ."""
    if not isinstance(value, dict) or not isinstance(value.get("origin"), dict):
        return []
    origin, factor = _decimal(value["origin"].get("value")), _decimal(value.get("factor", 1))
    limits = {"L": _decimal(value.get("lowerLimit")), "U": _decimal(value.get("upperLimit"))}
    found = (limits[word] if word in limits else _number(word) for word in set(_text(value, "data").split()))
    samples = [sample for sample in found if sample is not None]
    if not samples or origin is None:
        return [NOTHING]
    scale = Decimal(1) if factor is None else factor
    ends = [origin + sample * scale for sample in (min(samples), max(samples))]
    return _rows(list(_units_of(value["origin"], units)), min(ends), max(ends))


def _rows(units: list[Unit], low: Any, high: Any) -> list[Row]:
    least, most = _decimal(low), _decimal(high)
    if least is None and most is None:
        return [NOTHING]
    return [
        (
            unit.key,
            LOWEST if least is None else sort_key(unit.convert(least)),
            HIGHEST if most is None else sort_key(unit.convert(most)),
        )
        for unit in units
    ]


def _of_money(value: Any) -> Any:
    if not isinstance(value, dict):
        return value
    return {"value": value.get("value"), "system": _CURRENCIES, "code": value.get("currency")}


def positions(value: Any) -> list[Row]:
    """The place of a position, as a point on the unit sphere."""
    if not isinstance(value, dict):
        return []
    latitude, longitude = (_decimal(value.get(name)) for name in ("latitude", "longitude"))
    if latitude is None or longitude is None or abs(latitude) > 90 or abs(longitude) > 180:
        return [NO_PLACE]
    return [tuple(point(float(latitude), float(longitude)))]


def _decimal(value: Any) -> Decimal | None:
    if isinstance(value, bool) or not isinstance(value, int | Decimal):
        return None
    return Decimal(value)


def _number(word: str) -> Decimal | None:
    try:
        found = Decimal(word)
    except ArithmeticError:
        return None
    return found if found.is_finite() and -200 < found.adjusted() < 200 else None


def _text(value: dict[str, Any], name: str) -> str:
    found = value.get(name)
    return found if isinstance(found, str) else ""
