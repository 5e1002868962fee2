"""The shipped table of units: what it converts, to what, and what it leaves alone."""

from decimal import Decimal
from fractions import Fraction
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fhir_server.definitions.load import shipped
from fhir_server.definitions.package import DefinitionsError
from fhir_server.search.units import load_units

UNITS = load_units(shipped("terminology"))
PREFIXES = {
    "Y": 24, "Z": 21, "E": 18, "P": 15, "T": 12, "G": 9, "M": 6, "k": 3, "h": 2, "da": 1,
    "d": -1, "c": -2, "m": -3, "u": -6, "n": -9, "p": -12, "f": -15, "a": -18, "z": -21, "y": -24,
}  # fmt: skip

# 1 of the first unit is so much of the second, each by its definition.
EQUALITIES = """
    kg 1000 g
    ug 0.000001 g
    t 1000 kg
    [lb_av] 453.59237 g
    [oz_av] 28.349523125 g
    [stone_av] 6.35029318 kg
    km 1000 m
    [in_i] 2.54 cm
    [ft_i] 30.48 cm
    [yd_i] 0.9144 m
    [mi_i] 1609.344 m
    m2 10000 cm2
    har 10000 m2
    [sft_i] 0.09290304 m2
    L 1000 mL
    l 1 dm3
    mL 1 cm3
    [gal_us] 3.785411784 L
    [qt_us] 946.352946 mL
    [pt_us] 473.176473 mL
    [cup_us] 236.5882365 mL
    [foz_us] 29.5735295625 mL
    [tbs_us] 3 [tsp_us]
    a 365.25 d
    mo 30.4375 d
    wk 7 d
    d 24 h
    h 60 min
    min 60 s
    s 1000 ms
    kPa 1000 Pa
    mm[Hg] 133.322 Pa
    bar 100000 Pa
    atm 101325 Pa
    cm[H2O] 98.0665 Pa
    kJ 1000 J
    cal 4.184 J
    kcal 4184 J
    [Cal] 1 kcal
    W 1 J/s
    mol 1000 mmol
    mmol 1000 umol
    umol 1000 nmol
    % 10 [ppth]
    [ppth] 1000 [ppm]
    1 100 %
    Hz 60 /min
    /s 1 Hz
    mg/dL 10 mg/L
    g/L 0.1 g/dL
    ug/mL 1 mg/L
    ng/mL 1 ug/L
    mmol/L 1000 umol/L
    10*3/uL 1 10*9/L
    10^6/mL 1 /nL
    U/L 1000 mU/L
    k[IU]/L 1 [IU]/mL
    mL/min 0.06 L/h
    kg/m2 0.1 g/cm2
    m/s 3.6 km/h
    {score} 1 1
    mg{total} 1 mg
    {beats}/min 1 /min
    mL/min/{1.73_m2} 1 mL/min
    /{visit} 1 1
    24.h 1 d
"""


@pytest.mark.parametrize("line", [line.strip() for line in EQUALITIES.strip().splitlines()])
def test_known_conversions(line: str) -> None:
    unit, amount, other = line.split()
    assert UNITS.canonical(unit, Decimal(1)) == UNITS.canonical(other, Decimal(amount))
    assert UNITS.canonical(unit, Decimal(1)) is not None


@pytest.mark.parametrize(
    ("unit", "value", "kelvin"),
    [
        ("K", "310.15", "310.15"),
        ("mK", "310150", "310.15"),
        ("Cel", "37", "310.15"),
        ("[degF]", "98.6", "310.15"),
        ("Cel", "-40", "233.15"),
        ("[degF]", "-40", "233.15"),
        ("[degF]", "32", "273.15"),
        ("[degF]", "-459.67", "0"),
    ],
)
def test_temperatures_are_exact(unit: str, value: str, kelvin: str) -> None:
    assert UNITS.canonical(unit, Decimal(value)) == ("K", Decimal(kelvin))


