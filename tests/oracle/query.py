r"""Reads a search: where it looks, and its pairs. https://hl7.org/fhir/R4/search.html#escaping .

The one rule: split first, unescape last.
"""

import re
from dataclasses import dataclass
from urllib.parse import parse_qsl


class Refused(Exception):
    """What a server must answer with a 400; the text says why."""


@dataclass(frozen=True, slots=True)
class Query:
    """`place` is a type ("Task"), "" for the whole server, or a type or "*" within the compartment of `owner`."""

    place: str
    owner: tuple[str, str] | None
    pairs: tuple[tuple[str, str], ...]


def read(text: str) -> Query:
    """`Task?...`, `?...` or `Patient/1/Task?...` taken apart; pairs with an empty value are gone."""
    path, _, parameters = text.partition("?")
    pairs = [(name, value) for name, value in parse_qsl(parameters, keep_blank_values=True) if value.strip(",")]
    steps = path.split("/")
    if len(steps) == 3:
        return Query(steps[2], (steps[0], steps[1]), tuple(pairs))
    return Query(path, None, tuple(pairs))


def split(text: str, separator: str) -> list[str]:
    """The parts between separators that have no backslash before them; still escaped."""
    parts = [""]
    for piece in re.findall(r"\\.|.|\\$", text, re.DOTALL):
        if piece == separator:
            parts.append("")
        else:
            parts[-1] += piece
    return parts


def unescape(text: str) -> str:
    """The text without the backslashes that escape."""
    return re.sub(r"\\([,|$\\])", r"\1", text)
