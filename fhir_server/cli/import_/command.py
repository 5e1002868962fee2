"""`fhir-server import`: load files in large units of work, in several processes, with a progress bar."""

import os
import sys
import time
from collections.abc import Iterable
from contextlib import closing
from pathlib import Path

import click

from fhir_server.cli import options
from fhir_server.cli.import_ import files
from fhir_server.cli.import_.processes import outcomes
from fhir_server.cli.import_.unit import Outcome, Refusal

_FILE = click.Path(exists=True, dir_okay=False, path_type=Path)
_WORTH_PROCESSES = 2_000_000  # bytes; less is loaded before another process is ready
_CLEAR_LINE = "\r\x1b[2K"


@click.command("import")
@click.argument("paths", nargs=-1, required=True, metavar="FILE...", type=_FILE)
@click.option("--jobs", type=click.IntRange(1, 64), help="Processes; default: one a core on PostgreSQL, else one.")
@click.option(
    "--unit", "most", type=click.IntRange(1, 10_000), default=500, show_default=True, help="Lines a unit of work."
)
@click.option("--strict", is_flag=True, help="Stop at the first unit with a problem; that unit stores nothing.")
@options.database
def import_(*, paths: tuple[Path, ...], jobs: int | None, most: int, strict: bool, database_url: str | None) -> None:
    """Load resources or Bundles from NDJSON files (.ndjson, .ndjson.gz) or JSON files (.json), their ids kept.

    What cannot be stored is reported as FILE:LINE with the place in the resource; the rest is stored all the same, and
    the exit status is 1. With several processes, lines of one resource that are far apart may be stored in any order.
    """
    settings = options.patient(options.loaded(database=database_url))
    options.refuse_unless_current(settings.database)
    units = files.units(files.lines(paths), most)
    size = files.total_bytes(paths)
    started = time.monotonic()
    with closing(outcomes(settings, jobs or _jobs(settings.database, size), units, strict=strict)) as results:
        stored, problems = _watch(results, size)
    seconds = max(time.monotonic() - started, 0.001)
    click.echo(f"{stored} resources stored in {seconds:.1f} s ({stored / seconds:.0f} a second); {problems} problems.")
    if problems:
        sys.exit(1)


def _jobs(database: str, size: int) -> int:
    """SQLite has one writer; PostgreSQL's share their work well."""
    return (os.cpu_count() or 1) if database.startswith("postgresql") and size >= _WORTH_PROCESSES else 1


def _watch(results: Iterable[Outcome], size: int) -> tuple[int, int]:
    """Draw the bar and report problems as they come; how many resources were stored and how many problems there are."""
    stored = problems = 0
    with click.progressbar(length=size, label="Importing", file=sys.stderr, item_show_func=lambda text: text) as bar:
        for outcome in results:
            stored += outcome.stored
            problems += len(outcome.refusals)
            for refusal in outcome.refusals:
                _report(refusal)
            bar.update(outcome.size, f"{stored} stored")
    return stored, problems


def _report(refusal: Refusal) -> None:
    clear = _CLEAR_LINE if sys.stderr.isatty() else ""
    place = f"{refusal.expression}: " if refusal.expression else ""
    click.echo(f"{clear}{refusal.source}:{refusal.line}: {place}{refusal.diagnostics}", err=True)
