"""The structure of a resource, on every write: the strict schema, then one walk for what a schema cannot say.

https://hl7.org/fhir/R4/validation.html (Structure, Cardinality, Value Domains)  A sound resource costs microseconds;
places and words are worked out only for one that is not. What is reported is bounded, and never holds content.
"""

from collections.abc import Iterator
from typing import Any

from fhir_server.definitions import Definitions, schema
from fhir_server.errors import Issue
from fhir_server.fhir import json
from fhir_server.validation import engine, kinds, walk, wording
from fhir_server.validation.explain import Explainer

COUNTED_AT_MOST = 10_000
"""Issues beyond this are not even counted: a hostile body must not buy seconds of work."""


class StructureValidator:
    """The compiled schema and what the walk asks for; shared between threads."""

    def __init__(
        self, definitions: Definitions, *, max_issues: int = 100, compiled: engine.Engine | None = None
    ) -> None:
        self._definitions = definitions
        self._max_issues = max_issues
        self._engine = compiled or engine.compiled(schema.build(definitions))
        self._explainer = Explainer(definitions)
        self._kinds = kinds.kinds(definitions)

    def issues(self, resource: Any) -> list[Issue]:
        """Every problem up to the maximum, then one issue that counts the rest; empty when the resource is sound."""
        unfit = self._unfit(resource)
        if unfit is not None:
            return [unfit]
        judged, is_valid = self._judged(resource)
        found = walk.problems(resource, self._kinds)
        if is_valid and not found:
            return []
        faults = iter(()) if is_valid else self._explainer.faults(judged)
        return self._reported(resource, faults, found)

    def _judged(self, resource: Any) -> tuple[Any, bool]:
        """What the engine looked at, and its verdict."""
        try:
            if self._engine.is_valid(resource):
                return resource, True
        except ValueError:
            pass
        plain = json.plain(resource)  # perhaps only a number that keeps its own literal, which no engine knows
        return plain, self._engine.is_valid(plain)

    def _unfit(self, resource: Any) -> Issue | None:
        if not isinstance(resource, dict):
            return Issue("error", "structure", "a resource is a JSON object")
        name = resource.get("resourceType")
        if name is None:
            return Issue("error", "required", "resourceType is required")
        if not isinstance(name, str) or name not in self._definitions.resource_types:
            return Issue("error", "structure", "resourceType does not name a resource type of FHIR R4")
        return None

    def _reported(self, resource: Any, faults: Iterator[Issue], found: list[walk.Problem]) -> list[Issue]:
        shown: dict[Issue, None] = {}
        more = 0
        for issue in faults:
            if len(shown) < self._max_issues:
                shown[issue] = None
            elif issue not in shown:
                more += 1
                if more == COUNTED_AT_MOST:
                    break
        for problem in found[: self._max_issues]:
            issue = wording.of_problem(self._definitions, resource, problem)
            if len(shown) < self._max_issues:
                shown[issue] = None
            elif issue not in shown:
                more += 1
        more += len(found[self._max_issues :])
        return self._listed(list(shown), more)

    def _listed(self, shown: list[Issue], more: int) -> list[Issue]:
        if not shown:
            return [Issue("error", "structure", "does not have the structure that FHIR defines")]
        if not more:
            return shown
        count = f"{more} more problems" if more < COUNTED_AT_MOST else f"more than {COUNTED_AT_MOST} further problems"
        return [*shown, Issue("error", "too-long", f"there are {count}, which are not listed")]
