"""The principal: who asks, after authentication.

https://hl7.org/fhir/R4/security.html#authentication  A principal is a value; it is never built from a request body.
"""

from dataclasses import dataclass

READ = "read"
WRITE = "write"
DEFAULT_TENANT = 1


@dataclass(frozen=True, slots=True)
class Principal:
    """`identifier` is what the audit records; `organization` is an Organization id or ""; `scope` holds READ, WRITE."""

    identifier: str
    display: str
    organization: str
    tenant: int
    scope: frozenset[str]


NOBODY = Principal("", "nobody", "", DEFAULT_TENANT, frozenset())
ANYONE = Principal("open", "anyone on this machine (open access)", "", DEFAULT_TENANT, frozenset({READ, WRITE}))
OPERATOR = Principal("operator", "operator at the command line", "", DEFAULT_TENANT, frozenset({READ, WRITE}))
