"""The worker runs each task at its interval, survives their errors, and ends when told."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from fhir_server.errors import Unavailable
from fhir_server.jobs.worker import PeriodicTask, Worker, run_until_told

ROOT = Path(__file__).parents[3]
PATIENCE_SECONDS = 60


class Clock:
    """A clock that goes on when told."""

    def __init__(self) -> None:
        self.now = 1_000.0

    def __call__(self) -> float:
        return self.now


def test_each_task_runs_at_once_and_then_at_its_interval() -> None:
    clock, runs = Clock(), []
    often = PeriodicTask("often", 1.0, lambda: runs.append("often"))
    seldom = PeriodicTask("seldom", 2.5, lambda: runs.append("seldom"))
    worker = Worker([often, seldom], clock=clock)
    assert worker.run_due() == 1.0
    assert runs == ["often", "seldom"]
    clock.now += 0.9
    assert worker.run_due() == pytest.approx(0.1)
    assert runs == ["often", "seldom"]
    clock.now += 1.1
    worker.run_due()
    assert runs == ["often", "seldom", "often"]


def test_the_pause_is_counted_from_the_end_of_a_run() -> None:
    clock = Clock()

    def work() -> None:
        clock.now += 60

    assert Worker([PeriodicTask("long", 1.0, work)], clock=clock).run_due() == 1.0


def test_a_failing_task_hinders_no_other_and_tries_again_ever_later(caplog: pytest.LogCaptureFixture) -> None:
    clock, runs = Clock(), []

    def fail() -> None:
        runs.append("fail")
        raise ValueError("the content of Patient/1")

    worker = Worker(
        [PeriodicTask("fails", 1.0, fail), PeriodicTask("works", 1.0, lambda: runs.append("work"))], clock=clock
    )
    assert worker.run_due() == 1.0
    assert runs == ["fail", "work"]
    pauses = []
    for _ in range(8):
        before = clock.now
        while runs.count("fail") == len(pauses) + 1:
            clock.now += 0.5
            worker.run_due()
        pauses.append(clock.now - before)
    assert pauses == [2, 4, 8, 16, 30, 30, 30, 30]
    assert all("Patient/1" not in line for line in caplog.messages), "an error's text may hold what a resource held"
    assert "fails failed: ValueError at" in caplog.messages[0]


def test_a_success_ends_the_long_pauses() -> None:
    clock, outcomes = Clock(), [False, False, True, True]

    def run() -> None:
        if not outcomes.pop(0):
            raise Unavailable("the database is away")

    worker = Worker([PeriodicTask("sometimes", 1.0, run)], clock=clock)
    pauses = []
    while outcomes:
        pauses.append(worker.run_due())
        clock.now += pauses[-1]
    assert pauses == [2.0, 4.0, 1.0, 1.0]


def test_the_domain_s_own_message_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    def run() -> None:
        raise Unavailable("the database is away")

    Worker([PeriodicTask("collect", 1.0, run)]).run_due()
    assert caplog.messages == ["task collect failed: the database is away"]


def test_a_worker_without_tasks_waits() -> None:
    assert Worker([]).run_due() > 0


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_it_after_the_task_that_runs(number: signal.Signals) -> None:
    before = signal.getsignal(number)
    finished = []

    def told() -> None:
        os.kill(os.getpid(), number)
        finished.append(True)

    run_until_told(Worker([PeriodicTask("told", 3_600.0, told)]))
    assert finished == [True]
    assert signal.getsignal(number) is before


def test_it_ends_when_its_parent_is_another(capfd: pytest.CaptureFixture[str]) -> None:
    run_until_told(Worker([PeriodicTask("none", 3_600.0, lambda: None)]), parent_pid=os.getpid())


def test_it_ends_when_its_parent_is_killed() -> None:
    parent = (
        "import os, subprocess, sys;"
        "child = subprocess.Popen([sys.executable, '-c', sys.argv[1], str(os.getpid())]);"
        "child.wait()"
    )
    child = (
        "import sys; from fhir_server.jobs.worker import *;"
        "task = PeriodicTask('tell', 3600, lambda: print('up', flush=True));"
        "run_until_told(Worker([task]), parent_pid=int(sys.argv[1]));"
        "print('ended', flush=True)"
    )
    command = [sys.executable, "-c", parent, child]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "up\n"
        process.kill()
        # The pipe ends when the child, who shares it, has ended too.
        assert process.communicate(timeout=PATIENCE_SECONDS)[0] == "ended\n"
