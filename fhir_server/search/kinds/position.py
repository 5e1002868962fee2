"""Places near a place: https://hl7.org/fhir/R4/location.html#search (near).

A place is a point on the unit sphere, so that a distance is that of a chord, which both databases can compare without
trigonometry. Latitude and longitude are in degrees (WGS 84), distances in kilometres.
"""

import math
from collections.abc import Sequence
from typing import NamedTuple

from sqlalchemy import ColumnElement, and_

from fhir_server.search.escapes import split, unescape
from fhir_server.search.kinds.kind import Bind, Form, Kind, Reading, Row
from fhir_server.search.plan import Alternative
from fhir_server.store.tables import INDEX_POSITION

EARTH_RADIUS_KM = 6_371.0088
DEFAULT_KM = 50.0
_KM = {
    "km": 1.0, "m": 0.001, "mi": 1.609344, "[mi_i]": 1.609344, "[mi_us]": 1.609347218694438, "ft": 0.0003048,
    "[ft_i]": 0.0003048,
}  # fmt: skip
_ROUNDING = 1e-12
_EXPECTED = "latitude|longitude, then maybe |distance or |distance|unit, as in 36.15|-95.99|10|km"


class Point(NamedTuple):
    """A point on the unit sphere."""

    x: float
    y: float
    z: float


NOWHERE = Point(0.0, 0.0, 0.0)


def point(latitude: float, longitude: float) -> Point:
    """The point of a latitude and a longitude in degrees."""
    phi, lam = math.radians(latitude), math.radians(longitude)
    return Point(math.cos(phi) * math.cos(lam), math.cos(phi) * math.sin(lam), math.sin(phi))


def read(text: str, reading: Reading) -> Alternative:
    """Where, and how far around."""
    parts = [unescape(part) for part in split(text, "|")]
    if not 2 <= len(parts) <= 4:
        raise reading.refusal(_EXPECTED)
    written, unit = [*parts[2:], "", ""][:2]
    try:
        latitude, longitude = float(parts[0]), float(parts[1])
        distance = float(written) * _km_of(unit, reading) if written else DEFAULT_KM
    except ValueError:
        raise reading.refusal(_EXPECTED) from None
    if not (abs(latitude) <= 90 and abs(longitude) <= 180 and 0 <= distance < math.inf):
        raise reading.refusal(_EXPECTED)
    here = point(latitude, longitude)
    chord = 2 * math.sin(min(distance / EARTH_RADIUS_KM, math.pi) / 2)
    reach = chord * chord + _ROUNDING
    side = math.sqrt(reach)
    return Alternative("near", (here.x - side, here.x + side, here.x, here.y, here.z, reach))


def _km_of(unit: str, reading: Reading) -> float:
    if unit and unit not in _KM:
        raise reading.refusal(f"a unit among {', '.join(sorted(_KM))}")
    return _KM[unit or "km"]


def _near(row: Row, operands: Sequence[Bind]) -> ColumnElement[bool]:
    west, east, x, y, z, reach = operands
    dx, dy, dz = row.c["x"] - x, row.c["y"] - y, row.c["z"] - z
    somewhere = row.c["x"] * row.c["x"] + row.c["y"] * row.c["y"] + row.c["z"] * row.c["z"] > 0.5
    return and_(row.c["x"] >= west, row.c["x"] <= east, dx * dx + dy * dy + dz * dz <= reach, somewhere)


POSITION = Kind(
    name="position",
    table=INDEX_POSITION,
    sort_column="",
    modifiers=frozenset(),
    forms={"near": Form(6, _near)},
    read=read,
    rank=5,
)
