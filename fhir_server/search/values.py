"""What an index row and a search value have in common: folded strings, targets of references, stretches of time.

https://hl7.org/fhir/R4/search.html#string, #reference and #date  Both sides go through the same functions, or a search
would not find what was stored.
"""

import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

from fhir_server.fhir import dates, references
from fhir_server.fhir.dates import DAY, SECOND, DateRange

FOLDED_LENGTH = 200
CONTAINED_LENGTH = 100
"""The longest text that is looked for inside of others: windows of a long text overlap by so much."""
_MOST_WINDOWS = 49
_PIECE = 64
"""Characters decomposed at once: to order the marks of one run takes the square of its length."""
CONTINUED = 1
"""What is added to the number of a parameter for the further pieces of long texts."""
FAR_PAST = -(1 << 62)
FAR_FUTURE = 1 << 62
NO_TIME = DateRange(FAR_FUTURE, FAR_PAST)
"""The row of an element that says no time: found by no comparison."""


def fold(text: str) -> str:
    """The text without case and accents, white space evened out; at most FOLDED_LENGTH characters."""
    return _folded(text, FOLDED_LENGTH)[:FOLDED_LENGTH]


def _folded(text: str, longest: int) -> str:
    """The folded text, or of a long one at least so many characters."""
    if len(text) > longest or not text.isascii():
        text = _beginning(text, longest).casefold()
    return " ".join(text.lower().split())


def _beginning(text: str, longest: int) -> str:
    """The text without accents, until so many characters of it are no white space."""
    pieces, length = [], 0
    for at in range(0, len(text), _PIECE):
        decomposed = unicodedata.normalize("NFKD", text[at : at + _PIECE])
        pieces.append("".join(c for c in decomposed if not unicodedata.combining(c)))
        length += sum(map(len, pieces[-1].split()))
        if length >= longest:
            break
    return "".join(pieces)


SPANS = (SECOND, DAY)
"""The longest of instants, and of days: stretches of time are kept apart by their length, since whoever looks for those
that end after some time must begin to look so much before."""
DATE_NUMBERS = len(SPANS) + 1


def span_of(low: int, high: int) -> int:
    """Which number of its parameter a stretch of time is kept under: 0 for instants, 1 for days, 2 for longer ones."""
    return next((at for at, longest in enumerate(SPANS) if high - low <= longest), len(SPANS))


def windows(text: str) -> list[str]:
    """The rest of a long text, folded, in overlapping pieces: whatever stands in it stands in one of them."""
    step = FOLDED_LENGTH - CONTAINED_LENGTH
    folded = _folded(text, (_MOST_WINDOWS + 2) * step)
    starts = range(step, len(folded) - CONTAINED_LENGTH, step)
    return [folded[start : start + FOLDED_LENGTH] for start in starts[:_MOST_WINDOWS]]


class Target(NamedTuple):
    """Where a reference points: a type's number (0: not known), an id or a whole URI, a base ("": this server)."""

    type_number: int
    target_id: str
    base: str


@dataclass(frozen=True, slots=True)
class Targets:
    """Reads references as this server sees them: `base` is its own FHIR base, `numbers` the resource types."""

    base: str
    numbers: Mapping[str, int]

    def of(self, text: str) -> Target | None:
        """The target of a reference; None for what points nowhere (incomplete) or into its own resource."""
        parsed = references.parse(text)
        if parsed.kind in {"fragment", "incomplete", "conditional"}:
            return None
        number = self.numbers.get(parsed.type_name)
        if number is None:
            return Target(0, text, "")
        return Target(number, parsed.resource_id, "" if parsed.base == self.base else parsed.base)

    def of_canonical(self, text: str) -> list[Target]:
        """The targets of a canonical: where its URL points, the URL itself, and, when it has one, with its version."""
        url, version = split_canonical(text)
        pointed, named = self.of(url), Target(0, url, "")
        found = [named] if pointed is None else [pointed, named]
        return list(dict.fromkeys([*found, Target(0, f"{url}|{version}", "")] if version else found))


def split_canonical(text: str) -> tuple[str, str]:
    """URL and version of a canonical, its fragment cut off."""
    url, _, version = text.partition("|")
    return url.partition("#")[0] or url, version


def range_of(type_name: str, value: Any) -> DateRange | None:
    """The stretch of time of a date, dateTime, instant, Period or Timing; None when it says nothing."""
    if type_name == "Period":
        return _period(value)
    if type_name == "Timing":
        return _timing(value)
    try:
        return dates.parse_range(value)
    except (ValueError, TypeError):
        return None


def _period(value: Any) -> DateRange | None:
    if not isinstance(value, dict):
        return None
    start, end = (range_of("dateTime", value.get(name)) for name in ("start", "end"))
    if start is None and end is None:
        return None
    return DateRange(FAR_PAST if start is None else start.low, FAR_FUTURE if end is None else end.high)


def _timing(value: Any) -> DateRange | None:
    """The outer limits: events, and the bounds of the repetition."""
    if not isinstance(value, dict):
        return None
    events = value.get("event")
    found = [range_of("dateTime", event) for event in (events if isinstance(events, list) else ())]
    repeat = value.get("repeat")
    found.append(_period(repeat.get("boundsPeriod") if isinstance(repeat, dict) else None))
    ranges = [item for item in found if item is not None]
    return DateRange(min(r.low for r in ranges), max(r.high for r in ranges)) if ranges else None
