"""Small edits of a JSON resource, kept as data, and a writer that keeps number literals as they were read.

An edit is a list: an operation, a JSON pointer (https://www.rfc-editor.org/rfc/rfc6901) and, where the operation takes
one, an argument. The one rule: applying the same edits to the same file gives the same bytes on every machine.

    ["set", "/status", "active"]       put a value there, replacing what is there
    ["raw", "/value", "1.50e3"]        put a literal there that JSON's own types could not carry
    ["remove", "/status"]              take the member or item away
    ["insert", "/name/0", {...}]       put an item before the one there
    ["rename", "/status", "Status"]    give the member another name, in its place
    ["twin", "/status", "draft"]       put a second member of the same name behind it
    ["reverse", "/name/0"]             turn the order of an object's members round
    ["text", "", "}"]                  put text behind the whole document
"""

import copy
import json
from typing import Any


class Literal(str):
    """JSON text that is written as it stands: a number as it was sent, or something that is no JSON at all."""

    __slots__ = ()


class Twin(str):
    """A member name that equals no other, so that a dict can hold a name twice."""

    __slots__ = ()
    __hash__ = object.__hash__

    def __eq__(self, other: object) -> bool:
        return self is other


def load(text: str | bytes) -> Any:
    """A JSON document with its numbers as they are written."""
    return json.loads(text, parse_float=Literal, parse_int=Literal)


def dump(value: Any) -> str:
    """Compact JSON; literals as they stand."""
    if isinstance(value, Literal):
        return str(value)
    if isinstance(value, dict):
        return "{" + ",".join(f"{json.dumps(str(name))}:{dump(item)}" for name, item in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ",".join(dump(item) for item in value) + "]"
    return json.dumps(value)


def without_profiles(value: Any) -> Any:
    """The resource, and every resource within it, without meta.profile, so that only the standard judges it."""
    if isinstance(value, list):
        return [without_profiles(item) for item in value]
    if not isinstance(value, dict):
        return value
    kept = {name: without_profiles(item) for name, item in value.items()}
    meta = kept.get("meta")
    if "resourceType" in kept and isinstance(meta, dict):
        kept["meta"] = {name: item for name, item in meta.items() if name != "profile"}
        if not kept["meta"]:
            del kept["meta"]
    return kept


def applied(resource: Any, edits: list[list[Any]]) -> str:
    """The text of the resource after the edits; the resource itself is left alone."""
    root = {"": copy.deepcopy(resource)}
    tail = ""
    for operation, pointer, *argument in edits:
        if operation == "text":
            tail += argument[0]
            continue
        container, key = _place(root, pointer)
        _OPERATIONS[operation](container, key, *argument)
    return dump(root[""]) + tail


def _place(root: dict[str, Any], pointer: str) -> tuple[Any, Any]:
    container: Any = root
    *steps, last = pointer.split("/")
    for step in steps:
        container = container[int(step) if isinstance(container, list) else step]
    return container, int(last) if isinstance(container, list) else last


def _set(container: Any, key: Any, value: Any) -> None:
    container[key] = copy.deepcopy(value)


def _raw(container: Any, key: Any, text: str) -> None:
    container[key] = Literal(text)


def _remove(container: Any, key: Any) -> None:
    del container[key]


def _insert(container: Any, key: Any, value: Any) -> None:
    container.insert(key, copy.deepcopy(value))


def _rename(container: Any, key: Any, name: str) -> None:
    renamed = {name if member == key else member: value for member, value in container.items()}
    container.clear()
    container.update(renamed)


def _twin(container: Any, key: Any, value: Any) -> None:
    members = []
    for member, present in container.items():
        members.append((member, present))
        if member == key:
            members.append((Twin(key), copy.deepcopy(value)))
    container.clear()
    container.update(members)


def _reverse(container: Any, key: Any) -> None:
    members = list(container[key].items())
    container[key] = dict(reversed(members))


_OPERATIONS = {
    "set": _set,
    "raw": _raw,
    "remove": _remove,
    "insert": _insert,
    "rename": _rename,
    "twin": _twin,
    "reverse": _reverse,
}
