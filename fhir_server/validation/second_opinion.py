"""A second opinion on structure: the models of fhir.resources, mended where they are known to be wrong.

https://github.com/nazrulworld/fhir.resources  They are of R4B: they refuse the legal siblings of an extension's value,
and lack some types of R4, of which they then say nothing. They are slow to import and to run, so nothing is imported
before the first use. Their messages quote content, so none of them is repeated.
"""

from collections.abc import Iterable
from typing import Any

from fhir_server.errors import Issue
from fhir_server.fhir import json

MAX_ISSUES = 50
_REQUIRED = {"missing", "model_field_validation.missing"}
_STRUCTURE = {"extra_forbidden", "model_type", "dict_type", "list_type", "model_attributes_type"}


def second_opinion(resource: json.JsonObject) -> list[Issue]:
    """What the models refuse in a resource that is well built by our own tables; at most fifty issues."""
    from fhir.resources.R4B import get_fhir_model_class
    from pydantic import ValidationError

    name = str(resource.get("resourceType"))
    try:
        get_fhir_model_class(name).model_validate(json.plain(resource))
    except ValidationError as error:
        found = error.errors(include_url=False, include_context=False, include_input=False)
        return _issues(name, (dict(item) for item in found))
    except (KeyError, ValueError):  # a type that these models do not have, at the root or contained
        return []
    return []


def _issues(name: str, errors: Iterable[dict[str, Any]]) -> list[Issue]:
    issues: dict[Issue, None] = {}
    for error in errors:
        if not _is_mistaken(error):
            issues[_issue(name, error["loc"], error["type"])] = None
        if len(issues) == MAX_ISSUES:
            break
    return list(issues)


def _is_mistaken(error: dict[str, Any]) -> bool:
    """Whether the models refuse `_valueString` and the like, which FHIR allows in an extension."""
    return error["type"] == "extra_forbidden" and str(error["loc"][-1]).startswith("_value")


def _issue(name: str, location: tuple[str | int, ...], kind: str) -> Issue:
    steps = list(location)
    missing = steps.pop() if kind in _REQUIRED and steps else ""
    if kind == "extra_forbidden" and steps:
        steps.pop()
    expression = name + "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in steps)
    if kind in _REQUIRED:
        return Issue("error", "required", f"second opinion: {missing} is required", (expression,))
    code = "structure" if kind in _STRUCTURE else "value"
    return Issue("error", code, "second opinion: the models of FHIR R4B do not accept this element", (expression,))
