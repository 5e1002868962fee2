"""The worker: runs its tasks, each at its interval, until it is told to stop or its parent is gone.

No error of a task ends the worker or touches another task; a task that fails waits longer each time.
"""

import logging
import os
import select
import signal
import time
import traceback
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from fhir_server.errors import FhirError

_LOG = logging.getLogger(__name__)
_LONGEST_PAUSE_SECONDS = 30.0
_LONGEST_WAIT_SECONDS = 1.0  # a dead parent is noticed after that
_SIGNALS = (signal.SIGTERM, signal.SIGINT)


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

    def run_due(self) -> float:
        """Run the tasks whose time has come; returns the seconds until the next one's."""
        for turn in self._turns:
            if turn.due <= self._clock():
                turn.failures = 0 if _succeeds(turn.task) else turn.failures + 1
                turn.due = self._clock() + _pause_seconds(turn)
        now = self._clock()
        return min((max(turn.due - now, 0.0) for turn in self._turns), default=_LONGEST_WAIT_SECONDS)


def run_until_told(worker: Worker, *, parent_pid: int | None = None) -> None:
    """Run until SIGTERM or SIGINT, or until `parent_pid` is no longer the parent; what runs then is finished first.

    For the main thread of a process.
    """
    told, tell = os.pipe()
    # A pipe, not an Event: a handler may run while the main thread holds the Event's lock.
    former = {number: signal.signal(number, lambda *_: os.write(tell, b"!")) for number in _SIGNALS}
    try:
        while parent_pid is None or os.getppid() == parent_pid:
            pause = min(worker.run_due(), _LONGEST_WAIT_SECONDS)
            if select.select([told], [], [], pause)[0]:
                return
    finally:
        for number, handler in former.items():
            signal.signal(number, handler)
        os.close(told)
        os.close(tell)


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
