"""OperationOutcome resources."""

from fhir_server.errors import Issue
from fhir_server.fhir.outcomes import operation_outcome


def test_every_part_of_an_issue_is_shown() -> None:
    issue = Issue("error", "invariant", "an element has neither value nor children", ("Group.name",), "ele-1")
    assert operation_outcome([issue]) == {
        "resourceType": "OperationOutcome",
        "issue": [
            {
                "severity": "error",
                "code": "invariant",
                "details": {"text": "ele-1"},
                "diagnostics": "an element has neither value nor children",
                "expression": ["Group.name"],
            }
        ],
    }


def test_absent_parts_are_left_out() -> None:
    assert operation_outcome([Issue("error", "not-found", "")])["issue"] == [{"severity": "error", "code": "not-found"}]


def test_no_issue_at_all_is_said_too() -> None:
    assert operation_outcome([])["issue"] == [
        {"severity": "information", "code": "informational", "diagnostics": "All OK"}
    ]
