"""The worker: runs its tasks, each at its interval, until it is told to stop or its parent is gone.

No error of a task ends the worker or touches another task; a task that fails waits longer each time.
"""

import ctypes
import logging
import os
import signal
import sys
import threading
import time
import traceback
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from types import FrameType

from fhir_server.errors import FhirError

_LOG = logging.getLogger(__name__)
_LONGEST_PAUSE_SECONDS = 30.0
_PARENT_CHECK_SECONDS = 1.0
_PR_SET_PDEATHSIG = 1


@dataclass(frozen=True, slots=True)
class PeriodicTask:
    """Something to do every `interval_seconds`; the pause is counted from the end of a run."""

    name: str
    interval_seconds: float
    run: Callable[[], object]


@dataclass(slots=True)
class _Turn:
    task: PeriodicTask
    due: float
    failures: int = 0


class Worker:
    """Runs tasks one after the other; `clock` gives seconds that never go back."""

    def __init__(self, tasks: Sequence[PeriodicTask], *, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._turns = [_Turn(task, due=clock()) for task in tasks]
        self._stopping = threading.Event()

    def run_due(self) -> float:
        """Run the tasks whose time has come; returns the seconds until the next one's."""
        for turn in self._turns:
            if turn.due <= self._clock() and not self._stopping.is_set():
                turn.failures = 0 if _succeeds(turn.task) else turn.failures + 1
                turn.due = self._clock() + _pause_seconds(turn)
        now = self._clock()
        return min((max(turn.due - now, 0.0) for turn in self._turns), default=_PARENT_CHECK_SECONDS)

    def run(self, *, parent_pid: int | None = None) -> None:
        """Run until `stop`, or until the process `parent_pid` is no longer this one's parent."""
        while not self._stopping.is_set():
            if parent_pid is not None and os.getppid() != parent_pid:
                return
            self._stopping.wait(min(self.run_due(), _PARENT_CHECK_SECONDS))

    def stop(self) -> None:
        """Let the running task end and start no other; for signal handlers and other threads."""
        self._stopping.set()


def run_until_told(worker: Worker, *, parent_pid: int | None = None) -> None:
    """Run in the main thread until SIGTERM, SIGINT or the death of the parent; the task that runs then is finished."""

    def stop(_number: int, _frame: FrameType | None) -> None:
        worker.stop()

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, stop)
    if parent_pid is not None:
        _ask_to_be_told_of_death()
    worker.run(parent_pid=parent_pid)


def _ask_to_be_told_of_death() -> None:
    """SIGTERM when the parent dies (prctl(2)); elsewhere than on Linux the worker notices within a second."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, int(signal.SIGTERM))


def _succeeds(task: PeriodicTask) -> bool:
    try:
        task.run()
    except FhirError as error:
        _LOG.error("task %s failed: %s", task.name, error)
    except Exception as error:  # noqa: BLE001 (whatever it is, the other tasks go on)
        # Where, and what kind: an error's text may hold what a resource held.
        place = traceback.extract_tb(error.__traceback__)[-1]
        _LOG.error("task %s failed: %s at %s:%s", task.name, type(error).__name__, place.filename, place.lineno)
    else:
        return True
    return False


def _pause_seconds(turn: _Turn) -> float:
    longest = max(_LONGEST_PAUSE_SECONDS, turn.task.interval_seconds)
    return float(min(turn.task.interval_seconds * 2 ** min(turn.failures, 16), longest))
