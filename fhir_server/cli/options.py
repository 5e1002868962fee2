"""Options that several commands share, and the settings that come of them."""

import re
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Any, TypeVar

import click

from fhir_server import settings

if TYPE_CHECKING:
    from fhir_server.store.database import Database

F = TypeVar("F", bound=Callable[..., Any])

TENANT = 1
PATIENCE_MS = 3_600_000
"""How long a command lets the database work: nobody waits for it at the other end of a request."""


def database(command: F) -> F:
    """`--database URL`, passed on as `database_url`."""
    return click.option(
        "--database", "database_url", metavar="URL", help="sqlite:///FILE or postgresql://USER@HOST/NAME."
    )(command)


def loaded(**given: Any) -> settings.Settings:
    """The settings, where options that were given come first; raises SettingsError."""
    return settings.load(given)


def patient(chosen: settings.Settings) -> settings.Settings:
    """The settings for a command that may take the database long."""
    return replace(
        chosen,
        database_timeout_ms=max(chosen.database_timeout_ms, PATIENCE_MS),
        search_timeout_ms=max(chosen.search_timeout_ms, PATIENCE_MS),
    )


@contextmanager
def opened(database_url: str | None) -> "Iterator[Database]":
    """The database of the settings, at the version of this code, closed at the end of the with block."""
    from fhir_server.store.database import open_database

    chosen = loaded(database=database_url)
    refuse_unless_current(chosen.database)
    database = open_database(chosen.database, timeout_ms=patient(chosen).database_timeout_ms)
    try:
        yield database
    finally:
        database.close()


def refuse_unless_current(url: str) -> None:
    """Stop with the command to run when the database is not at the version of this code."""
    from fhir_server.store import schema

    state = schema.state(url)
    shown = without_password(url)
    if state == "ahead":
        raise click.ClickException(
            f"the database {shown} was upgraded by newer code; install that, or restore a backup into an empty one:\n"
            "    fhir-server db restore FOLDER --database URL"
        )
    if state != "current":
        reason = "is empty" if state == "empty" else "is behind this code"
        raise click.ClickException(
            f"the database {shown} {reason}; back it up if it holds anything, then run:\n"
            f"    fhir-server db upgrade --database '{shown}'"
        )


def now() -> int:
    """The clock of the command line, in epoch microseconds."""
    return time.time_ns() // 1000


def without_password(url: str) -> str:
    """A database URL fit to be printed; hides rather too much than too little."""
    return re.sub(r"(://[^:/?]*):.*@", r"\1:***@", re.sub(r"([?&]password=)[^&]*", r"\1***", url))
