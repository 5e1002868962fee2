"""A process that writes, for tests that need several of them or one to kill: `store_program.py URL NAME UNITS`.

Each unit creates two resources and updates a third, and is acknowledged by a line with its number once it is committed.
"""

import sys
import time

from fhir_server.store import reading
from fhir_server.store.database import Database, open_database
from fhir_server.store.unit_of_work import UnitOfWork, WriteConflict, run_unit_of_work
from fhir_server.store.visibility import ALL_ROWS
from tests.builders.changes import PATIENT, TENANT, created, updated

COUNTER = "counter"


def now() -> int:
    """The clock."""
    return time.time_ns() // 1_000


def write_unit(database: Database, name: str, number: int, *, early: bool) -> None:
    """Write one unit, again while others are first; `early` waits for the write order before it reads."""

    def collect(uow: UnitOfWork) -> None:
        if early:
            uow.enter_write_order()
        there = reading.read_current(uow, PATIENT, COUNTER, tenant=TENANT, visible=ALL_ROWS)
        assert there is not None
        uow.change(created(f"{name}-{number}-a"))
        if number % 3 == 0:
            uow.flush()
        uow.change(updated(there, f"{name}-{number}"))
        uow.change(created(f"{name}-{number}-b"))

    while True:
        try:
            run_unit_of_work(database, collect, tenant=TENANT, now=now, timeout_ms=60_000)
            return
        except WriteConflict:
            continue


def main(url: str, name: str, units: str) -> None:
    """Write units one after the other."""
    database = open_database(url, timeout_ms=60_000)
    for number in range(int(units)):
        write_unit(database, name, number, early=number % 2 == 0)
        print(number, flush=True)
    database.close()


if __name__ == "__main__":
    main(*sys.argv[1:])
