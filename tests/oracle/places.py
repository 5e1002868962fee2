"""Nearness: great circles on a sphere. https://hl7.org/fhir/R4/location.html#positional .

`latitude|longitude|distance|unit`; without a distance 50 km, without a unit km; the distance itself is near.
"""

import math
from dataclasses import dataclass
from typing import Any

from tests.oracle.query import Refused, split, unescape

RADIUS_KM = 6371.0088
_UNITS_KM = {
    "km": 1.0, "": 1.0, "m": 0.001, "[mi_us]": 1.609347219, "[mi_i]": 1.609344, "mi": 1.609344,
    "[ft_i]": 0.0003048, "ft": 0.0003048,
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Near:
    """A circle; degrees and kilometres."""

    latitude: float
    longitude: float
    distance_km: float


def read(text: str, label: str) -> Near:
    """A search value."""
    parts = [unescape(part) for part in split(text, "|")] + ["", ""]
    try:
        latitude, longitude, distance = float(parts[0]), float(parts[1]), float(parts[2] or "50")
        factor = _UNITS_KM[parts[3]]
    except (ValueError, KeyError, IndexError):
        raise Refused(f"{label}: expected latitude|longitude|distance|unit") from None
    if len(parts) > 6 or abs(latitude) > 90 or abs(longitude) > 180 or distance < 0:
        raise Refused(f"{label}: expected a place on the globe")
    return Near(latitude, longitude, distance * factor)


def compares(position: Any, asked: Near) -> bool:
    """Whether a Location.position lies within the circle."""
    if "latitude" not in position or "longitude" not in position:
        return False
    return distance_km(float(position["latitude"]), float(position["longitude"]), asked) <= asked.distance_km + 1e-9


def distance_km(latitude: float, longitude: float, asked: Near) -> float:
    """The way along the surface (haversine)."""
    here, there = math.radians(latitude), math.radians(asked.latitude)
    across = math.radians(longitude - asked.longitude)
    half = math.sin((here - there) / 2) ** 2 + math.cos(here) * math.cos(there) * math.sin(across / 2) ** 2
    return 2 * RADIUS_KM * math.asin(math.sqrt(half))
