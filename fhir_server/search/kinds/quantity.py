"""Numbers and quantities: stored ranges of numbers, by unit, against a prefix and a number.

https://hl7.org/fhir/R4/search.html#number and #quantity  Both sides are texts that sort like the numbers. A number is a
quantity of any unit. The rows of one quantity: the number alone, the number with each unit as it is written, and the
number in the unit that all its kin are converted to.
"""

from collections.abc import Callable, Sequence
from decimal import Decimal
from typing import NamedTuple

from sqlalchemy import ColumnElement, and_, not_

from fhir_server.search.escapes import split, unescape
from fhir_server.search.kinds.kind import Bind, Form, Kind, Reading, Row
from fhir_server.search.kinds.prefixes import PREFIXES
from fhir_server.search.numbers import Number, parse_number, sort_key
from fhir_server.search.plan import Alternative
from fhir_server.search.units import Units
from fhir_server.store.index_rows import bounded
from fhir_server.store.tables import INDEX_QUANTITY

UCUM = "http://unitsofmeasure.org"
ANY_UNIT = ""
NO_VALUE = "\x1f"  # the unit of an element without a number: nobody can ask for it
_UNIT_LENGTH = 150
_AS_WRITTEN = "a number such as 5.4 or ge5.40"


class Unit(NamedTuple):
    """The unit of index rows, and the number in it."""

    key: str
    convert: Callable[[Decimal], Decimal]


def coded_unit(system: str, code: str, units: Units) -> Unit:
    """The unit by which quantities of a coded unit are compared: the canonical one where the table has it."""

    def converted(value: Decimal) -> Decimal:
        found = units.canonical(code, value)
        return value if found is None else found[1]

    canonical = units.canonical(code, Decimal(1)) if system == UCUM else None
    if canonical is None:
        return Unit(_key(f"{system}|{code}"), lambda value: value)
    return Unit(_key(f"{system}|{canonical[0]}"), converted)


def written_unit(text: str) -> Unit:
    """The unit as it is written, whatever its system."""
    return Unit(_key(f"|{text}"), lambda value: value)


def _key(text: str) -> str:
    return bounded(text, _UNIT_LENGTH)


def read_number(text: str, reading: Reading) -> Alternative:
    """A number with or without prefix."""
    prefix, number = _number(unescape(text), reading, _AS_WRITTEN)
    return _alternative(prefix, number, Unit(ANY_UNIT, lambda value: value))


def read_quantity(text: str, reading: Reading) -> Alternative:
    """`number`, `number|system|code` or `number||code`, with or without prefix."""
    expected = f"{_AS_WRITTEN}, then nothing, |system|code or ||unit"
    number, *rest = (unescape(part) for part in split(text, "|"))
    prefix, found = _number(number, reading, expected)
    if not rest:
        return _alternative(prefix, found, Unit(ANY_UNIT, lambda value: value))
    if len(rest) != 2 or not rest[1]:
        raise reading.refusal(expected)
    system, code = rest
    return _alternative(prefix, found, coded_unit(system, code, reading.units) if system else written_unit(code))


def _number(text: str, reading: Reading, expected: str) -> tuple[str, Number]:
    prefix, digits = (text[:2], text[2:]) if text[:2] in PREFIXES else ("eq", text)
    try:
        return prefix, parse_number(digits)
    except ValueError:
        raise reading.refusal(expected) from None


def _alternative(prefix: str, number: Number, unit: Unit) -> Alternative:
    low, high = number.low, number.high
    if prefix == "ap":
        reach = abs(number.value) / 10
        low, high = number.value - reach, number.value + reach
    elif prefix not in {"eq", "ne"}:
        low = high = number.value
    return Alternative(prefix, (unit.key, sort_key(unit.convert(low)), sort_key(unit.convert(high))))


def _comparison(prefix: str) -> Callable[[Row, Sequence[Bind]], ColumnElement[bool]]:
    def clause(row: Row, operands: Sequence[Bind]) -> ColumnElement[bool]:
        unit, low, high = operands
        # A stored range that lies within another also begins before its end: this bounds the walk through the index.
        found = {
            "eq": and_(row.c["low"] >= low, row.c["low"] < high, row.c["high"] < high),
            "ne": not_(and_(row.c["low"] >= low, row.c["high"] < high)),
            "gt": row.c["high"] > high,
            "lt": row.c["low"] < low,
            "ge": row.c["high"] >= high,
            "le": row.c["low"] <= low,
            "sa": row.c["low"] > low,
            "eb": row.c["high"] < high,
            "ap": and_(row.c["low"] <= high, row.c["high"] >= low),
        }[prefix]
        return and_(row.c["unit"] == unit, found)

    return clause


_FORMS = {prefix: Form(3, _comparison(prefix)) for prefix in PREFIXES}

NUMBER = Kind(
    name="number",
    table=INDEX_QUANTITY,
    sort_column="low",
    modifiers=frozenset(),
    forms=_FORMS,
    read=read_number,
    rank=6,
    has_empty_rows=True,
    sort_fixed={"unit": ANY_UNIT},
)
QUANTITY = Kind(
    name="quantity",
    table=INDEX_QUANTITY,
    sort_column="low",
    modifiers=frozenset(),
    forms=_FORMS,
    read=read_quantity,
    rank=6,
    has_empty_rows=True,
    sort_fixed={"unit": ANY_UNIT},
)
