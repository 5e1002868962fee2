"""Backup and restore of SQLite: a copy of the file, made by its own backup interface while others write.

https://www.sqlite.org/backup.html  The file is never copied as bytes while it is in use: what is committed may be
in its log still.
"""

import os
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

from fhir_server.errors import Unavailable
from fhir_server.store import schema

_FILE = "database.sqlite"


def save(url: str, folder: Path) -> dict[str, Any]:
    """Copy the database into the folder; returns what `fill` needs to know."""
    target = folder / _FILE
    os.close(os.open(target, os.O_CREAT | os.O_EXCL, 0o600))
    try:
        with closing(sqlite3.connect(_file(url))) as source, closing(sqlite3.connect(target)) as copy:
            source.backup(copy)
            copy.execute("PRAGMA journal_mode = DELETE")
    except sqlite3.Error as error:
        raise Unavailable("the database could not be copied") from error
    return {"version": schema.version(f"sqlite:///{target}")}


def fill(url: str, folder: Path, content: dict[str, Any]) -> None:
    """Make the copy the database, and upgrade it; the file appears when it is whole."""
    target = _file(url)
    unfinished = target.with_name(f"{target.name}.restoring")
    unfinished.unlink(missing_ok=True)
    os.close(os.open(unfinished, os.O_CREAT | os.O_EXCL, 0o600))
    with closing(sqlite3.connect(folder / _FILE)) as source, closing(sqlite3.connect(unfinished)) as copy:
        source.backup(copy)
    schema.upgrade(f"sqlite:///{unfinished}")
    for left in ("-wal", "-shm"):
        target.with_name(target.name + left).unlink(missing_ok=True)
    unfinished.replace(target)


def _file(url: str) -> Path:
    return Path(url.removeprefix("sqlite:///"))
