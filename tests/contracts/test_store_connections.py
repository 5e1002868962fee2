"""Connections: one for each thread, none across a fork, new ones when the server comes back, and time limits."""

import os
import socket
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psycopg
import pytest
import sqlalchemy as sa

from fhir_server.errors import TimeLimit, Unavailable
from fhir_server.store import reading
from fhir_server.store.database import Database, Rows, open_database
from fhir_server.store.stored import Stored
from fhir_server.store.unit_of_work import OutcomeUnknown, Retryable, UnitOfWork, run_unit_of_work
from fhir_server.store.visibility import ALL_ROWS
from tests.builders.changes import NOW, PATIENT, TENANT, commit, created, updated

ENDLESS = sa.text(
    "SELECT count(*) FROM (WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 2000000000) "
    "SELECT i FROM n) AS numbers"
)


def current(rows: Rows, resource_id: str) -> Stored | None:
    return reading.read_current(rows, PATIENT, resource_id, tenant=TENANT, visible=ALL_ROWS)


def end_sessions(url: str) -> None:
    """End all other sessions on the database, as a restart of the server would."""
    statement = (
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
        "WHERE datname = current_database() AND pid <> pg_backend_pid()"
    )
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(statement)
        while connection.execute(
            "SELECT 1 FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid() "
            "AND backend_type = 'client backend'"
        ).fetchall():
            pass


def test_threads_work_at_once_and_leave_nothing_open(database: Database) -> None:
    names = [f"r{n}" for n in range(24)]
    for start in (0, 8, 16):
        with ThreadPoolExecutor(4) as threads:
            list(threads.map(lambda name: commit(database, created(name)), names[start : start + 8]))
            assert all(threads.map(lambda name: current(database, name), names[: start + 8]))
    database.close()
    assert current(database, "r0") is not None


def test_connections_of_ended_threads_are_closed(database_url: str, engine: str) -> None:
    database = open_database(database_url)
    for number in range(10):
        thread = threading.Thread(target=commit, args=(database, created(f"r{number}")))
        thread.start()
        thread.join()
    # Only the last thread's connection is left, and on SQLite the one that writes: of each a database, log and index
    # file, and a closed file that SQLite keeps for the next one.
    assert open_files("test.db") <= 7 if engine == "sqlite" else sessions(database_url) <= 2
    database.close()
    assert open_files("test.db") == 0


def open_files(name: str) -> int:
    """How many files with this in their name the process has open."""
    return sum(name in str(file.readlink()) for file in Path("/proc/self/fd").iterdir() if file.is_symlink())


def sessions(url: str) -> int:
    """How many sessions the server has from us; one that was just closed may still be there."""
    count = (
        "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() "
        "AND application_name = 'fhir-server' AND state = 'idle'"
    )
    with psycopg.connect(url) as connection:
        row = connection.execute(count).fetchone()
    assert row is not None
    return int(row[0])


def test_a_forked_process_has_connections_and_keys_of_its_own(database: Database) -> None:
    commit(database, created("before"))
    assert current(database, "before") is not None
    child = os.fork()
    if child == 0:
        status = 1
        try:
            commit(database, created("child"), created("child2"))
            status = 0 if current(database, "before") and current(database, "child") else 2
        finally:
            os._exit(status)
    commit(database, created("parent"))
    assert os.waitpid(child, 0)[1] == 0
    found = [current(database, name) for name in ("before", "parent", "child", "child2")]
    assert len({s.pk for s in found if s is not None}) == 4


def test_statements_end_at_the_time_limit(database_url: str) -> None:
    database = open_database(database_url, timeout_ms=200)
    endless = database.sql(ENDLESS)
    with pytest.raises(Unavailable):
        database.rows(endless, {})
    assert current(database, "a") is None
    with pytest.raises(Unavailable), database.unit_of_work(tenant=TENANT, now=NOW) as uow:
        uow.rows(endless, {})
    with pytest.raises(Unavailable), database.unit_of_work(tenant=TENANT, now=NOW) as uow:  # noqa: PT012
        uow.change(created("a"))
        uow.flush()
        uow.rows(endless, {})
    assert current(database, "a") is None
    assert len(commit(database, created("a"))) == 1
    database.close()


