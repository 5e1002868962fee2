"""Units through one or several processes: each builds its own core once, and takes the next unit when it is free."""

import gc
import signal
from collections import deque
from collections.abc import Generator, Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from functools import partial
from multiprocessing import get_context

from fhir_server.app import build_core
from fhir_server.cli.import_.files import Line
from fhir_server.cli.import_.unit import Outcome, load
from fhir_server.interactions.context import Core
from fhir_server.settings import Settings

_UNITS_WAITING = 2
_OBJECTS_BETWEEN_COLLECTIONS = 100_000
_core: Core | None = None


def outcomes(settings: Settings, jobs: int, units: Iterator[list[Line]], *, strict: bool) -> Generator[Outcome]:
    """The outcome of each unit, in order; a strict import takes no further unit after one with a problem."""
    if jobs == 1:
        yield from _here(build_core(settings), units, strict=strict)
    else:
        yield from _elsewhere(settings, jobs, units, strict=strict)


def _here(core: Core, units: Iterator[list[Line]], *, strict: bool) -> Generator[Outcome]:
    thresholds = gc.get_threshold()
    _collect_rarely()
    try:
        for unit in units:
            outcome = load(core, unit, strict=strict)
            yield outcome
            if strict and outcome.refusals:
                return
    finally:
        gc.set_threshold(*thresholds)
        gc.unfreeze()
        core.journal.close()
        core.database.close()


def _collect_rarely() -> None:
    """Keep the collector from looking through definitions, and through units that go by themselves, again and again."""
    gc.freeze()
    gc.set_threshold(_OBJECTS_BETWEEN_COLLECTIONS)


def _elsewhere(settings: Settings, jobs: int, units: Iterator[list[Line]], *, strict: bool) -> Generator[Outcome]:
    waiting: deque[Future[Outcome]] = deque()
    pool = ProcessPoolExecutor(jobs, mp_context=get_context("spawn"), initializer=_begin, initargs=(settings,))
    goes_on = True
    try:
        while goes_on or waiting:
            while goes_on and len(waiting) < jobs + _UNITS_WAITING:
                unit = next(units, None)
                if unit is None:
                    goes_on = False
                else:
                    waiting.append(pool.submit(partial(_load, unit, strict=strict)))
            if waiting:
                outcome = waiting.popleft().result()
                goes_on = goes_on and not (strict and outcome.refusals)
                yield outcome
    finally:
        pool.shutdown(cancel_futures=True)


def _begin(settings: Settings) -> None:
    """In a new process: its core; the parent alone answers to Ctrl-C."""
    global _core  # noqa: PLW0603 (an executor's initializer has nowhere else to leave it)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    _core = build_core(settings)
    _collect_rarely()


def _load(unit: list[Line], *, strict: bool) -> Outcome:
    assert _core is not None
    return load(_core, unit, strict=strict)
