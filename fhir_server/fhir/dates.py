"""Dates, times and instants: what is well formed, and the stretch of time a partial one covers.

https://hl7.org/fhir/R4/datatypes.html#date and https://hl7.org/fhir/R4/search.html#date  Times are integers:
microseconds since 1970-01-01T00:00:00Z. The one rule: a range is half-open, [low, high), as wide as the precision
of its text; text without a timezone is taken as UTC.
"""

import re
from datetime import date
from typing import NamedTuple

SECOND = 1_000_000
MINUTE = 60 * SECOND
HOUR = 60 * MINUTE
DAY = 24 * HOUR
_EPOCH_ORDINAL = date(1970, 1, 1).toordinal()
_DAYS = (31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)

_TIME = r"([01][0-9]|2[0-3]):([0-5][0-9])(?::([0-5][0-9]|60)(?:\.([0-9]{1,30}))?)?"
_ZONE = r"(?:(Z)|([+-])(0[0-9]|1[0-4]):([0-5][0-9]))"
_WHEN = re.compile(rf"([0-9]{{4}})(?:-(0[1-9]|1[0-2])(?:-(0[1-9]|[12][0-9]|3[01])(?:T{_TIME}{_ZONE}?)?)?)?")
_TIME_ALONE = re.compile(r"([01][0-9]|2[0-3]):[0-5][0-9]:([0-5][0-9]|60)(\.[0-9]+)?")


class DateRange(NamedTuple):
    """A stretch of time in epoch microseconds: `low` is in it, `high` is not."""

    low: int
    high: int


class _When(NamedTuple):
    """A date or date-time taken apart; None marks what the text does not say."""

    year: int
    month: int | None
    day: int | None
    hour: int | None
    minute: int
    second: int | None
    fraction: str | None
    offset: int | None  # microseconds east of UTC


def parse_range(text: str) -> DateRange:
    """What a date, dateTime or instant (seconds may be missing, as in searches) covers; raises ValueError."""
    when = _take_apart(text)
    if when is None:
        raise ValueError("not a date: expected YYYY, YYYY-MM, YYYY-MM-DD or YYYY-MM-DDThh:mm[:ss[.fff]][timezone]")
    if when.month is None:
        return DateRange(_midnight(when.year, 1, 1), _midnight(when.year, 12, 31) + DAY)
    if when.day is None:
        last = _days_in_month(when.year, when.month)
        return DateRange(_midnight(when.year, when.month, 1), _midnight(when.year, when.month, last) + DAY)
    low = _midnight(when.year, when.month, when.day)
    if when.hour is None:
        return DateRange(low, low + DAY)
    low += when.hour * HOUR + when.minute * MINUTE - (when.offset or 0)
    if when.second is None:
        return DateRange(low, low + MINUTE)
    low += when.second * SECOND
    if when.fraction is None:
        return DateRange(low, low + SECOND)
    return _within_second(low, when.fraction)


def is_valid_date(text: str) -> bool:
    """Whether the text is a FHIR `date`: a year, month or day that exists."""
    when = _take_apart(text)
    return when is not None and when.hour is None


def is_valid_datetime(text: str) -> bool:
    """Whether the text is a FHIR `dateTime`: a date, or seconds and a timezone as well."""
    when = _take_apart(text)
    return when is not None and (when.hour is None or (when.second is not None and when.offset is not None))


def is_valid_instant(text: str) -> bool:
    """Whether the text is a FHIR `instant`: to the second at least, with a timezone."""
    when = _take_apart(text)
    return when is not None and when.second is not None and when.offset is not None


def is_valid_time(text: str) -> bool:
    """Whether the text is a FHIR `time`: hh:mm:ss, no timezone."""
    return _TIME_ALONE.fullmatch(text) is not None


def parse_instant(text: str) -> int:
    """Epoch microseconds of a FHIR `instant`, finer digits dropped; raises ValueError."""
    if not is_valid_instant(text):
        raise ValueError("not an instant: expected YYYY-MM-DDThh:mm:ss[.fff] and a timezone")
    return parse_range(text).low


def format_instant(microseconds: int) -> str:
    """The instant in UTC with six digits of fraction, e.g. "2026-11-22T00:47:05.123456Z"."""
    days, within = divmod(microseconds, DAY)
    seconds, fraction = divmod(within, SECOND)
    day = date.fromordinal(days + _EPOCH_ORDINAL).isoformat()
    return f"{day}T{seconds // 3600:02}:{seconds // 60 % 60:02}:{seconds % 60:02}.{fraction:06}Z"


def _take_apart(text: str) -> _When | None:
    match = _WHEN.fullmatch(text)
    if match is None:
        return None
    year, month, day, hour, minute, second, fraction, utc, sign, zone_hours, zone_minutes = match.groups()
    if year == "0000" or (day and int(day) > _days_in_month(int(year), int(month))):
        return None
    offset = 0 if utc else None
    if sign:
        offset = int(zone_hours) * HOUR + int(zone_minutes) * MINUTE
        if offset > 14 * HOUR:
            return None
        offset = -offset if sign == "-" else offset
    return _When(int(year), _int(month), _int(day), _int(hour), _int(minute) or 0, _int(second), fraction, offset)


def _int(digits: str | None) -> int | None:
    return None if digits is None else int(digits)


def _days_in_month(year: int, month: int) -> int:
    leap = month == 2 and year % 4 == 0 and (year % 100 != 0 or year % 400 == 0)
    return _DAYS[month - 1] + leap


def _midnight(year: int, month: int, day: int) -> int:
    return (date(year, month, day).toordinal() - _EPOCH_ORDINAL) * DAY


def _within_second(low: int, fraction: str) -> DateRange:
    """Digits beyond microseconds are dropped: nothing is compared more finely."""
    start = low + int(fraction[:6].ljust(6, "0"))
    return DateRange(start, start + 10 ** max(6 - len(fraction), 0))
