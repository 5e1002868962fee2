"""OperationOutcome resources: https://hl7.org/fhir/R4/operationoutcome.html .

The one rule: an outcome says where and what is wrong, and repeats nothing of what was sent; the issues it is made of
are written so.
"""

from collections.abc import Iterable

from fhir_server.errors import Issue
from fhir_server.fhir.json import JsonObject


def operation_outcome(issues: Iterable[Issue]) -> JsonObject:
    """The resource for these issues; without any, the one that says that all is well."""
    rendered = [_rendered(issue) for issue in issues]
    return {"resourceType": "OperationOutcome", "issue": rendered or [_rendered(ALL_OK)]}


def _rendered(issue: Issue) -> JsonObject:
    shown: JsonObject = {"severity": issue.severity, "code": issue.code}
    if issue.rule:
        shown["details"] = {"text": issue.rule}
    if issue.diagnostics:
        shown["diagnostics"] = issue.diagnostics
    if issue.expression:
        shown["expression"] = list(issue.expression)
    return shown


ALL_OK = Issue("information", "informational", "All OK")
