"""The whole run: for each database the server and its floor, side by side, one loaded at a time.

    python -m benchmarks [--databases sqlite,postgresql] [--clients 1,8,32] [--seconds 5] [--page docs/benchmarks.md]

PostgreSQL is the one of DATABASE_URL, else one started for the run with fsync on. Nothing leaves the loopback address.
"""

import argparse
import contextlib
import datetime as dt
import json
import os
import signal
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from benchmarks import load, machine, measuring, report, serving, workload
from benchmarks.databases import Databases, Sqlite, postgresql
from benchmarks.serving import Running

RESULTS = Path(__file__).with_name("results")
STARTS = 3
MIXED_REQUESTS = 10_000
OPERATIONS: dict[str, Callable[[workload.Target], list[bytes]]] = {
    "read": workload.reads,
    "create": workload.creates,
    "update": workload.updates,
    "transaction of nine": workload.transactions,
}


def main() -> None:
    """Measure, print, write the results."""
    asked = _arguments()
    # Ended from outside, a run must still stop the servers that it has started.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("ended"))
    with tempfile.TemporaryDirectory(prefix="fhir-benchmark-", dir=asked.folder) as folder:
        results: dict[str, Any] = {
            "command": f"python -m benchmarks {' '.join(sys.argv[1:])}".strip(),
            "when": dt.datetime.now(dt.UTC).isoformat(timespec="seconds"),
            "machine": machine.describe(Path(folder)),
            "settings": {
                "workers": serving.WORKERS,
                "blocking threads": serving.BLOCKING_THREADS,
                "load generator": load.generator_name(),
                "seconds a measurement": asked.seconds,
                "server settings": "defaults: validation, audit journal and outbox on",
            },
            "databases": {},
        }
        for databases in _databases(asked.databases, Path(folder)):
            results["databases"][databases.name] = _measure(databases, Path(folder), asked)
    RESULTS.mkdir(exist_ok=True)
    file = RESULTS / f"{results['when'].replace(':', '')}.json"
    file.write_text(json.dumps(results, indent=1) + "\n")
    print(f"\n{report.tables(results)}\n{file}")
    if asked.page:
        report.write_page(asked.page, results)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--databases", default="sqlite,postgresql", type=lambda text: text.split(","))
    parser.add_argument("--operations", default=list(OPERATIONS), type=lambda text: text.split(","))
    parser.add_argument("--clients", default=[1, 8, 32], type=lambda text: [int(number) for number in text.split(",")])
    parser.add_argument("--seconds", default=5, type=int)
    parser.add_argument("--patience", default=0, type=int, help="seconds to wait for a quiet machine, a measurement")
    parser.add_argument("--mixed", default=MIXED_REQUESTS, type=int, help="requests before memory is read")
    parser.add_argument("--folder", help="where the database files go, to choose the disk")
    parser.add_argument("--page", type=Path, help="write the figures into this document")
    return parser.parse_args()


def _databases(names: list[str], folder: Path) -> Iterator[Databases]:
    for name in names:
        if name == "sqlite":
            yield Sqlite(folder)
        else:
            with postgresql(os.environ.get("DATABASE_URL", "")) as databases:
                yield databases


def _measure(databases: Databases, folder: Path, asked: argparse.Namespace) -> dict[str, Any]:
    log, journals = folder / f"{databases.name}.log", folder / f"{databases.name}-journals"
    settings = {"FHIR_SERVER_JOURNAL_FOLDER": str(journals), "FHIR_SERVER_LOG_LEVEL": "info"}
    serving.command("db", "upgrade", database=databases.url)
    token = serving.command("tokens", "create", "--organization", "bench", "--scope", "write", database=databases.url)
    starts = []
    for _ in range(STARTS):
        with serving.server(databases.url, token, log, settings) as running:
            starts.append(running.first_answer_seconds)
            if len(starts) == 1:
                _seed(running, token, folder)
    copy = databases.copy()
    with contextlib.ExitStack() as stack:
        server = stack.enter_context(serving.server(databases.url, token, log, settings))
        floor = stack.enter_context(serving.floor(copy, folder / f"{databases.name}-floor", log))
        found = {
            "version": databases.version(),
            "first answer seconds": round(measuring.median(starts), 3),
            "figures": _operations({"floor": floor, "server": server}, token, databases.pids(), folder, asked),
        }
        found["worker bytes"] = _memory({"floor": floor, "server": server}, token, folder, asked.mixed)
    return found


def _seed(running: Running, token: str, folder: Path) -> None:
    """The Tasks to be read and updated; the last rows are those of one referral, which the floor copies."""
    target = workload.Target(running.address, token)
    requests = [target.request("POST", "", body) for body in (workload.seed(), workload.referral())]
    reached = load.of_count(running.root, workload.write(requests, folder / "seed"), clients=1, count=len(requests))
    if reached.failed:
        raise RuntimeError("the server refused the seed")


def _operations(
    targets: dict[str, Running], token: str, database_pids: list[int], folder: Path, asked: argparse.Namespace
) -> list[dict[str, Any]]:
    found = []
    for operation in asked.operations:
        for clients in asked.clients:
            row: dict[str, Any] = {"operation": operation, "clients": clients}
            for name, running in targets.items():
                requests = OPERATIONS[operation](workload.Target(running.address, token))
                file = workload.write(requests, folder / "requests")
                figures = measuring.measure(
                    running,
                    file,
                    clients=clients,
                    seconds=asked.seconds,
                    database_pids=database_pids,
                    patience=asked.patience,
                )
                row[name] = figures.as_json()
            found.append(row)
            print(report.progress(row), flush=True)
    return found


def _memory(targets: dict[str, Running], token: str, folder: Path, count: int) -> dict[str, list[int]]:
    found = {}
    for name, running in targets.items():
        make = workload.mixed if name == "server" else workload.mixed_without_search
        file = workload.write(make(workload.Target(running.address, token)), folder / "requests")
        found[name] = measuring.memory_after(running, file, clients=8, count=count)
    return found


if __name__ == "__main__":
    main()