def test_a_statement_may_be_given_less_time_than_the_others(database_url: str) -> None:
    database = open_database(database_url, timeout_ms=60_000)
    commit(database, created("a"))
    endless = database.sql(ENDLESS)
    began = time.monotonic()
    for _ in range(2):
        with pytest.raises(TimeLimit):
            database.rows(endless, {}, within_seconds=0.1)
        assert current(database, "a") is not None
        with database.snapshot() as rows:
            assert current(rows, "a") is not None
            with pytest.raises(TimeLimit):
                rows.rows(endless, {}, within_seconds=0.1)
        with pytest.raises(TimeLimit), database.unit_of_work(tenant=TENANT, now=NOW) as uow:  # noqa: PT012
            uow.enter_write_order()
            uow.rows(endless, {}, within_seconds=0.1)
    assert time.monotonic() - began < 30
    database.close()


def test_the_usual_limit_holds_again_afterwards(database_url: str) -> None:
    database = open_database(database_url, timeout_ms=60_000, reading_timeout_ms=50_000)
    numbers, most = ENDLESS.text.split("2000000000")
    slow = database.sql(sa.text(f"{numbers}300000{most}"))  # longer than what the statements before it are given
    quick = database.sql(sa.text(f"{numbers}10{most}"))
    for _ in range(2):
        with database.snapshot() as rows, database.unit_of_work(tenant=TENANT, now=NOW) as uow:
            for reads in (rows, uow):
                assert reads.rows(quick, {}, within_seconds=0.03) == [(10,)]
                assert reads.rows(slow, {}) == [(300000,)]
        assert database.rows(quick, {}, within_seconds=0.03) == [(10,)]
        assert database.rows(slow, {}) == [(300000,)]
        with pytest.raises(TimeLimit):
            database.rows(database.sql(ENDLESS), {}, within_seconds=0.03)
    database.close()


def test_what_only_reads_may_have_a_limit_of_its_own(database_url: str) -> None:
    database = open_database(database_url, timeout_ms=60_000, reading_timeout_ms=200)
    began = time.monotonic()
    with pytest.raises(TimeLimit):
        database.rows(database.sql(ENDLESS), {})
    with database.snapshot() as rows, pytest.raises(TimeLimit):
        rows.rows(rows.sql(ENDLESS), {})
    assert time.monotonic() - began < 30
    database.close()


def test_waiting_for_other_writers_ends_at_the_time_limit(database: Database, database_url: str) -> None:
    impatient = open_database(database_url, timeout_ms=200)
    with database.unit_of_work(tenant=TENANT, now=NOW) as uow:
        uow.enter_write_order()
        with pytest.raises(Unavailable):
            run_unit_of_work(
                impatient, lambda u: u.change(created("a")), tenant=TENANT, now=lambda: NOW, timeout_ms=200
            )
        uow.change(created("b"))
    assert len(commit(impatient, created("a"))) == 1
    impatient.close()


def test_an_unreachable_database_is_unavailable(engine: str) -> None:
    url = {"sqlite": "sqlite:////nowhere/at/all.db", "postgresql": "postgresql://nobody@127.0.0.1:1/none"}[engine]
    database = open_database(url)
    with pytest.raises(Unavailable):
        current(database, "a")
    with pytest.raises(Unavailable):
        commit(database, created("a"))
    database.close()


@pytest.mark.parametrize("engine", ["postgresql"])
def test_reads_and_writes_go_on_when_the_server_was_restarted(database: Database, database_url: str) -> None:
    [first] = commit(database, created("a"))
    assert current(database, "a") == first
    end_sessions(database_url)
    assert current(database, "a") == first
    end_sessions(database_url)
    [second] = commit(database, updated(first))
    end_sessions(database_url)
    with database.snapshot() as rows:
        assert current(rows, "a") == second


@pytest.mark.parametrize("engine", ["postgresql"])
def test_a_unit_that_loses_its_session_before_the_commit_is_tried_again(database: Database, database_url: str) -> None:
    attempts = []

    def collect(uow: UnitOfWork) -> None:
        attempts.append(1)
        uow.change(created("a"))
        uow.flush()
        if len(attempts) == 1:
            end_sessions(database_url)
            uow.rows(uow.sql(sa.text("SELECT 1")), {})

    run_unit_of_work(database, collect, tenant=TENANT, now=lambda: NOW, timeout_ms=10_000)
    assert len(attempts) == 2
    assert current(database, "a") is not None