@pytest.mark.parametrize(
    ("unit", "canonical", "value"),
    [
        ("mg", "g", "0.001"),
        ("mg/dL", "g.m-3", "10"),
        ("kPa", "g.m-1.s-2", "1000000"),
        ("/min", "s-1", "0.01666666666666666666666666666666666666667"),
        ("[psi]", "g.m-1.s-2", "6894757.293168361336722673445346890693781"),
        ("[IU]/L", "[IU].m-3", "1000"),
        ("{score}", "1", "1"),
        ("m/m", "1", "1"),
    ],
)
def test_canonical_units(unit: str, canonical: str, value: str) -> None:
    assert UNITS.canonical(unit, Decimal(1)) == (canonical, Decimal(value))


@pytest.mark.parametrize("unit", ["m", "g", "s", "mol", "L", "l", "Pa", "J", "cal", "Hz", "bar", "W", "K", "[IU]"])
def test_metric_units_take_every_prefix(unit: str) -> None:
    plain = UNITS.unit(unit)
    assert plain is not None
    for prefix, power in PREFIXES.items():
        if prefix + unit in UNITS.atoms:  # "cd" is the candela
            continue
        prefixed = UNITS.unit(prefix + unit)
        assert prefixed is not None, prefix
        assert (prefixed.factor, prefixed.powers) == (plain.factor * Fraction(10) ** power, plain.powers)


@pytest.mark.parametrize(("one", "other"), [("mol", "1"), ("[IU]", "1"), ("[IU]", "U"), ("g", "mol"), ("eq", "mol")])
def test_different_quantities_stay_apart(one: str, other: str) -> None:
    first, second = UNITS.canonical(one, Decimal(1)), UNITS.canonical(other, Decimal(1))
    assert first is not None
    assert second is not None
    assert first[0] != second[0]


@pytest.mark.parametrize(
    "code",
    [
        "", "/", "//", "mg/", "/mg/", ".g", "g.", "mg mL", "MG", "kkg", "kmin", "m[lb_av]", "xyz", "[nothing]", "m99",
        "m0", "g+-1", "(g)", "Cel/min", "Cel2", "mCel", "2.[degF]", "0.g", "-g", "{", "}", "{a", "{a}g", "m{a}g",
        "g{a}{b}", "g{{a}}", "g" * 101, "g\n", "[", "[]", "µg", "{score}2", "10*999", "1e3", "5.5", "mL/min/1.73.m2",
    ],
)  # fmt: skip
def test_what_the_table_does_not_tell_is_left_alone(code: str) -> None:
    assert UNITS.canonical(code, Decimal(1)) is None


@pytest.mark.parametrize("value", ["NaN", "Infinity", "1e1001", "1e-1001", "1e999999"])
def test_absurd_values_are_left_alone(value: str) -> None:
    assert UNITS.canonical("g", Decimal(value)) is None


def test_absurd_products_are_left_alone() -> None:
    assert UNITS.canonical(".".join(["Ym9"] * 25), Decimal(1)) is None


@given(st.text(max_size=30) | st.text("mgkLsd/.{}[]1-+*^%", max_size=12), st.decimals())
def test_any_code_and_value_have_an_answer(code: str, value: Decimal) -> None:
    found = UNITS.canonical(code, value)
    assert found is None or (found[0] and found[1].is_finite())


@given(st.decimals(-(10**9), 10**9, places=4), st.decimals(-(10**9), 10**9, places=4))
def test_conversion_keeps_the_order(one: Decimal, other: Decimal) -> None:
    for unit in ("[degF]", "/min", "[lb_av]", "mm[Hg]"):
        first, second = UNITS.canonical(unit, one), UNITS.canonical(unit, other)
        assert first is not None
        assert second is not None
        assert (one < other, one == other) == (first[1] < second[1], first[1] == second[1])


@pytest.mark.parametrize(
    "rows", ['{"code": "m"}, {"code": "m"}', '{"code": "km", "of": "m"}', '{"code": "b", "of": "c"}, {"code": "c"}']
)
def test_a_table_that_contradicts_itself_is_refused(tmp_path: Path, rows: str) -> None:
    (tmp_path / "units.json").write_text(f'{{"prefixes": {{}}, "units": [{rows}]}}')
    with pytest.raises(DefinitionsError, match=r"units\.json"):
        load_units(tmp_path)


def test_a_folder_without_units_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DefinitionsError, match=r"units\.json"):
        load_units(tmp_path)
