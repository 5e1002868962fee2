"""One measurement: a warm-up, a load, the CPU time that it cost the server and the database."""

import os
import time
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from benchmarks import load, meter
from benchmarks.serving import Running

_QUIET = 0.1
"""The share of the machine that others may use before figures are thought disturbed."""
_RESTING = 0.05
"""The share of one processor that a server without requests uses at most."""
_LOOK_SECONDS = 0.5


@dataclass(frozen=True, slots=True)
class Figures:
    """What one target reached: microseconds of CPU a request in its own processes, and in the database's.

    `others` is the share of the machine's CPU time that neither these nor the load generator used.
    """

    per_second: float
    p50_ms: float
    p99_ms: float
    server_cpu_us: float
    database_cpu_us: float
    requests: int
    others: float

    def as_json(self) -> dict[str, Any]:
        """For the results file."""
        return {name: round(value, 3) for name, value in asdict(self).items()}


def measure(
    running: Running, requests: Path, *, clients: int, seconds: int, database_pids: Sequence[int], patience: int
) -> Figures:
    """Load one target for so long; a failed request makes the figures worthless, so it raises.

    While others use the machine it waits, `patience` seconds at most, and measures again; the quietest attempt counts.
    """
    until = time.monotonic() + patience
    attempts: list[Figures] = []
    while not attempts or (time.monotonic() < until and attempts[-1].others > _QUIET):
        _await_quiet(until)
        attempts.append(_measured(running, requests, clients=clients, seconds=seconds, database_pids=database_pids))
    return min(attempts, key=lambda figures: figures.others)


def _await_quiet(until: float) -> None:
    while time.monotonic() < until:
        before = meter.machine_cpu_seconds()
        time.sleep(1)
        if meter.machine_cpu_seconds() - before < _QUIET * (os.cpu_count() or 1):
            return


def _measured(running: Running, requests: Path, *, clients: int, seconds: int, database_pids: Sequence[int]) -> Figures:
    load.for_seconds(running.root, requests, clients=clients, seconds=1)
    before = _cpu(running, database_pids)
    started = time.perf_counter()
    reached = load.for_seconds(running.root, requests, clients=clients, seconds=seconds)
    elapsed = time.perf_counter() - started
    server, database, generator, machine = (b - a for a, b in zip(before, _cpu(running, database_pids), strict=True))
    _refuse_failures(reached)
    return Figures(
        reached.per_second,
        reached.p50_ms,
        reached.p99_ms,
        server / reached.requests * 1e6,
        database / reached.requests * 1e6,
        reached.requests,
        max(0.0, machine - server - database - generator) / (elapsed * (os.cpu_count() or 1)),
    )


def _cpu(running: Running, database_pids: Sequence[int]) -> tuple[float, float, float, float]:
    return (
        meter.cpu_seconds([running.pid]),
        meter.cpu_seconds(database_pids),
        meter.ended_children_cpu_seconds(),
        meter.machine_cpu_seconds(),
    )


def await_rest(running: Running, most_seconds: float) -> None:
    """Wait until a server has nothing left to do, such as moving the journals of a load before; not for ever."""
    until = time.monotonic() + most_seconds
    used, before = 1.0, meter.cpu_seconds([running.pid])
    while used > _RESTING and time.monotonic() < until:
        time.sleep(_LOOK_SECONDS)
        now = meter.cpu_seconds([running.pid])
        used, before = (now - before) / _LOOK_SECONDS, now


def memory_after(running: Running, requests: Path, *, clients: int, count: int) -> list[int]:
    """Resident bytes of each worker after so many requests."""
    _refuse_failures(load.of_count(running.root, requests, clients=clients, count=count))
    return [meter.memory_bytes(pid) for pid in running.workers()]


def median(values: Iterable[float]) -> float:
    """The middle one."""
    ordered = sorted(values)
    return ordered[len(ordered) // 2]


def _refuse_failures(reached: load.Load) -> None:
    if reached.failed or not reached.requests:
        raise RuntimeError(f"{reached.failed} of {reached.requests} requests failed: no figures")
