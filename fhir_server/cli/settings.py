"""`fhir-server settings`: every setting with its type, unit, default, value and meaning; never a secret's value."""

from dataclasses import dataclass, fields
from typing import Any

import click

from fhir_server.cli import options
from fhir_server.settings import PREFIX, Settings

MASK = "(set)"


@dataclass(frozen=True, slots=True)
class Row:
    """One setting as it is shown."""

    name: str
    type: str
    unit: str
    default: str
    value: str
    meaning: str


@click.command()
@click.argument("names", nargs=-1)
def settings(names: tuple[str, ...]) -> None:
    """List the settings, or those NAMED, and their values here.

    Each comes from the command line, else the environment (FHIR_SERVER_NAME), else the TOML file that
    FHIR_SERVER_CONFIG names, else its default. A value that is not the default is marked with *.
    """
    chosen = [row for row in rows(options.loaded()) if not names or row.name in names]
    unknown = set(names) - {row.name for row in chosen}
    if unknown:
        raise click.UsageError(f"no setting is called {min(unknown)!r}")
    titles = Row("name", "type", "unit", "default", "value", "meaning")
    shown = [titles, *chosen]
    widths = [max(len(getattr(row, field.name)) for row in shown) for field in fields(Row)[:-1]]
    for row in shown:
        cells = [getattr(row, field.name).ljust(width) for field, width in zip(fields(Row), widths, strict=False)]
        click.echo("  ".join([*cells, row.meaning]))
    click.echo(f"\nIn the environment a setting is called {PREFIX}NAME, such as {PREFIX}PAGE_SIZE.")


def rows(current: Settings) -> list[Row]:
    """All settings in the order of their declaration."""
    return [_row(field, getattr(current, field.name)) for field in fields(Settings)]


def _row(field: Any, value: Any) -> Row:
    choices = field.metadata["choices"]
    kind = " | ".join(choices) if choices else {str: "text", int: "number", bool: "true | false"}[type(field.default)]
    shown = options.without_password(_text(value)) if not field.metadata["secret"] else MASK if value else ""
    mark = "" if value == field.default else "*"
    return Row(field.name, kind, field.metadata["unit"], _text(field.default), shown + mark, field.metadata["meaning"])


def _text(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)
