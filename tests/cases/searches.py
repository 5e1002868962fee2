"""The cases of tests/cases/search/: one file a chapter of https://hl7.org/fhir/R4/search.html, over one world.

A file has the section of the standard that its cases are about, unless a case names its own. A case has `search`, and
`finds` (ids, or Type/id where several types are searched, in any order), `orders` (in order) or `refused` (a part of
what a 400 says); then `includes`, `total`, and `lenient` for a search that leaves out what it does not know.
"""

import functools
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

from fhir_server.fhir.json import parse

JsonObject = dict[str, Any]
_FOLDER = Path(__file__).parent / "search"


@functools.cache
def units() -> list[list[JsonObject]]:
    """The resources of the world by unit of work: those of one unit are stamped alike."""
    written = _read(_FOLDER / "world.yaml")["resources"]
    return [[_as_sent(resource) for resource in (item if isinstance(item, list) else [item])] for item in written]


def _as_sent(resource: JsonObject) -> JsonObject:
    """The resource as if it had come over the wire: its numbers keep their digits."""
    sent: JsonObject = parse(json.dumps(resource).encode(), max_depth=64)
    return sent


@functools.cache
def cases() -> list[JsonObject]:
    """All cases, each with its section and the file it is from."""
    return [case for path in sorted(_FOLDER.glob("*.yaml")) if path.stem != "world" for case in _of_file(path)]


def _of_file(path: Path) -> Iterator[JsonObject]:
    content = _read(path)
    for case in content["cases"]:
        yield {"section": content["section"], "file": path.stem, **case}


def _read(path: Path) -> Any:
    return yaml.safe_load(path.read_text(encoding="utf-8"))


def case_id(case: JsonObject) -> str:
    """What a test is called."""
    return f"{case['file']}: {case['search']}"


def names(case: JsonObject) -> list[str]:
    """What a case finds, as Type/id."""
    found = case["orders"] if "orders" in case else case["finds"]
    type_name = case["search"].partition("?")[0].split("/")[-1]
    return [name if "/" in name else f"{type_name}/{name}" for name in found]


def page_size(case: JsonObject) -> int | None:
    """How many matches the first page of a case holds at most; None for the default."""
    found = re.search(r"[?&]_count=(\d+)", case["search"])
    return int(found[1]) if found else None
