"""Samples of dates with every prefix: https://hl7.org/fhir/R4/search.html#date and #prefix."""

from collections.abc import Callable, Mapping
from datetime import date, timedelta
from typing import Any

from tests.cases.parameters.samples import Place, Probe, Sample, no, yes

_FIRST = date(2001, 1, 1)
_VALUES: Mapping[str, Callable[[str], Any]] = {
    "date": lambda day: day,
    "dateTime": lambda day: f"{day}T10:00:00Z",
    "instant": lambda day: f"{day}T10:00:00.123Z",
    "Period": lambda day: {"start": f"{day}T08:00:00Z", "end": f"{day}T17:59:59Z"},
    "Timing": lambda day: {"event": [f"{day}T10:00:00Z"]},
}


def when(place: Place) -> Sample | None:
    """A day, or a stretch within it, in the form of an element's type; None where that type holds none."""
    if place.type not in _VALUES:
        return None
    before, day, after = ((_FIRST + timedelta(days=3 * place.ordinal + n)).isoformat() for n in (-1, 0, 1))
    probes = (*prefixed(before, day, after), *_precise(place.type, day))
    return Sample(_VALUES[place.type](day), day, after, probes)


def prefixed(before: str, exactly: str, after: str) -> tuple[Probe, ...]:
    """Each prefix of dates with what finds a value within `exactly`, and what does not; the clock stands in 2023."""
    return (
        *yes(f"eq{exactly}", f"ne{after}", f"gt{before}", f"lt{after}", f"ge{exactly}", f"le{exactly}"),
        *no(f"eq{before}", f"ne{exactly}", f"gt{exactly}", f"lt{exactly}", f"ge{after}", f"le{before}"),
        *yes(f"sa{before}", f"eb{after}", f"ap{exactly}", f"ge{before}", f"le{after}"),
        *no(f"sa{exactly}", f"eb{exactly}", "ap1900-01-01", f"sa{after}", f"eb{before}"),
    )


def _precise(type_name: str, day: str) -> tuple[Probe, ...]:
    """Values that are precise to the second, with a zone."""
    if type_name == "date":
        return (*yes(day[:7], day[:4]), *no(f"{day}T10:00:00Z"))
    if type_name == "Period":
        return (*yes(f"gt{day}T10:00:00Z", f"lt{day}T10:00:00Z"), *no(f"{day}T10:00:00Z", f"sa{day}T10:00:00Z"))
    same, later = f"{day}T12:00:00+02:00", f"{day}T10:00:01Z"
    return (*yes(same, f"lt{later}", f"le{same}", f"ge{same}"), *no(later, f"ge{later}"))
