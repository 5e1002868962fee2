"""Loaded populations: imported once by `fhir-server import`, then kept in a folder and found again.

What is kept under a name was made by these resources, this schema and these index rows: the name ends with a hash of
what a sample of the population turns into, so that a change of either makes a new one. The one rule: a run leaves a
kept database as it found it, without the tokens and audit records that measuring made.
"""

import contextlib
import hashlib
import json
import re
import tempfile
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from itertools import islice
from pathlib import Path
from typing import Any

from benchmarks import population, serving
from benchmarks.keepers import Keeper
from benchmarks.population import Population

_PRINTED = re.compile(r"(\d+) resources stored in ([\d.]+) s")
_SAMPLED = 40


@dataclass(frozen=True, slots=True)
class Loading:
    """What loading was like: `jobs` as it was asked for, bytes of index rows by table with its indexes."""

    resources: int
    seconds: float
    jobs: str
    ndjson_bytes: int
    index_bytes: dict[str, int]


@dataclass(frozen=True, slots=True)
class Loaded:
    """A loaded database, ready to be measured; `key` is what its keeper knows it by."""

    key: str
    url: str
    version: str
    pids: list[int]
    loading: Loading


@contextlib.contextmanager
def opened(at: Keeper, people: Population, folder: Path, jobs: int | None) -> Iterator[Loaded]:
    """The population in a database, loaded now unless it is kept."""
    key = f"{people.tasks}_{fingerprint(people)}"
    note = folder / f"{at.name}-{key}.json"
    if not note.exists():
        _forget_others(folder, at, people)
        note.write_text(json.dumps(asdict(_load(at, key, people, folder, jobs)), indent=1) + "\n")
    at.forget_traces(key)
    try:
        yield Loaded(key, at.url(key), at.version(), at.pids(), Loading(**json.loads(note.read_text())))
    finally:
        at.forget_traces(key)


def fingerprint(people: Population) -> str:
    """A hash of the schema's version, and of what a sample of the population turns into."""
    from fhir_server.definitions import load, shipped
    from fhir_server.search.extract import Extractor
    from fhir_server.search.units import load_units
    from fhir_server.store import schema

    extractor = Extractor(load(), base="", units=load_units(shipped("terminology")))
    seen = hashlib.sha256("\n".join(schema.versions()).encode())
    referrals = (r for number in range(_SAMPLED) for r in people.referral(number * 7919 % people.tasks))
    for resource in (*islice(people.resources(), _SAMPLED), people.patient(0), *referrals):
        rows: Any = extractor.index_rows(resource)
        seen.update(repr((resource, rows, extractor.work_row(resource, rows))).encode())
    return seen.hexdigest()[:12]


def _load(at: Keeper, key: str, people: Population, folder: Path, jobs: int | None) -> Loading:
    at.create(key)
    serving.command("db", "upgrade", database=at.url(key))
    with tempfile.TemporaryDirectory(prefix="ndjson-", dir=folder) as written:
        print(f"writing {people.tasks:,} Tasks and their people", flush=True)
        files = population.write(people, Path(written))
        size = sum(file.stat().st_size for file in files)
        print(f"loading {size / 1e6:,.0f} MB into {at.name} by fhir-server import", flush=True)
        options = ["--jobs", str(jobs)] if jobs else []
        told = serving.command("import", *options, *map(str, files), database=at.url(key))
    found = _PRINTED.search(told)
    assert found, told
    print(told, flush=True)
    started = time.perf_counter()
    at.tidy(key)
    print(f"statistics gathered in {time.perf_counter() - started:.0f} s", flush=True)
    return Loading(int(found[1]), float(found[2]), str(jobs or "default"), size, at.index_bytes(key))


def _forget_others(folder: Path, at: Keeper, people: Population) -> None:
    """Older populations of this size: what they were made by is gone."""
    for note in folder.glob(f"{at.name}-{people.tasks}_*.json"):
        key = note.stem.partition("-")[2]
        note.unlink()
        at.remove(key)
