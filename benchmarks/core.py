"""Reads and writes: for each database the server and its floor, side by side, one loaded at a time.

PostgreSQL is the one of DATABASE_URL, else one started for the run with fsync on.
"""

import argparse
import contextlib
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from benchmarks import load, measuring, report, serving, workload
from benchmarks.databases import Databases, Sqlite, postgresql
from benchmarks.serving import Running

STARTS = 3
OPERATIONS: dict[str, Callable[[workload.Target], list[bytes]]] = {
    "read": workload.reads,
    "create": workload.creates,
    "update": workload.updates,
    "transaction of nine": workload.transactions,
}


def measure(asked: argparse.Namespace, folder: Path) -> dict[str, Any]:
    """Everything that was asked for, by database."""
    return {found.name: _measured(found, folder, asked) for found in _databases(asked.databases, folder)}


def _databases(names: list[str], folder: Path) -> Iterator[Databases]:
    for name in names:
        if name == "sqlite":
            yield Sqlite(folder)
        else:
            with postgresql(os.environ.get("DATABASE_URL", "")) as databases:
                yield databases


def _measured(databases: Databases, folder: Path, asked: argparse.Namespace) -> dict[str, Any]:
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
