"""One unit of work around a function, tried again when another writer was first.

https://hl7.org/fhir/R4/http.html#concurrency  The first attempt reads before it waits for the write order; after a
conflict the next attempt enters the order first and cannot lose again.
"""

import time
from collections.abc import Callable
from typing import TypeVar

from fhir_server.errors import Conflict
from fhir_server.interactions.context import Context
from fhir_server.store.database import UnitOfWork
from fhir_server.store.stored import Stored
from fhir_server.store.unit_of_work import WriteConflict, run_unit_of_work

T = TypeVar("T")
_ATTEMPTS = 3


def transact(context: Context, function: Callable[[Context], T], *, in_order: bool = False) -> tuple[T, list[Stored]]:
    """Run `function` in a unit of work and commit; returns its result and the versions that were stored.

    With `in_order` the write order is entered before anything is read (conditional interactions).
    Raises what `function` raises, Unavailable when the time limit passes, Conflict when versions keep changing.
    """
    core = context.core
    deadline = time.monotonic() + core.settings.database_timeout_ms / 1000
    notes = len(context.notes)
    for attempt in range(_ATTEMPTS):
        waits = in_order or attempt > 0

        def run(uow: UnitOfWork, waits: bool = waits) -> T:
            # It may run again: what the attempt before noted goes with it.
            del context.notes[notes:]
            if waits:
                uow.enter_write_order()
            return function(context.inside(uow))

        try:
            left = max(int((deadline - time.monotonic()) * 1000), 0)
            return run_unit_of_work(core.database, run, tenant=context.tenant, now=core.now, timeout_ms=left)
        except WriteConflict:
            continue
    raise Conflict("the resource kept changing while this request was tried; read it again and retry")
