"""Broken rules in our own words: an issue with its code, its FHIRPath expression, and what would be right.

https://hl7.org/fhir/R4/valueset-issue-type.html  No word of the resource's content is ever repeated.
"""

from typing import Any

from fhir_server.errors import Issue
from fhir_server.fhir.structures import Structures
from fhir_server.validation.places import place
from fhir_server.validation.walk import Problem

_RULES = {
    "ele-1": ("invariant", "an element must have a value or children, not only an id"),
    "ext-1": ("invariant", "an extension must have either a value or extensions, not both and not neither"),
    "choice": ("structure", "only one {note} is allowed"),
    "ref-1": ("invariant", "the reference does not lead to a contained resource of this resource"),
    "dom-2": ("invariant", "a contained resource may not contain resources"),
    "dom-3": ("invariant", "a contained resource must be referred to, or refer to what contains it"),
    "dom-4": ("invariant", "a contained resource may not have meta.versionId or meta.lastUpdated"),
    "dom-5": ("invariant", "a contained resource may not have a security label"),
    "contained-id": ("required", "a contained resource must have an id"),
    "contained-twice": ("duplicate", "two contained resources have the same id"),
    "null": ("structure", "null may stand in an array only where its partner with or without '_' has something"),
    "urn": ("value", "is not a valid urn:oid or urn:uuid"),
    "reference": ("value", "a reference may not contain white space"),
    "conditional": ("value", "a conditional reference may stand in a transaction only"),
    "target": ("structure", "may refer to these types only: {note}"),
    "extension-url": ("value", "the url of an extension must be absolute"),
    "integer": ("value", "must be a JSON number without fraction or exponent"),
    "txt": ("invariant", "narrative: {note}"),
}


def of_problem(structures: Structures, resource: Any, problem: Problem) -> Issue:
    """The issue of a broken rule."""
    found = place(structures, resource, problem.location)
    code, text = _RULES[problem.rule]
    expression = found.expression + (".value" if problem.rule == "choice" else "")
    rule = problem.rule if "-" in problem.rule and problem.rule[-1].isdigit() else ""
    return Issue("error", code, text.format(note=problem.note), (expression,), rule)
