"""One measurement: a warm-up, a load, the CPU time that it cost the server and the database."""

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from benchmarks import load, meter
from benchmarks.serving import Running


@dataclass(frozen=True, slots=True)
class Figures:
    """What one target reached: microseconds of CPU a request in its own processes, and in the database's."""

    per_second: float
    p50_ms: float
    p99_ms: float
    server_cpu_us: float
    database_cpu_us: float
    requests: int

    def as_json(self) -> dict[str, Any]:
        """For the results file."""
        return {name: round(value, 3) for name, value in asdict(self).items()}


def measure(running: Running, requests: Path, *, clients: int, seconds: int, database_pids: Sequence[int]) -> Figures:
    """Load one target for so long; a failed request makes the figures worthless, so it raises."""
    load.for_seconds(running.root, requests, clients=clients, seconds=1)
    server, database = meter.cpu_seconds([running.pid]), meter.cpu_seconds(database_pids)
    reached = load.for_seconds(running.root, requests, clients=clients, seconds=seconds)
    server, database = meter.cpu_seconds([running.pid]) - server, meter.cpu_seconds(database_pids) - database
    _refuse_failures(reached)
    return Figures(
        reached.per_second,
        reached.p50_ms,
        reached.p99_ms,
        server / reached.requests * 1e6,
        database / reached.requests * 1e6,
        reached.requests,
    )


def memory_after(running: Running, requests: Path, *, clients: int, count: int) -> list[int]:
    """Resident bytes of each worker after so many requests."""
    _refuse_failures(load.of_count(running.root, requests, clients=clients, count=count))
    return [meter.memory_bytes(pid) for pid in running.workers()]


def share(part: float, whole: float) -> float:
    """A part of a whole, 0 where there is no whole."""
    return part / whole if whole else 0.0


def median(values: Iterable[float]) -> float:
    """The middle one."""
    ordered = sorted(values)
    return ordered[len(ordered) // 2]


def _refuse_failures(reached: load.Load) -> None:
    if reached.failed or not reached.requests:
        raise RuntimeError(f"{reached.failed} of {reached.requests} requests failed: no figures")