@pytest.mark.parametrize("engine", ["postgresql"])
def test_a_unit_that_is_ended_while_it_waits_is_tried_again(database: Database, database_url: str) -> None:
    waiting = open_database(database_url)
    with ThreadPoolExecutor(1) as threads:
        with pytest.raises(Retryable), database.unit_of_work(tenant=TENANT, now=NOW) as uow:  # noqa: PT012
            uow.enter_write_order()
            done = threads.submit(commit, waiting, created("a"))
            wait_for_a_waiting_writer(database_url)
            end_sessions(database_url)
            uow.flush()
            uow.rows(uow.sql(sa.text("SELECT 1")), {})
        [stored] = done.result()
    assert current(waiting, "a") == stored
    waiting.close()


def wait_for_a_waiting_writer(url: str) -> None:
    """Return once a session waits for the write order."""
    with psycopg.connect(url, autocommit=True) as connection:
        while not connection.execute("SELECT 1 FROM pg_locks WHERE locktype = 'advisory' AND NOT granted").fetchall():
            pass


@pytest.mark.parametrize("engine", ["postgresql"])
def test_a_commit_whose_answer_is_lost_is_not_repeated(database: Database, database_url: str) -> None:
    attempts = []

    def collect(uow: UnitOfWork) -> None:
        attempts.append(1)
        uow.change(created("a"))

    with lossy_proxy(database_url) as (url, lose):
        behind = open_database(url)
        commit(behind, created("before"))
        lose.set()
        with pytest.raises(OutcomeUnknown):
            run_unit_of_work(behind, collect, tenant=TENANT, now=lambda: NOW, timeout_ms=10_000)
        behind.close()
    assert len(attempts) == 1
    while current(database, "a") is None:
        pass


@contextmanager
def lossy_proxy(url: str) -> Iterator[tuple[str, threading.Event]]:
    """A way to the server that passes on what the client sends but, once told so, closes instead of answering."""
    target = psycopg.conninfo.conninfo_to_dict(url)
    lose = threading.Event()
    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=_relay, args=(listener, target, lose))
        thread.start()
        parameters = {**target, "host": "127.0.0.1", "hostaddr": "127.0.0.1", "port": listener.getsockname()[1]}
        yield psycopg.conninfo.make_conninfo("", **{**parameters, "sslmode": "disable", "gssencmode": "disable"}), lose
        thread.join()


def _relay(listener: socket.socket, target: dict[str, Any], lose: threading.Event) -> None:
    client, _ = listener.accept()
    with client, _server(target) as server:
        up = threading.Thread(target=_pass_on, args=(client, server))
        up.start()
        while received := server.recv(65_536):
            if lose.is_set():
                break
            client.sendall(received)
        client.shutdown(socket.SHUT_RDWR)
        up.join()


def _server(target: dict[str, Any]) -> socket.socket:
    host, port = str(target.get("host", "127.0.0.1")), int(target.get("port", 5432))
    if not host.startswith("/"):
        return socket.create_connection((host, port))
    server = socket.socket(socket.AF_UNIX)
    server.connect(f"{host}/.s.PGSQL.{port}")
    return server


def _pass_on(client: socket.socket, server: socket.socket) -> None:
    while sent := client.recv(65_536):
        server.sendall(sent)


@pytest.mark.parametrize("engine", ["postgresql"])
def test_a_young_database_finds_rows_by_the_right_index(database: Database, database_url: str) -> None:
    for number in range(10):
        current(database, f"r{number}")
        commit(database, *(created(f"r{number}-{n}") for n in range(6)))
    with psycopg.connect(database_url) as connection:
        connection.execute("SET enable_seqscan = off")
        plan = connection.execute(
            "EXPLAIN SELECT body FROM resource WHERE tenant = 1 AND type = %s AND resource_id = 'r1'", [PATIENT]
        ).fetchall()
        counted = connection.execute("SELECT reltuples FROM pg_class WHERE relname = 'index_token'").fetchone()
    assert "resource_id_is_unique" in str(plan)
    assert counted is not None
    assert counted[0] >= 50
