"""`fhir-server db`: upgrade, check, back up and restore a database, with the audit journals that belong to it."""

from pathlib import Path

import click

from fhir_server.cli import options


@click.group()
def db() -> None:
    """Look after the database."""


@db.command()
@options.database
def upgrade(database_url: str | None) -> None:
    """Bring an empty or older database to the version of this code."""
    from fhir_server.store import schema

    url = options.loaded(database=database_url).database
    state = schema.state(url)
    if state == "ahead":
        options.refuse_unless_current(url)
    if state == "current":
        click.echo("Nothing to do: the database is at the version of this code.")
        return
    schema.upgrade(url)
    click.echo(f"{options.without_password(url)} is now at version {schema.version(url)}.")


@db.command()
@options.database
def check(database_url: str | None) -> None:
    """Look for rows that contradict each other; exit status 1 when there are any."""
    from fhir_server.store import integrity

    with options.opened(database_url) as database:
        problems = integrity.check(database)
    for problem in problems:
        click.echo(problem)
    if problems:
        raise click.ClickException(f"{len(problems)} problems found")
    click.echo("No problems found.")


@db.command()
@click.argument("folder", type=click.Path(file_okay=False, path_type=Path))
@options.database
def backup(folder: Path, database_url: str | None) -> None:
    """Copy the database and the audit journals into FOLDER, while servers go on."""
    from fhir_server.store.backup import backup as copy

    chosen = options.loaded(database=database_url)
    options.refuse_unless_current(chosen.database)
    copy(chosen.database, folder, chosen.journals)
    click.echo(f"Backed up to {folder}; its manifest has the checksums.")


@db.command()
@click.argument("folder", type=click.Path(exists=True, file_okay=False, path_type=Path))
@options.database
def restore(folder: Path, database_url: str | None) -> None:
    """Fill an empty database, and the journal folder, from the backup in FOLDER."""
    from fhir_server.store.backup import restore as fill

    chosen = options.loaded(database=database_url)
    fill(chosen.database, folder, chosen.journals)
    click.echo(f"Restored into {options.without_password(chosen.database)}.")
