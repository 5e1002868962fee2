"""The whole run: reads and writes first, then searches on loaded populations; what it prints, and where results go.

    python -m benchmarks [--databases sqlite,postgresql] [--clients 1,8,32] [--seconds 5] [--page docs/benchmarks.md]
    python -m benchmarks --searches-only [--tasks 10000,1000000] [--shapes worklist,include]

Nothing leaves the loopback address.
"""

import argparse
import datetime as dt
import json
import signal
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from benchmarks import core, load, machine, report, report_searches, searches, serving
from benchmarks.shapes import SHAPES

RESULTS = Path(__file__).with_name("results")
SIZES = (10_000, 1_000_000)
MIXED_REQUESTS = 10_000


def main() -> None:
    """Measure, print, write the results."""
    asked = _arguments()
    # Ended from outside, a run must still stop the servers that it has started.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("ended"))
    RESULTS.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="fhir-benchmark-", dir=asked.folder) as folder:
        if not asked.searches_only:
            _run("core", core.measure, report.write_tables, asked, Path(folder))
        if not asked.core_only:
            _run("searches", searches.measure, report_searches.write_tables, asked, Path(folder))


def _run(
    part: str,
    measure: Callable[[argparse.Namespace, Path], dict[str, Any]],
    write_tables: Callable[[dict[str, Any]], str],
    asked: argparse.Namespace,
    folder: Path,
) -> None:
    """One part of a run, with a results file and a place in the document of its own."""
    results = _circumstances(asked, folder)
    results["databases"] = measure(asked, folder)
    file = RESULTS / f"{part}-{results['when'].replace(':', '')}.json"
    file.write_text(json.dumps(results, indent=1) + "\n")
    text = write_tables(results)
    print(f"\n{text}\n{file}")
    if asked.page:
        report.write_page(asked.page, part, text)


def _circumstances(asked: argparse.Namespace, folder: Path) -> dict[str, Any]:
    return {
        "command": f"python -m benchmarks {' '.join(sys.argv[1:])}".strip(),
        "when": dt.datetime.now(dt.UTC).isoformat(timespec="seconds"),
        "machine": machine.describe(folder),
        "settings": {
            "workers": serving.WORKERS,
            "blocking threads": serving.BLOCKING_THREADS,
            "load generator": load.generator_name(),
            "seconds a measurement": asked.seconds,
            "server settings": "defaults: validation, audit journal and outbox on",
        },
    }


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--databases", default=["sqlite", "postgresql"], type=_names)
    parser.add_argument("--clients", default=[1, 8, 32], type=_numbers)
    parser.add_argument("--seconds", default=5, type=int)
    parser.add_argument("--patience", default=0, type=int, help="seconds to wait for a quiet machine, a measurement")
    parser.add_argument("--folder", help="where the database files go, to choose the disk")
    parser.add_argument("--page", type=Path, help="write the figures into this document")
    one = parser.add_mutually_exclusive_group()
    one.add_argument("--core-only", action="store_true", help="reads and writes, no searches")
    one.add_argument("--searches-only", action="store_true", help="searches, no reads and writes")
    core_options = parser.add_argument_group("reads and writes")
    core_options.add_argument("--operations", default=list(core.OPERATIONS), type=_names)
    core_options.add_argument("--mixed", default=MIXED_REQUESTS, type=int, help="requests before memory is read")
    options = parser.add_argument_group("searches")
    options.add_argument("--tasks", default=list(SIZES), type=_numbers, help="sizes of the population")
    options.add_argument("--shapes", default=list(SHAPES), type=_names, help=", ".join(SHAPES))
    options.add_argument("--cache", default=RESULTS / "loaded", type=Path, help="where loaded populations are kept")
    options.add_argument("--jobs", type=int, help="processes that load; default: what fhir-server import chooses")
    asked = parser.parse_args()
    for given, known in ((asked.operations, core.OPERATIONS), (asked.shapes, SHAPES)):
        if unknown := set(given) - set(known):
            parser.error(f"unknown: {', '.join(sorted(unknown))}; there are {', '.join(known)}")
    return asked


def _names(text: str) -> list[str]:
    return text.split(",")


def _numbers(text: str) -> list[int]:
    return [int(number) for number in text.split(",")]
