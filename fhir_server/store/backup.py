"""Backup and restore: the whole database and the audit journals beside it, while servers go on.

The order is the rule: journals are copied before the database, so that a line which is moved into the database
meanwhile is in both, never in neither; the database knows how far each journal was moved, so restoring both doubles
nothing.
"""

import hashlib
import json
import os
from pathlib import Path
from types import ModuleType
from typing import Any

from fhir_server.errors import Conflict, Unprocessable
from fhir_server.store import schema
from fhir_server.store.sqlite import backup as sqlite

_MANIFEST = "manifest.json"
_JOURNALS = "journals"
_FORMAT = 1


def backup(url: str, folder: Path, journals: Path) -> None:
    """Write a backup into a new or empty folder; raises Conflict, Unavailable."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    if any(folder.iterdir()):
        raise Conflict("the folder of a backup must be new or empty")
    _copy_journals(journals, folder / _JOURNALS)
    content = _engine(url).save(url, folder)
    manifest = {
        "format": _FORMAT,
        "engine": _engine_name(url),
        "content": content,
        "files": {str(p.relative_to(folder)): _sha256(p) for p in sorted(folder.rglob("*")) if p.is_file()},
    }
    write_new(folder / _MANIFEST, json.dumps(manifest, indent=1).encode())


def restore(url: str, folder: Path, journals: Path) -> None:
    """Fill an empty database and the folder of journals, and upgrade to this code.

    Raises Conflict when either is not empty, Unprocessable for a backup that is damaged, of newer code or of the other
    kind of database.
    """
    manifest = _checked_manifest(folder)
    if manifest["engine"] != _engine_name(url):
        raise Unprocessable(f"this is a backup of a {manifest['engine']} database; restore it into one")
    if manifest["content"]["version"] not in schema.versions():
        raise Unprocessable("this backup was made by newer code; install that, or a newer version")
    if schema.state(url) != "empty":
        raise Conflict("a backup can be restored into an empty database only")
    saved = sorted((folder / _JOURNALS).glob("*"))
    taken = [file.name for file in saved if (journals / file.name).exists()]
    if taken:
        raise Conflict(f"the folder of the journals has {taken[0]} already; give it another folder")
    _engine(url).fill(url, folder, manifest["content"])
    _copy_journals(folder / _JOURNALS, journals)


def write_new(path: Path, content: bytes) -> None:
    """Write a file that only its owner may read, down to the disk."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(descriptor)


def _engine_name(url: str) -> str:
    return "sqlite" if url.startswith("sqlite:") else "postgresql"


def _engine(url: str) -> ModuleType:
    if _engine_name(url) == "sqlite":
        return sqlite
    # Imported here: a server on SQLite need not have the PostgreSQL driver.
    from fhir_server.store.postgresql import backup as postgresql

    return postgresql


def _copy_journals(source: Path, target: Path) -> None:
    """Copy journals up to their last whole line; one that vanishes meanwhile is in the database."""
    target.mkdir(mode=0o700, parents=True, exist_ok=True)
    for file in sorted(source.glob("*.ndjson")):
        try:
            content = file.read_bytes()
        except FileNotFoundError:
            continue
        write_new(target / file.name, content[: content.rfind(b"\n") + 1])


def _checked_manifest(folder: Path) -> dict[str, Any]:
    try:
        manifest: dict[str, Any] = json.loads((folder / _MANIFEST).read_bytes())
    except (OSError, ValueError) as error:
        raise Unprocessable("the folder has no readable manifest.json: no backup, or an unfinished one") from error
    if manifest.get("format") != _FORMAT:
        raise Unprocessable("this backup has a format that this code does not know")
    for name, expected in manifest["files"].items():
        path = folder / name
        if not path.is_file() or _sha256(path) != expected:
            raise Unprocessable(f"the backup is damaged: {name} is not what its manifest says")
    return manifest


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
