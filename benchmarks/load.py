"""Put load on a server and say what came of it: by wrk where the machine has it, else by benchmarks.generator."""

import json
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

_SCRIPT = Path(__file__).with_name("wrk.lua")


@dataclass(frozen=True, slots=True)
class Load:
    """What a load measured; `failed` counts answers of 400 and above, and broken connections."""

    requests: int
    seconds: float
    p50_ms: float
    p99_ms: float
    failed: int

    @property
    def per_second(self) -> float:
        """Requests answered in a second."""
        return self.requests / self.seconds


def generator_name() -> str:
    """Which generator is used here."""
    return "wrk" if shutil.which("wrk") else "benchmarks.generator"


def for_seconds(root: str, requests: Path, *, clients: int, seconds: int) -> Load:
    """Load for a time."""
    wrk = shutil.which("wrk")
    if wrk is None:
        return _generated(root, requests, clients, "--seconds", seconds)
    command = [wrk, "-t1", f"-c{clients}", f"-d{seconds}s", "--timeout", "30s", "-s", str(_SCRIPT), root, "--"]
    done = subprocess.run([*command, str(requests)], capture_output=True, text=True, check=True)
    line = next(line for line in done.stdout.splitlines() if line.startswith("RESULT "))
    return _load(line.removeprefix("RESULT "))


def of_count(root: str, requests: Path, *, clients: int, count: int) -> Load:
    """Load of so many requests."""
    return _generated(root, requests, clients, "--count", count)


def _generated(root: str, requests: Path, clients: int, limit: str, value: int) -> Load:
    address = urlsplit(root)
    command = [sys.executable, "-m", "benchmarks.generator", str(address.hostname), str(address.port), str(requests)]
    command += ["--clients", str(clients), limit, str(value)]
    return _load(subprocess.run(command, capture_output=True, text=True, check=True).stdout)


def _load(text: str) -> Load:
    found = json.loads(text)
    failed = sum(found["failed"].values())
    return Load(found["requests"], found["seconds"], found["p50_ms"], found["p99_ms"], failed)
