"""What a population is made of, in fixed shares: statuses, categories, and names whose prefixes select few.

All codes and names are made up. A deck deals its members evenly: whoever draws fifty in a row has each of them exactly
as often as its share says, whatever the size of the population.
"""

from collections.abc import Mapping

CATEGORIES = "http://example.org/fhir/CodeSystem/needs"
SERVICES = "http://example.org/fhir/CodeSystem/services"

STATUS_SHARES: Mapping[str, int] = {
    "completed": 48,
    "in-progress": 16,
    "requested": 10,
    "accepted": 10,
    "received": 4,
    "cancelled": 4,
    "rejected": 4,
    "on-hold": 2,
    "failed": 2,
}
"""Percent of the Tasks."""

CATEGORY_SHARES: Mapping[str, int] = {
    "food": 20,
    "housing-instability": 14,
    "transport": 10,
    "utilities": 10,
    "homelessness": 8,
    "financial-strain": 8,
    "employment": 6,
    "inadequate-housing": 6,
    "material-hardship": 4,
    "stress": 4,
    "social-connection": 4,
    "education": 2,
    "health-literacy": 2,
    "digital-access": 2,
}
"""Percent of the ServiceRequests."""


def _words(text: str) -> tuple[str, ...]:
    return tuple(text.split())


_BEGINNINGS = _words("Ald Bel Cor Dan Ely Fen Gar Hol Isk Jor Kel Lum Mar Nor Osk Pel Ras Sol Tor Val")
_MIDDLES = _words("ba be de di fi go hu ja ke li mo nu pa ri so tu va we yo za")
_ENDINGS = _words("ber cot dal fen gat han ker lin man mer nel pur ran sen sta tam ton vik wel zor")
FAMILIES = len(_BEGINNINGS) * len(_MIDDLES) * len(_ENDINGS)
GIVEN = _words(
    "Ada Ben Cleo Dara Emil Fay Gus Hana Ivo Jun Kai Lea Milo Nia Otto Pia Quin Rosa Sam Tess Udo Vera Wim Xenia Yara "
    "Zeno Amos Bina Cyr Dov Edda Finn Greta Hugo Ines Joss Kira Leon Mara Nils"
)

DECK = 50
_PREFIX_LENGTH = 7
_NAME_STEP = 4241  # shares no divisor with FAMILIES
_DEAL_STEP = 17  # nor this one with DECK


def deck(shares: Mapping[str, int]) -> tuple[str, ...]:
    """Fifty members, two percent each, mixed."""
    members = [name for name, percent in shares.items() for _ in range(percent * DECK // 100)]
    assert len(members) == DECK, "shares are even percents that make a hundred"
    return tuple(members[place * _DEAL_STEP % DECK] for place in range(DECK))


def family(number: int) -> str:
    """A family name; all are of one length and differ in their first seven letters."""
    rest, beginning = divmod(number * _NAME_STEP % FAMILIES, len(_BEGINNINGS))
    ending, middle = divmod(rest, len(_MIDDLES))
    return _BEGINNINGS[beginning] + _MIDDLES[middle] + _ENDINGS[ending]


def prefix(number: int) -> str:
    """What finds everybody of a family and nobody else."""
    return family(number)[:_PREFIX_LENGTH].lower()
