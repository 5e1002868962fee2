"""Domain errors: what an interaction raises and only the edges catch.

    FhirError
      BadRequest 400            malformed or structurally invalid input
        TooCostly 400           a search that would cost more than allowed
      Unauthenticated 401       no or unknown principal
      Forbidden 403             known principal, not allowed
      NotFound 404              absent, or not visible: the same answer
      MethodNotAllowed 405      carries Allow
      NotAcceptable 406
      Conflict 409
      Gone 410                  deleted, carries the ETag of the tombstone
      PreconditionFailed 412
      PayloadTooLarge 413
      UnsupportedMediaType 415
      Unprocessable 422         understood, but against a rule
      InternalError 500         a fault of ours; tells the id of the request and nothing else
      NotImplementedYet 501     a verb or operation nobody routed
      Unavailable 503           busy database, audit not writable; carries Retry-After
        TimeLimit 503           the database took longer than a statement may

A message says what was wrong, where, and what would be right; never the content of a resource.
Issue codes: https://hl7.org/fhir/R4/valueset-issue-type.html
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import ClassVar


@dataclass(frozen=True, slots=True)
class Issue:
    """One issue of an OperationOutcome; `expression` is FHIRPath, `rule` names the broken rule ("ele-1")."""

    severity: str
    code: str
    diagnostics: str
    expression: tuple[str, ...] = ()
    rule: str = ""


class FhirError(Exception):
    """An answer that is not a success: a status, issues, and headers to send with them."""

    status: ClassVar[int] = 500
    code: ClassVar[str] = "exception"

    def __init__(
        self,
        diagnostics: str = "",
        *,
        expression: Iterable[str] = (),
        code: str = "",
        issues: Iterable[Issue] = (),
        headers: Mapping[str, str] | None = None,
    ) -> None:
        given = tuple(issues)
        super().__init__(diagnostics or "; ".join(issue.diagnostics for issue in given))
        self.issues = given or (Issue("error", code or self.code, diagnostics, tuple(expression)),)
        self.headers = dict(headers or {})


class BadRequest(FhirError):
    status = 400
    code = "invalid"


class TooCostly(BadRequest):
    code = "too-costly"


class Unauthenticated(FhirError):
    status = 401
    code = "login"


class Forbidden(FhirError):
    status = 403
    code = "forbidden"


class NotFound(FhirError):
    status = 404
    code = "not-found"


class MethodNotAllowed(FhirError):
    status = 405
    code = "not-supported"


class NotAcceptable(FhirError):
    status = 406
    code = "not-supported"


class Conflict(FhirError):
    status = 409
    code = "conflict"


class Gone(FhirError):
    status = 410
    code = "deleted"


class PreconditionFailed(FhirError):
    status = 412
    code = "conflict"


class PayloadTooLarge(FhirError):
    status = 413
    code = "too-long"


class UnsupportedMediaType(FhirError):
    status = 415
    code = "not-supported"


class Unprocessable(FhirError):
    status = 422
    code = "business-rule"


class InternalError(FhirError):
    """What a client sees of a fault of ours: the id to ask the operator about, and nothing else."""

    def __init__(self, request_id: str) -> None:
        super().__init__(f"internal error; tell the operator the id {request_id}")


class NotImplementedYet(FhirError):
    status = 501
    code = "not-supported"


class Unavailable(FhirError):
    """Nothing was changed; the client may try again after `retry_after_seconds`."""

    status = 503
    code = "transient"

    def __init__(self, diagnostics: str, *, retry_after_seconds: int = 2, code: str = "") -> None:
        super().__init__(diagnostics, code=code, headers={"Retry-After": str(retry_after_seconds)})


class TimeLimit(Unavailable):
    """A statement was ended because it took too long; a search says what to narrow instead."""
