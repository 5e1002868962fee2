"""Units: codes of UCUM to canonical ones, so that 500 mg and 0.5 g are one quantity.

https://hl7.org/fhir/R4/search.html#quantity and https://ucum.org/ucum  Atoms and prefixes are data, in
terminology/units.json; products, quotients, exponents, prefixes and annotations are read by rule, parentheses are not.
The one rule: arithmetic is exact, and only a result without a finite decimal form is rounded.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from decimal import ROUND_HALF_EVEN, Context, Decimal
from fractions import Fraction
from pathlib import Path
from types import MappingProxyType
from typing import Any

from fhir_server.definitions import lines
from fhir_server.definitions.package import DefinitionsError

DIGITS = 40
"""Significant digits of a value that has no finite decimal form."""
MAX_LENGTH = 100
_MAX_ADJUSTED = 1_000

_ROUNDED = Context(prec=DIGITS, rounding=ROUND_HALF_EVEN, traps=[])
_EXACT = Context(prec=20_000, traps=[])
# To UCUM this is a product, to whoever writes it mostly a decimal: "mL/min/1.73.m2".
_DECIMAL = re.compile(r"[0-9]\.[0-9]")
_ANNOTATION = re.compile(r"\{[^{}]*\}")
_COMPONENT = re.compile(
    r"(?P<number>[1-9][0-9]{0,5})|(?P<ten>10[*^])(?P<power>[+-]?[0-9]{1,2})?"
    r"|(?P<code>(?:[A-Za-z%'\"_]|\[[^\[\]]+\])+)(?P<exponent>[+-]?[1-9])?"
)

Powers = Mapping[str, int]


@dataclass(frozen=True, slots=True)
class Unit:
    """A unit as (value + offset) * factor of a product of powers of base units."""

    factor: Fraction
    powers: Powers
    offset: Fraction = Fraction(0)
    metric: bool = False

    @property
    def code(self) -> str:
        """The canonical code of the product: "g.m-3"; "1" when there is none."""
        named = (f"{name}{'' if power == 1 else power}" for name, power in sorted(self.powers.items()))
        return ".".join(named) or "1"


ONE = Unit(Fraction(1), MappingProxyType({}))


@dataclass(frozen=True, slots=True)
class Units:
    """The units that the server converts."""

    prefixes: Mapping[str, Fraction]
    atoms: Mapping[str, Unit]

    def canonical(self, code: str, value: Decimal) -> tuple[str, Decimal] | None:
        """The canonical unit's code and the value in it; None when the table does not say."""
        unit = self.unit(code)
        if unit is None or not value.is_finite() or abs(value.adjusted()) > _MAX_ADJUSTED:
            return None
        converted = _decimal((Fraction(value) + unit.offset) * unit.factor)
        return None if abs(converted.adjusted()) > _MAX_ADJUSTED else (unit.code, converted)

    def unit(self, code: str) -> Unit | None:
        """What a code of UCUM stands for; None for a code that the table cannot tell."""
        if len(code) > MAX_LENGTH:
            return None
        plain = _ANNOTATION.sub(_without_annotation, code)
        if _DECIMAL.search(plain):
            return None
        pieces = re.split(r"([./])", plain)
        if pieces[0] == "" and pieces[1:2] == ["/"]:  # "/min"
            pieces[0] = "1"
        found = ONE
        for operator, text in zip([".", *pieces[1::2]], pieces[::2], strict=True):
            component = self._component(text)
            if component is None or (component.offset and len(pieces) > 1):
                return None
            found = _product(found, component, -1 if operator == "/" else 1)
        return found

    def _component(self, text: str) -> Unit | None:
        match = _COMPONENT.fullmatch(text)
        if match is None:
            return None
        if match["number"]:
            return Unit(Fraction(match["number"]), ONE.powers)
        if match["ten"]:
            return Unit(Fraction(10) ** int(match["power"] or 1), ONE.powers)
        atom = self._atom(match["code"])
        if atom is None or match["exponent"] is None:
            return atom
        return None if atom.offset else _product(ONE, atom, int(match["exponent"]))

    def _atom(self, code: str) -> Unit | None:
        """An atom as it is; else a metric one with a prefix, of one letter or two."""
        found = self.atoms.get(code)
        for length in (1, 2):
            if found is not None:
                return found
            factor, atom = self.prefixes.get(code[:length]), self.atoms.get(code[length:])
            if factor is not None and atom is not None and atom.metric:
                found = Unit(factor * atom.factor, atom.powers)
        return found


def load_units(folder: Path) -> Units:
    """The units of a terminology/ folder; raises DefinitionsError when the file contradicts itself."""
    table = lines.read(folder / "units.json")
    prefixes = {prefix: _fraction(factor) for prefix, factor in table["prefixes"].items()}
    atoms = _atoms(table["units"], prefixes)
    return Units(MappingProxyType(prefixes), MappingProxyType(atoms))


def _atoms(rows: Iterable[Mapping[str, Any]], prefixes: Mapping[str, Fraction]) -> dict[str, Unit]:
    """The atoms of the table, each made of those before it."""
    atoms: dict[str, Unit] = {}
    for row in rows:
        code, metric = row["code"], row.get("metric", False)
        of = Units(prefixes, atoms).unit(row["of"]) if "of" in row else Unit(Fraction(1), MappingProxyType({code: 1}))
        if of is None or code in atoms:
            raise DefinitionsError(f"units.json: {code} is there twice, or is made of what does not precede it")
        factor = of.factor * _fraction(row.get("factor", "1"))
        atoms[code] = Unit(factor, of.powers, _fraction(row.get("offset", "0")), metric)
    return atoms


def _without_annotation(annotation: re.Match[str]) -> str:
    """What takes the place of an annotation: nothing behind a unit, 1 where a unit would stand; elsewhere an error."""
    before = annotation.string[: annotation.start()]
    after = annotation.string[annotation.end() :]
    if after[:1] not in {"", "/", "."}:
        return " "
    return "1" if before[-1:] in {"", "/", "."} else ""


def _product(unit: Unit, other: Unit, power: int) -> Unit:
    powers = dict(unit.powers)
    for name, exponent in other.powers.items():
        powers[name] = powers.get(name, 0) + exponent * power
    kept = MappingProxyType({name: exponent for name, exponent in powers.items() if exponent})
    # The offset of one alone stays; none has an offset beside others.
    return Unit(unit.factor * other.factor**power, kept, unit.offset or other.offset)


def _fraction(text: str) -> Fraction:
    """A decimal, or one divided by another."""
    above, _, below = text.partition("/")
    return Fraction(above) / Fraction(below or "1")


def _decimal(value: Fraction) -> Decimal:
    """The value exactly, if some decimal is it; else rounded."""
    rest, places = value.denominator, 0
    for factor in (10, 5, 2):
        while rest % factor == 0:
            rest //= factor
            places += 1
    if rest != 1:
        return _ROUNDED.divide(Decimal(value.numerator), Decimal(value.denominator))
    return Decimal(value.numerator * 10**places // value.denominator).scaleb(-places, _EXACT)
