"""Searches at several sizes: the server and the floor on one loaded database, one loaded with requests at a time.

Before anything is measured the two must agree: the same ids in the same order, and the floor's page is padded to the
server's bytes. A shape that the server refuses is reported as refused, not left out.
"""

import argparse
import contextlib
import http.client
import json
import os
import statistics
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlencode, urlsplit

from benchmarks import keepers, loaded, measuring, report_searches, serving, workload
from benchmarks.loaded import Loaded
from benchmarks.population import Population
from benchmarks.serving import Running
from benchmarks.shapes import SHAPES, Asked, Shape

_COMPARED = 20
_SECONDS = 60
_REST_SECONDS = 20


@dataclass(frozen=True, slots=True)
class Both:
    """The server and the floor, running on one database."""

    server: Running
    floor: Running
    token: str

    def ask(self, path: str) -> tuple[int, bytes]:
        """What the server answers."""
        return _asked(self.server, f"/fhir/{path}", self.token)

    def ask_floor(self, path: str) -> tuple[int, bytes]:
        """What the floor answers."""
        return _asked(self.floor, path, "")

    def next_of(self, path: str) -> str:
        """The path of the page after a page, "" after the last."""
        links = {link["relation"]: link["url"] for link in json.loads(self.ask(path)[1]).get("link", [])}
        found = urlsplit(links.get("next", ""))
        return f"{found.path.rpartition('/')[2]}?{found.query}" if found.path else ""


def measure(asked: argparse.Namespace, folder: Path) -> dict[str, Any]:
    """Everything that was asked for: by database, by number of Tasks."""
    found: dict[str, Any] = {}
    for name in asked.databases:
        with keepers.keeper(name, asked.cache, os.environ.get("DATABASE_URL", "")) as keeper:
            sizes = {}
            for tasks in asked.tasks:
                people = Population(tasks)
                with loaded.opened(keeper, people, asked.cache, asked.jobs) as database:
                    sizes[str(tasks)] = _measured(database, people, folder, asked) | {
                        "loading": asdict(database.loading)
                    }
            found[name] = {"version": keeper.version(), "sizes": sizes}
    return found


def _measured(database: Loaded, people: Population, folder: Path, asked: argparse.Namespace) -> dict[str, Any]:
    print(f"\n{database.version}, {people.tasks:,} Tasks", flush=True)
    figures, refused = [], {}
    with running(database, folder) as both:
        for name in asked.shapes:
            shape = SHAPES[name]
            try:
                requests = shape.requests(people, both.next_of)
                pad = agreed(both, shape, requests)
            except Refused as refusal:
                refused[name] = str(refusal)
                print(f"{shape.title:38} refused: {refusal}", flush=True)
                continue
            files = _written(both, shape, requests, pad, folder)
            for clients in asked.clients:
                row = _row(both, files, clients=clients, pids=database.pids, asked=asked)
                figures.append({"shape": name, "clients": clients, **row})
                print(report_searches.progress(figures[-1]), flush=True)
    return {"figures": figures, "refused": refused}


class Refused(Exception):
    """The server did not answer a search with 200."""


@contextlib.contextmanager
def running(database: Loaded, folder: Path) -> Iterator[Both]:
    log, journals = folder / "searches.log", folder / "searches-journals"
    settings = {"FHIR_SERVER_JOURNAL_FOLDER": str(journals), "FHIR_SERVER_LOG_LEVEL": "info"}
    token = serving.command("tokens", "create", "--organization", "bench", "--scope", "read", database=database.url)
    with contextlib.ExitStack() as stack:
        server = stack.enter_context(serving.server(database.url, token, log, settings))
        floor = stack.enter_context(
            serving.floor(database.url, folder / "searches-floor", log, module="benchmarks.floor_searches")
        )
        yield Both(server, floor, token)


def agreed(both: Both, shape: Shape, requests: Sequence[Asked]) -> int:
    """Compare answers of the two for some requests; how many bytes the floor's pages lack."""
    lacking = []
    for one in requests[:: max(1, len(requests) // _COMPARED)]:
        status, page = both.ask(one.path)
        if status != http.HTTPStatus.OK:
            raise Refused(_diagnostics(page))
        _, by_hand = both.ask_floor(floor_path(shape, one, 0))
        if keys(page) != keys(by_hand) or not keys(page):
            raise RuntimeError(f"server and floor disagree about {one.path}:\n{keys(page)}\n{keys(by_hand)}")
        lacking.append(len(page) - len(by_hand))
    return max(0, round(statistics.median(lacking)))


def keys(page: bytes) -> list[Any]:
    """What a page holds: its total, its matches in order, what is included in any order."""
    found = json.loads(page)
    entries = found.get("entry", [])
    names = {
        mode: [f"{e['resource']['resourceType']}/{e['resource']['id']}" for e in entries if e["search"]["mode"] == mode]
        for mode in ("match", "include")
    }
    return [found.get("total"), *names["match"], *sorted(names["include"])] if entries else []


def floor_path(shape: Shape, one: Asked, pad: int) -> str:
    """The floor's path for a search."""
    return f"/floor/{shape.name}?{urlencode({**one.values, 'pad': pad})}"


def _row(
    both: Both, files: dict[str, Path], *, clients: int, pids: list[int], asked: argparse.Namespace
) -> dict[str, Any]:
    """One measurement of each; what the server has left to do in the background is done before the floor's turn."""
    row: dict[str, Any] = {}
    measuring.await_rest(both.server, _REST_SECONDS)
    for name, target in (("floor", both.floor), ("server", both.server)):
        figures = measuring.measure(
            target, files[name], clients=clients, seconds=asked.seconds, database_pids=pids, patience=asked.patience
        )
        row[name] = figures.as_json()
    return row


def _written(both: Both, shape: Shape, requests: Sequence[Asked], pad: int, folder: Path) -> dict[str, Path]:
    """The requests of both as the load generators read them."""
    target = workload.Target(both.server.address, both.token)
    made = {
        "floor": [_get(both.floor, floor_path(shape, one, pad)) for one in requests],
        "server": [target.request("GET", f"/{one.path}") for one in requests],
    }
    return {name: workload.write(one, folder / f"{name}-requests") for name, one in made.items()}


def _get(running: Running, path: str) -> bytes:
    return f"GET {path} HTTP/1.1\r\nHost: {running.address}\r\n\r\n".encode()


def _asked(running: Running, path: str, token: str) -> tuple[int, bytes]:
    connection = http.client.HTTPConnection(running.address, timeout=_SECONDS)
    try:
        connection.request("GET", path, headers={"Authorization": f"Bearer {token}"} if token else {})
        answer = connection.getresponse()
        return answer.status, answer.read()
    finally:
        connection.close()


def _diagnostics(page: bytes) -> str:
    try:
        issues = json.loads(page)["issue"]
        return "; ".join(str(issue.get("diagnostics", issue.get("code"))) for issue in issues)[:200]
    except (ValueError, KeyError):
        return page[:200].decode(errors="replace")
