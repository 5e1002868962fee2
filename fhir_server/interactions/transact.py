"""One unit of work around a function, tried again when another writer was first.

https://hl7.org/fhir/R4/http.html#concurrency  The first attempt reads before it waits for the write order; after a
conflict the next attempt enters the order first and cannot lose again.
"""

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
    for attempt in range(_ATTEMPTS):
        notes = len(context.notes)
        waits = in_order or attempt > 0

        def run(uow: UnitOfWork, waits: bool = waits) -> T:
            if waits:
                uow.enter_write_order()
            return function(context.inside(uow))

        try:
            return run_unit_of_work(
                core.database, run, tenant=context.tenant, now=core.now, timeout_ms=core.settings.database_timeout_ms
            )
        except WriteConflict:
            del context.notes[notes:]
    raise Conflict("the resource kept changing while this request was tried; read it again and retry")
