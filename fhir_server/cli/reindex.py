"""`fhir-server reindex`: make index rows anew after search parameters changed, while servers go on.

Killed at any time, it goes on where it was when it is started again. The rule: servers with the old definitions are
stopped before, since what they write follows those.
"""

import sys
import time
import uuid
from collections.abc import Mapping
from typing import TYPE_CHECKING

import click

from fhir_server.cli import options
from fhir_server.settings import Settings

if TYPE_CHECKING:
    from fhir_server.definitions import Definitions
    from fhir_server.search.fingerprints import IndexedType
    from fhir_server.search.reindex import Reindexing
    from fhir_server.store.database import Database

_CLEAR_LINE = "\r\x1b[2K"
_SECONDS_BETWEEN_LINES = 1.0


@click.command()
@click.option("--type", "type_names", multiple=True, metavar="TYPE", help="Only this type; may be repeated.")
@click.option(
    "--batch", type=click.IntRange(1, 10_000), default=100, show_default=True, help="Resources a unit of work."
)
@click.option("--all", "everything", is_flag=True, help="Also the types that are ready, which stay so meanwhile.")
@click.option("--check", is_flag=True, help="Only tell what is stale; exit status 1 when something is.")
@click.option("--base-url", metavar="URL", help="Public root of the server, if `serve` is given one as well.")
@options.database
def reindex(
    *,
    type_names: tuple[str, ...],
    batch: int,
    everything: bool,
    check: bool,
    base_url: str | None,
    database_url: str | None,
) -> None:
    """Make index rows anew where search parameters have changed since they were written.

    Until it has finished, searches by these parameters are refused; all others are answered. Stop servers that still
    run with the old definitions before, and start it again if it was broken off.
    """
    from fhir_server.app import load_definitions

    settings = options.patient(options.loaded(database=database_url, base_url=base_url))
    definitions = load_definitions(settings)
    for name in type_names:
        if name not in definitions.server:
            raise click.BadParameter(f"{name} is not a type that is switched on", param_hint="--type")
    with options.opened(database_url) as database:
        if not check:
            _adopt(settings, database, definitions)
        stale = _tell(database, definitions, type_names)
        if check and stale:
            sys.exit(1)
        if not check:
            chosen = list(type_names or definitions.server) if everything else list(stale)
            _run(settings, database, definitions, chosen, batch=batch, everything=everything)


def _adopt(settings: Settings, database: "Database", definitions: "Definitions") -> None:
    from fhir_server.search.readiness import adopt

    adopt(
        database,
        definitions,
        base=settings.fhir_base,
        tenant=options.TENANT,
        now=options.now,
        timeout_ms=settings.database_timeout_ms,
    )


def _tell(
    database: "Database", definitions: "Definitions", type_names: tuple[str, ...]
) -> Mapping[str, tuple[str, ...]]:
    """Print what is stale, of the types asked for."""
    from fhir_server.search import index_state
    from fhir_server.search.fingerprints import indexed_types
    from fhir_server.search.readiness import outdated

    types = [of for name, of in indexed_types(definitions).items() if not type_names or name in type_names]
    stale = outdated(types, index_state.fingerprints(database, tenant=options.TENANT))
    for name, names in stale.items():
        click.echo(f"{name} is stale: {', '.join(names)}")
    if not stale:
        click.echo("All search parameters are ready.")
    return stale


def _run(
    settings: Settings,
    database: "Database",
    definitions: "Definitions",
    type_names: list[str],
    *,
    batch: int,
    everything: bool,
) -> None:
    from fhir_server.app import load_units_of
    from fhir_server.search import index_state
    from fhir_server.search.extract import Extractor
    from fhir_server.search.fingerprints import indexed_types
    from fhir_server.search.reindex import Reindexing, reindex

    if not type_names:
        return
    how = Reindexing(
        database,
        Extractor(definitions, base=settings.fhir_base, units=load_units_of(settings)),
        base=settings.fhir_base,
        tenant=options.TENANT,
        now=options.now,
        timeout_ms=settings.database_timeout_ms,
        batch=batch,
        everything=everything,
    )
    known = indexed_types(definitions)
    types = [known[name] for name in type_names]
    _leave_record(how, types, status=202, request_id=(request_id := str(uuid.uuid4())))
    total = sum(
        index_state.count_waiting(database, of.type_number, how.position(of), tenant=how.tenant) for of in types
    )
    progress = Progress(total)
    for of in types:
        for done in reindex(how, of):
            progress.add(of.type_name, done.resources)
    progress.end()
    _leave_record(how, types, status=200, request_id=request_id)
    click.echo(f"{progress.summary()} Ready: {', '.join(type_names)}.")


def _leave_record(how: "Reindexing", types: "list[IndexedType]", *, status: int, request_id: str) -> None:
    """One audit record when it begins (202) and one when it has finished (200)."""
    from fhir_server.access.principal import OPERATOR
    from fhir_server.audit import events
    from fhir_server.audit.record import AuditRecord
    from fhir_server.store.unit_of_work import run_unit_of_work

    record = AuditRecord(
        recorded=how.now(),
        interaction="reindex",
        status=status,
        tenant=how.tenant,
        request_id=request_id,
        principal=OPERATOR.identifier,
        query="&".join(f"type={of.type_name}" for of in types),
    )
    run_unit_of_work(
        how.database,
        lambda uow: events.insert(uow, record),
        tenant=how.tenant,
        now=how.now,
        timeout_ms=how.timeout_ms,
    )


class Progress:
    """How far it is, on standard error, at most once a second; `total` is what was waiting when it began."""

    def __init__(self, total: int) -> None:
        self._total = total
        self._done = 0
        self._began = self._told = time.monotonic()

    def add(self, type_name: str, resources: int) -> None:
        """Count what was done, and tell if it is time."""
        self._done += resources
        now = time.monotonic()
        if now - self._told >= _SECONDS_BETWEEN_LINES:
            self._told = now
            line = f"{type_name}: {self.line()}"
            click.echo(_CLEAR_LINE + line if sys.stderr.isatty() else line, err=True, nl=not sys.stderr.isatty())

    def line(self) -> str:
        """Resources done, percent, rate and the time left; another process may do some of it."""
        rate = self._done / self._seconds()
        total = max(self._total, self._done)
        left = f"{(total - self._done) / rate:.0f} s left" if rate else "time left unknown"
        percent = 100 * self._done // total if total else 100
        return f"{self._done} of {total} resources ({percent} %), {rate:.0f} a second, {left}"

    def end(self) -> None:
        """Leave the line free for what comes next."""
        if sys.stderr.isatty():
            click.echo(_CLEAR_LINE, err=True, nl=False)

    def summary(self) -> str:
        """What was done in all."""
        seconds = self._seconds()
        return f"{self._done} resources indexed anew in {seconds:.1f} s ({self._done / seconds:.0f} a second)."

    def _seconds(self) -> float:
        return max(time.monotonic() - self._began, 0.001)
