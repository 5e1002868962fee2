"""Files to units: the lines of NDJSON files (plain or .gz), and whole .json files, in portions of a size.

http://ndjson.org  Nothing is parsed here; a unit is what one process takes at a time and writes in one unit of work.
"""

import gzip
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

_MOST_BYTES_IN_UNIT = 4_000_000


@dataclass(frozen=True, slots=True)
class Line:
    """One resource or Bundle as it stands in a file; lines count from 1, `size` is its share of the file."""

    source: str
    number: int
    raw: bytes

    @property
    def size(self) -> int:
        """Bytes, its line break included."""
        return len(self.raw)


def total_bytes(paths: Sequence[Path]) -> int:
    """The size of the files, unpacked where that is told."""
    return sum(_unpacked_size(path) for path in paths)


def lines(paths: Sequence[Path]) -> Iterator[Line]:
    """Every line that has something in it; raises OSError."""
    for path in paths:
        if path.suffixes[-1:] == [".json"]:
            yield Line(str(path), 1, path.read_bytes())
            continue
        with gzip.open(path) if path.suffix == ".gz" else path.open("rb") as file:
            for number, raw in enumerate(file, start=1):
                if not raw.isspace():
                    yield Line(str(path), number, raw)


def units(every: Iterable[Line], most_lines: int) -> Iterator[list[Line]]:
    """Lines in portions of at most `most_lines`, fewer where lines are long."""
    unit: list[Line] = []
    size = 0
    for line in every:
        unit.append(line)
        size += line.size
        if len(unit) >= most_lines or size >= _MOST_BYTES_IN_UNIT:
            yield unit
            unit, size = [], 0
    if unit:
        yield unit


def _unpacked_size(path: Path) -> int:
    size = path.stat().st_size
    if path.suffix != ".gz":
        return size
    with path.open("rb") as file:
        file.seek(-4, 2)
        return int.from_bytes(file.read(4), "little")
