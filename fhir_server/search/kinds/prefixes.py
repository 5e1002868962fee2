"""Prefixes of dates (eq ne gt lt ge le sa eb ap), and the stretch of time that follows them.

https://hl7.org/fhir/R4/search.html#prefix  Both sides are half-open ranges [low, high); `ap` reaches a tenth of the
distance from now further on both sides.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import ColumnElement, and_, not_, or_

from fhir_server.fhir.dates import DateRange, parse_range
from fhir_server.search.escapes import unescape
from fhir_server.search.kinds.kind import Reading
from fhir_server.search.plan import Alternative

PREFIXES = ("eq", "ne", "gt", "lt", "ge", "le", "sa", "eb", "ap")


def read(text: str, reading: Reading) -> Alternative:
    """A date with or without prefix; the form is the prefix, the operands its range."""
    text = unescape(text).replace(" ", "+")  # a plus sign that nobody encoded
    prefix, when = (text[:2], text[2:]) if text[:2] in PREFIXES else ("eq", text)
    try:
        found = parse_range(when)
    except ValueError:
        raise reading.refusal("a date such as 2026, 2026-01-31 or ge2026-01-31T09:00:00Z") from None
    return Alternative(prefix, _widened(found, reading.now) if prefix == "ap" else found)


def _widened(found: DateRange, now: int) -> DateRange:
    reach = abs(now - found.low) // 10
    return DateRange(found.low - reach, found.high + reach)


def comparisons(
    low: ColumnElement[Any], high: ColumnElement[Any], operands: Sequence[ColumnElement[Any]]
) -> Mapping[str, ColumnElement[bool]]:
    """How a stored range [low, high) compares with the range asked for, by prefix."""
    asked_low, asked_high = operands
    # A range that lies within another also begins before its end: this bounds the walk through the index.
    within = and_(low >= asked_low, low < asked_high, high <= asked_high)
    return {
        "eq": within,
        "ne": not_(and_(low >= asked_low, high <= asked_high)),
        "gt": high > asked_high,
        "lt": low < asked_low,
        "ge": or_(high > asked_high, within),
        "le": or_(low < asked_low, within),
        # A range that says nothing ends before it begins (`values.NO_TIME`), and must be found by none of these.
        "sa": and_(low >= asked_high, high > asked_high),
        "eb": and_(high <= asked_low, low < asked_low),
        "ap": and_(low < asked_high, high > asked_low),
    }
