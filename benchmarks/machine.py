"""What a run was made on: figures without their machine say nothing."""

import os
import platform
import statistics
import tempfile
import time
from importlib import metadata
from pathlib import Path

_PACKAGES = ("granian", "flask", "sqlalchemy", "psycopg", "jsonschema-rs", "msgspec")
_SYNCS = 200


def describe(folder: Path) -> dict[str, str]:
    """Processor, memory, disk, system and versions, each as text."""
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    return {
        "processor": f"{os.cpu_count()} x {_processor()}",
        "memory": f"{memory:.0f} GiB",
        "disk": f"4 kB append and fdatasync: {_sync_milliseconds(folder):.2f} ms (median)",
        "system": f"{platform.system()} {platform.release()}, Python {platform.python_version()}",
        "packages": ", ".join(f"{name} {metadata.version(name)}" for name in _PACKAGES),
        "load before": f"{os.getloadavg()[0]:.2f} (1 minute)",
    }


def _processor() -> str:
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.processor()


def _sync_milliseconds(folder: Path) -> float:
    times = []
    with tempfile.TemporaryFile(dir=folder) as file:
        for _ in range(_SYNCS):
            file.write(b"x" * 4096)
            file.flush()
            started = time.perf_counter()
            os.fdatasync(file.fileno())
            times.append(time.perf_counter() - started)
    return statistics.median(times) * 1000
