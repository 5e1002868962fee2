"""Samples of strings and URIs: https://hl7.org/fhir/R4/search.html#string and #uri."""

from collections.abc import Mapping
from typing import Any

from tests.cases.parameters.samples import Place, Sample, no, yes

_WRAPPED: Mapping[str, str] = {"string": "", "markdown": "", "HumanName": "family", "Address": "city"}
URIS = "http://example.org/uris"


def string(place: Place) -> Sample | None:
    """A string of an element's type; None where that type holds none."""
    if place.type not in _WRAPPED:
        return None
    text = f"Findable {place.number} Ärger"
    member = _WRAPPED[place.type]
    value: Any = {member: text} if member else text
    probes = (
        *yes(f"FINDABLE  {place.number} arg", text),
        *no("Ärger", f"{place.number}", f"{text} and more"),
        *yes(text, modifier="exact"),
        *no(text.lower(), text[:-1], f"Findable {place.number} Arger", modifier="exact"),
        *yes(f"{place.number} arg", "RGER", text, modifier="contains"),
        *no(f"{place.number}arg", "9999", "%", "_", modifier="contains"),
    )
    return Sample(value, f"findable {place.number}", "findable 9999", probes)


def uri(place: Place) -> Sample | None:
    """A URI of an element's type; None where that type holds none."""
    if place.type not in {"uri", "url", "canonical"}:
        return None
    value, other = f"{URIS}/{place.number}", f"{URIS}/9999"
    probes = (
        *no(URIS, f"{value}/deeper", value.upper()),
        *yes(value, URIS, "http://example.org", modifier="below"),
        *no(other, value[:-1], f"{value}/deeper", "http://example.org/u", modifier="below"),
        *yes(value, f"{value}/deeper", f"{value}/deeper/still", modifier="above"),
        *no(other, URIS, f"{value}-deeper", modifier="above"),
    )
    if place.type != "canonical":
        return Sample(value, value, other, probes)
    return Sample(f"{value}|1.0", value, other, (*probes, *yes(f"{value}|1.0"), *no(f"{value}|2.0")))
