"""Entries of a batch-response or transaction-response, as text.

https://hl7.org/fhir/R4/bundle.html#Bundle.entry.response
"""

from collections.abc import Sequence
from http import HTTPStatus

from fhir_server.errors import FhirError, Issue
from fhir_server.fhir.dates import format_instant
from fhir_server.fhir.json import dump
from fhir_server.fhir.outcomes import operation_outcome
from fhir_server.interactions.context import Context
from fhir_server.interactions.request import CHANGES, Answer


def finished_entry(context: Context, method: str, answer: Answer, returns: str, notes: Sequence[Issue] = ()) -> str:
    """The entry for a success; `returns` (representation, minimal or OperationOutcome) is about changes only."""
    response = [f'"status":"{_line(answer.status)}"']
    stored = answer.stored
    full_url = ""
    if answer.location:
        response.append(f'"location":"{context.core.settings.fhir_base}/{answer.location}"')
    if stored is not None:
        response.append(f'"etag":"W/\\"{stored.version_id}\\"","lastModified":"{format_instant(stored.updated)}"')
        full_url = f'"fullUrl":"{context.core.settings.fhir_base}/{answer.type_name}/{stored.resource_id}",'
    issues = tuple(notes) + answer.issues
    is_change = answer.interaction in CHANGES
    if is_change and returns == "OperationOutcome" and not issues:
        issues = (Issue("information", "informational", "done"),)
    if issues:
        response.append(f'"outcome":{dump(operation_outcome(issues))}')
    text = "" if method == "HEAD" or (is_change and returns != "representation") else _text(answer)
    resource = f'"resource":{text},' if text else ""
    return f'{{{full_url}{resource}"response":{{{",".join(response)}}}}}'


def _text(answer: Answer) -> str:
    if answer.text is not None:
        return answer.text
    return "" if answer.stored is None or answer.status == HTTPStatus.NOT_MODIFIED else answer.stored.body


def failed_entry(error: FhirError) -> str:
    """The entry for a refusal."""
    parts = [f'"status":"{_line(error.status)}"']
    if "ETag" in error.headers:
        parts.append(f'"etag":{dump(error.headers["ETag"])}')
    parts.append(f'"outcome":{dump(operation_outcome(error.issues))}')
    return f'{{"response":{{{",".join(parts)}}}}}'


def _line(status: int) -> str:
    return f"{status} {HTTPStatus(status).phrase}"
