"""Dates: what is valid, and what a partial one covers."""

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fhir_server.fhir.dates import (
    DAY,
    MINUTE,
    SECOND,
    format_instant,
    is_valid_date,
    is_valid_datetime,
    is_valid_instant,
    is_valid_time,
    parse_instant,
    parse_range,
)

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MICROSECOND = timedelta(microseconds=1)


def micros(moment: datetime) -> int:
    return (moment - EPOCH) // MICROSECOND


@pytest.mark.parametrize(
    ("text", "low", "width"),
    [
        ("1970", "1970-01-01T00:00:00", 365 * DAY),
        ("2024", "2024-01-01T00:00:00", 366 * DAY),
        ("2024-02", "2024-02-01T00:00:00", 29 * DAY),
        ("2024-02-29", "2024-02-29T00:00:00", DAY),
        ("2024-02-29T23:59Z", "2024-02-29T23:59:00", MINUTE),
        ("2024-02-29T23:59:58", "2024-02-29T23:59:58", SECOND),
        ("2024-02-29T23:59:58+02:30", "2024-02-29T21:29:58", SECOND),
        ("2024-02-29T23:59:58-14:00", "2024-03-01T13:59:58", SECOND),
        ("2024-02-29T23:59:58.5Z", "2024-02-29T23:59:58.500000", 100_000),
        ("2024-02-29T23:59:58.123Z", "2024-02-29T23:59:58.123000", 1_000),
        ("2024-02-29T23:59:58.123456789Z", "2024-02-29T23:59:58.123456", 1),
        ("2016-12-31T23:59:60Z", "2017-01-01T00:00:00", SECOND),
    ],
)
def test_a_range_is_as_wide_as_its_precision(text: str, low: str, width: int) -> None:
    start = micros(datetime.fromisoformat(low).replace(tzinfo=UTC))
    assert parse_range(text) == (start, start + width)


def test_the_first_and_last_years_have_ranges() -> None:
    assert parse_range("0001").low == micros(datetime(1, 1, 1, tzinfo=UTC))
    assert parse_range("9999-12-31").high - parse_range("9999").low == 365 * DAY
    assert parse_range("9999-12-31T23:59:59-12:00").high > parse_range("9999").high


VALID = [
    ("2024", "date datetime"),
    ("2024-02", "date datetime"),
    ("2024-02-29", "date datetime"),
    ("2000-02-29", "date datetime"),
    ("2024-02-29T00:00:00Z", "datetime instant"),
    ("2024-02-29T23:59:60.000+14:00", "datetime instant"),
    ("2024-02-29T23:59:59.123456789012-00:30", "datetime instant"),
    ("2024-02-29T10:00Z", ""),
    ("2024-02-29T10:00:00", ""),
    ("2024-02-29T10:00:00+14:01", ""),
    ("2024-02-29T24:00:00Z", ""),
    ("2024-02-29T10:00:61Z", ""),
    ("2024-02-29T10:00:00z", ""),
    ("2024-02-29 10:00:00Z", ""),
    ("2024-02-29T10:00:00.Z", ""),
    ("2023-02-29", ""),
    ("1900-02-29", ""),
    ("2024-02-30", ""),
    ("2024-04-31", ""),
    ("2024-13", ""),
    ("2024-00-01", ""),
    ("2024-1-1", ""),
    ("0000", ""),
    ("24", ""),
    ("2024Z", ""),
    ("2024\n", ""),
    (" 2024", ""),
    ("", ""),
    ("٢٠٢٤", ""),
    ("2024-02-29T10:00:00." + "1" * 10_000 + "Z", ""),
]


@pytest.mark.parametrize(("text", "kinds"), VALID)
def test_which_texts_are_valid(text: str, kinds: str) -> None:
    found = {"date": is_valid_date(text), "datetime": is_valid_datetime(text), "instant": is_valid_instant(text)}
    assert {kind for kind, valid in found.items() if valid} == set(kinds.split())


@pytest.mark.parametrize("text", ["00:00:00", "23:59:60", "12:30:59.123"])
def test_times(text: str) -> None:
    assert is_valid_time(text)


@pytest.mark.parametrize("text", ["24:00:00", "12:30", "12:60:00", "12:30:00Z", "1:00:00", "12:30:00.", ""])
def test_what_is_no_time(text: str) -> None:
    assert not is_valid_time(text)


@pytest.mark.parametrize("text", ["", "x", "2024-02-30", "2024-02-29T1", "2024-02-29T10:00:00+15:00"])
def test_what_is_no_date_has_no_range(text: str) -> None:
    with pytest.raises(ValueError, match="not a date"):
        parse_range(text)


@pytest.mark.parametrize("text", ["2024", "2024-02-29T10:00Z", "2024-02-29T10:00:00"])
def test_what_is_no_instant(text: str) -> None:
    with pytest.raises(ValueError, match="not an instant"):
        parse_instant(text)


FIRST, LAST = datetime(1, 1, 3), datetime(9999, 12, 29)  # noqa: DTZ001 - room for a timezone either way
moments = st.datetimes(min_value=FIRST, max_value=LAST, timezones=st.just(UTC))


@given(moments)
def test_an_instant_survives_a_round_trip(moment: datetime) -> None:
    text = format_instant(micros(moment))
    assert parse_instant(text) == micros(moment)
    assert len(text) == 27
    assert is_valid_instant(text)


@given(moments, st.integers(-14 * 60, 14 * 60))
def test_a_timezone_moves_the_clock_and_not_the_moment(moment: datetime, minutes: int) -> None:
    text = moment.astimezone(timezone(timedelta(minutes=minutes))).isoformat(timespec="microseconds")
    assert parse_instant(text) == micros(moment)


@given(moments, st.sampled_from([4, 7, 10, 17, 20, 22, 23, 27]))
def test_a_shorter_text_covers_the_longer_one(moment: datetime, length: int) -> None:
    whole = format_instant(micros(moment))
    cut = whole[:length] if length in {4, 7, 10} else whole[: length - 1] + "Z"
    outer = parse_range(cut)
    assert outer.low <= micros(moment) < outer.high


@given(moments, moments)
def test_texts_of_instants_sort_as_the_instants_do(one: datetime, other: datetime) -> None:
    assert (format_instant(micros(one)) < format_instant(micros(other))) == (one < other)


@given(st.text(alphabet="0123456789-:T.Z+ ", max_size=35))
def test_whatever_is_valid_has_a_range(text: str) -> None:
    if is_valid_datetime(text) or is_valid_date(text):
        low, high = parse_range(text)
        assert low < high
