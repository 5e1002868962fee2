"""`fhir-server worker`: the background work, written out.

Any number of workers may run, on any machine; the journal folder of a machine needs one there.
"""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import click

from fhir_server.cli import options
from fhir_server.settings import Settings

if TYPE_CHECKING:
    from fhir_server.jobs.worker import PeriodicTask
    from fhir_server.store.database import Database

MEASURE_SECONDS = 15.0


@click.command()
@options.database
@click.option("--parent-pid", type=int, hidden=True, help="End when this process is no longer the parent.")
def worker(database_url: str | None, parent_pid: int | None) -> None:
    """Do the background work until SIGTERM or Ctrl-C: move audit journals into the database."""
    from fhir_server.audit.journal import prepare_folder
    from fhir_server.jobs.worker import Worker, run_until_told
    from fhir_server.telemetry import configure_logging

    settings = options.loaded(database=database_url)
    configure_logging(settings.log_level)
    if settings.audit_sink == "journal":
        prepare_folder(settings.journals)
    with options.opened(database_url) as database:
        run_until_told(Worker(tasks(database, settings)), parent_pid=parent_pid)


def tasks(database: "Database", settings: Settings) -> "tuple[PeriodicTask, ...]":
    """Everything that a worker does, and how often."""
    from fhir_server.jobs.worker import PeriodicTask

    interval = settings.worker_interval_ms / 1000
    measured = PeriodicTask("measure", MEASURE_SECONDS, _measure(database, settings.journals))
    if settings.audit_sink == "database" and not settings.journals.is_dir():
        return (measured,)  # with a folder there may be journals from before the setting was changed
    return (PeriodicTask("collect audit journals", interval, _collect(database, settings)), measured)


def _collect(database: "Database", settings: Settings) -> Callable[[], object]:
    from fhir_server.audit.collect import collect

    return lambda: collect(database, settings.journals, now=options.now, timeout_ms=settings.database_timeout_ms)


def _measure(database: "Database", journals: Path) -> Callable[[], object]:
    from sqlalchemy import func, select

    from fhir_server.audit.collect import waiting_bytes
    from fhir_server.store.tables import OUTBOX
    from fhir_server.telemetry import metrics

    oldest_and_newest = database.sql(select(func.min(OUTBOX.c.seq), func.max(OUTBOX.c.seq)))

    def run() -> None:
        first, last = database.rows(oldest_and_newest, {})[0]
        # A count would read the whole table; numbers are given without gaps worth minding.
        metrics().outbox_rows.set(0 if last is None else last - first + 1)
        metrics().journal_lag_bytes.set(waiting_bytes(database, journals) if journals.is_dir() else 0)

    return run
