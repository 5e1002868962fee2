"""Dates as stretches of time: https://hl7.org/fhir/R4/search.html#date .

Microseconds since 1970 in UTC, [low, high); what is open reaches to infinity.
"""

import calendar
import re
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

from tests.oracle.query import Refused, unescape

Stretch = tuple[float, float]
PREFIXES = ("eq", "ne", "gt", "lt", "ge", "le", "sa", "eb", "ap")
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_TEXT = re.compile(
    r"(\d{4})(?:-(\d\d)(?:-(\d\d)(?:T(\d\d):(\d\d)(?::(\d\d)(?:\.(\d+))?)?(Z|[+-]\d\d:\d\d)?)?)?)?", re.ASCII
)


def stretch(text: str) -> Stretch:
    """What a date covers, as wide as it is written; ValueError for what is none."""
    found = _TEXT.fullmatch(text)
    if not found:
        raise ValueError(text)
    year, month, day, hour, minute, second, fraction, zone = found.groups()
    start = datetime(
        int(year),
        int(month or 1),
        int(day or 1),
        int(hour or 0),
        int(minute or 0),
        int(second or 0),
        tzinfo=_zone(zone),
    )
    low = (start - _EPOCH) // timedelta(microseconds=1)
    if fraction:
        low += int(fraction[:6].ljust(6, "0"))
        return low, low + 10 ** (6 - min(len(fraction), 6))
    seconds = 1 if second else 60 if minute else 86_400
    if not day:
        days = calendar.monthrange(int(year), int(month))[1] if month else 365 + calendar.isleap(int(year))
        seconds = days * 86_400
    return low, low + seconds * 1_000_000


def _zone(text: str | None) -> timezone:
    if text in {None, "Z"}:
        return UTC
    assert text is not None
    minutes = int(text[1:3]) * 60 + int(text[4:])
    return timezone(timedelta(minutes=minutes if text[0] == "+" else -minutes))


def of_value(type_name: str, value: Any) -> Stretch | None:
    """The stretch of a date, dateTime, instant, Period or Timing; None when it says nothing."""
    if type_name in {"date", "dateTime", "instant"} and isinstance(value, str):
        return stretch(value)
    if type_name == "Period" and ("start" in value or "end" in value):
        low = stretch(value["start"])[0] if "start" in value else float("-inf")
        return low, stretch(value["end"])[1] if "end" in value else float("inf")
    if type_name == "Timing":
        found = [stretch(event) for event in value.get("event", ())]
        bounds = of_value("Period", value.get("repeat", {}).get("boundsPeriod", {}))
        found += [bounds] if bounds else []
        return (min(f[0] for f in found), max(f[1] for f in found)) if found else None
    return None


def read(text: str, label: str, now: int) -> tuple[str, Stretch]:
    """A search value: its prefix and what it covers."""
    text = unescape(text).replace(" ", "+")
    prefix, when = (text[:2], text[2:]) if text[:2] in PREFIXES else ("eq", text)
    try:
        low, high = stretch(when)
    except ValueError:
        raise Refused(f"{label}: expected a date") from None
    if prefix == "ap":
        reach = abs(now - low) // 10
        return prefix, (low - reach, high + reach)
    return prefix, (low, high)


def compares(prefix: str, stored: Stretch, asked: Stretch) -> bool:
    """The standard's table of prefixes."""
    contains = asked[0] <= stored[0] and stored[1] <= asked[1]
    above, below = stored[1] > asked[1], stored[0] < asked[0]
    return {
        "eq": contains,
        "ne": not contains,
        "gt": above,
        "lt": below,
        "ge": above or contains,
        "le": below or contains,
        "sa": stored[0] >= asked[1],
        "eb": stored[1] <= asked[0],
        "ap": stored[0] < asked[1] and stored[1] > asked[0],
    }[prefix]
