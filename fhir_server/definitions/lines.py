"""The shape of compiled files: JSON, one fact a line, so that a change of one element is a change of one line.

Written only here, so that compiling the same packages twice gives the same bytes.
"""

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from fhir_server.definitions.package import DefinitionsError


def one_line(value: Any) -> str:
    """A value on one line, non-ASCII as it is."""
    return json.dumps(value, ensure_ascii=False, separators=(", ", ": "))


def listing(head: Mapping[str, Any], name: str, rows: Iterable[Any]) -> str:
    """An object: the members of `head`, one a line, then the member `name`: an array with one row a line."""
    members = [f"{one_line(key)}: {one_line(value)}" for key, value in head.items()]
    body = ",\n".join(one_line(row) for row in rows)
    members.append(f"{one_line(name)}: [\n{body}\n]" if body else f"{one_line(name)}: []")
    return "{\n" + ",\n".join(members) + "\n}\n"


def table(members: Mapping[str, Any]) -> str:
    """An object with one member a line."""
    return "{\n" + ",\n".join(f"{one_line(key)}: {one_line(value)}" for key, value in members.items()) + "\n}\n"


def nested_table(members: Mapping[str, Mapping[str, Any]]) -> str:
    """An object of objects, with one inner member a line."""
    parts = []
    for key, inner in members.items():
        body = ",\n".join(f"  {one_line(name)}: {one_line(value)}" for name, value in inner.items())
        parts.append(f"{one_line(key)}: {{\n{body}\n}}")
    return "{\n" + ",\n".join(parts) + "\n}\n"


def write(path: Path, text: str) -> None:
    """Write a file, with its folders."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")


def read(path: Path) -> Any:
    """The content of a compiled file; raises DefinitionsError naming it."""
    try:
        return json.loads(path.read_bytes())
    except (OSError, ValueError) as error:
        raise DefinitionsError(f"{path.name} in {path.parent.name}/: {error}") from error
