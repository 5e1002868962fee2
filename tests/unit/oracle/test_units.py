"""The two tables of units agree: the server's own, and the judge's small one. https://ucum.org/ucum ."""

from collections import defaultdict
from decimal import Decimal
from fractions import Fraction

import pytest

from fhir_server.definitions.load import shipped
from fhir_server.search.units import Units, load_units
from tests.oracle import units

NUMBERS = (Fraction(-40), Fraction(0), Fraction(1), Fraction("98.6"))
KNOWN = sorted(units._FACTORS)


@pytest.fixture(scope="module")
def table() -> Units:
    return load_units(shipped("terminology"))


def test_the_same_units_have_the_same_dimension(table: Units) -> None:
    kin: dict[str, set[str]] = defaultdict(set)
    for unit in KNOWN:
        found = table.canonical(unit, Decimal(1))
        assert found is not None, unit
        kin[units.dimension(unit)].add(found[0])
    assert {dimension: len(found) for dimension, found in kin.items()} == dict.fromkeys(kin, 1)
    assert len(set.union(*kin.values())) == len(kin)


@pytest.mark.parametrize("unit", KNOWN)
@pytest.mark.parametrize("number", NUMBERS)
def test_a_number_means_the_same(table: Units, unit: str, number: Fraction) -> None:
    """Both turn it into the unit of its dimension, and that into their own canonical one."""
    ours = units.converted(number, unit)
    found = table.canonical(unit, Decimal(number.numerator) / number.denominator)
    same = table.canonical(units.dimension(unit), Decimal(ours.numerator) / ours.denominator)
    assert found is not None
    assert same is not None
    assert found[1] == pytest.approx(same[1], rel=Decimal("1e-25"))
