"""Samples of places, and of what the server itself says about a resource: https://hl7.org/fhir/R4/search.html#all."""

from decimal import Decimal

from tests.cases.parameters.samples import Place, Sample, no, yes

NOON = "2023-11-14T12:00:00Z"
"""Some hours before the clock of tests/contracts/search_world.py begins."""


def near(place: Place) -> Sample | None:
    """A position, and searches around it."""
    if place.element is None or place.element.name != "position":
        return None
    probes = (
        *yes("36.15|-95.99", "36.15|-95.99|0.1|km", "36.15|-95.99|100|m", "36.2|-95.99|6|km", "36.2|-95.99|4|mi"),
        *no("36.2|-95.99|5|km", "36.2|-95.99|3|mi", "36.2|-95.99|5000|m", "-36.15|95.99|100|km", "37.15|-95.99"),
    )
    value = {"latitude": Decimal("36.15"), "longitude": Decimal("-95.99")}
    return Sample(value, "36.15|-95.99|1|km", "40.71|-74.01|1|km", probes)


def own_id(resource_id: str) -> Sample:
    """The id that a resource has."""
    probes = (*yes("nobody", modifier="not"), *no(resource_id, modifier="not"))
    return Sample(resource_id, resource_id, "nobody", (*probes, *yes(f"nobody,{resource_id}")))


def last_updated() -> Sample:
    """The time at which the resource was written."""
    probes = (
        *yes("2023", "ne2022", "gt2022", "lt2024", "ge2023", "le2023", "sa2022", "eb2024", "ap2023"),
        *yes(f"sa{NOON}", "sa2023-11-13", "ge2023-11-14"),
        *no("2022", "ne2023", "gt2023", "lt2023", "ge2024", "le2022", "sa2023", "eb2023", "ap1900"),
        *no(f"eb{NOON}", "le2023-11-13", "eb2023-11-14"),
    )
    return Sample("", f"gt{NOON}", f"lt{NOON}", probes, is_unique=False)
