"""JSON Patch: https://www.rfc-editor.org/rfc/rfc6902 , as https://hl7.org/fhir/R4/http.html#patch uses it.

The `jsonpatch` library applies one operation at a time; around it stand limits, because repeated copies grow a
document exponentially. The one rule: the resource that was given is never changed, whatever fails half-way.
"""

import copy
import re
from typing import Any, NoReturn

import jsonpatch
from jsonpatch import JsonPointer, JsonPointerException

from fhir_server.errors import BadRequest, FhirError, Unprocessable
from fhir_server.fhir.json import JsonObject

MAX_OPERATIONS = 1_000
MAX_DEPTH = 64
MAX_COPIED_VALUES = 20_000
SHOWN_PATH_LENGTH = 200

_REQUIRED = {
    "add": ("path", "value"),
    "remove": ("path",),
    "replace": ("path", "value"),
    "move": ("path", "from"),
    "copy": ("path", "from"),
    "test": ("path", "value"),
}
_POINTER = re.compile(r"(/([^~/]|~[01])*)*")
_FAILURES = (jsonpatch.JsonPatchException, JsonPointerException, LookupError, TypeError, ValueError, AttributeError)


def apply(resource: JsonObject, operations: Any) -> JsonObject:
    """The patched resource, in its old member order.

    Raises BadRequest when the operations are malformed, Unprocessable when one cannot be applied or a test fails;
    both name the operation by its number from 0.
    """
    if not isinstance(operations, list):
        raise BadRequest("a JSON Patch is an array of operations", code="structure")
    if len(operations) > MAX_OPERATIONS:
        raise BadRequest(f"a JSON Patch has at most {MAX_OPERATIONS} operations", code="too-costly")
    for index, operation in enumerate(operations):
        _check(index, operation)
    patched: Any = copy.deepcopy(resource)
    copied = 0
    for index, operation in enumerate(operations):
        copied += _check_growth(patched, index, operation, MAX_COPIED_VALUES - copied)
        patched = _applied(patched, index, operation)
        if not isinstance(patched, dict):
            _fail(Unprocessable, index, operation, "what is left is not a resource")
    return patched  # type: ignore[no-any-return]


def _check(index: int, operation: Any) -> None:
    if not isinstance(operation, dict):
        raise BadRequest(f"operation {index} of the JSON Patch is not an object", code="structure")
    verb = operation.get("op")
    if not isinstance(verb, str) or verb not in _REQUIRED:
        raise BadRequest(f"operation {index} of the JSON Patch: op is expected to be one of {', '.join(_REQUIRED)}")
    for member in _REQUIRED[verb]:
        if member not in operation:
            raise BadRequest(f"operation {index} of the JSON Patch: {verb} needs '{member}'", code="required")
        if member != "value" and not _is_pointer(operation[member]):
            raise BadRequest(f"operation {index} of the JSON Patch: '{member}' is not a JSON Pointer such as /status")


def _is_pointer(text: Any) -> bool:
    return isinstance(text, str) and text.count("/") <= MAX_DEPTH and _POINTER.fullmatch(text) is not None


def _check_growth(document: Any, index: int, operation: JsonObject, allowance: int) -> int:
    """How many values the operation copies; raises BadRequest when these, or the depth they get to, are too many."""
    if operation["op"] in {"move", "copy"}:
        try:
            value = JsonPointer(operation["from"]).resolve(document)
        except _FAILURES:
            _fail(Unprocessable, index, operation, "there is nothing at 'from'")
    elif "value" in _REQUIRED[operation["op"]]:
        value = operation["value"]
    else:
        return 0
    count, depth = _extent(value)
    if operation["path"].count("/") + depth > MAX_DEPTH:
        _fail(BadRequest, index, operation, f"the result is nested deeper than {MAX_DEPTH} levels")
    if operation["op"] != "copy":
        return 0
    if count > allowance:
        _fail(BadRequest, index, operation, "the patch copies too much")
    return count


def _extent(value: Any) -> tuple[int, int]:
    """How many values there are in this one, itself included, and how many levels of objects and arrays."""
    count, depth, level = 0, 0, [value]
    while level:
        count += len(level)
        containers = [item for item in level if isinstance(item, (dict, list))]
        depth += bool(containers)
        level = [inner for item in containers for inner in (item.values() if isinstance(item, dict) else item)]
    return count, depth


def _applied(document: Any, index: int, operation: JsonObject) -> Any:
    try:
        return jsonpatch.JsonPatch([operation]).apply(document, in_place=True)
    except jsonpatch.JsonPatchTestFailed:
        _fail(Unprocessable, index, operation, "the value there is another one")
    except _FAILURES:
        _fail(Unprocessable, index, operation, "the path does not fit the resource")


def _fail(kind: type[FhirError], index: int, operation: JsonObject, reason: str) -> NoReturn:
    path = operation["path"][:SHOWN_PATH_LENGTH]
    raise kind(f"operation {index} of the JSON Patch ({operation['op']} {path}): {reason}")
