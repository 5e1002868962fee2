"""The policy: may this principal do this, and which rows exist for it.

Every function that yields rows takes the predicate of `Decision.visible`; there is no other way to get one.
What comes later (scopes, relationship, consent, labels) narrows `decide` and `authorize`; their signatures stay.
"""

from dataclasses import dataclass
from typing import Protocol

from fhir_server.access.principal import READ, WRITE, Principal
from fhir_server.errors import Forbidden
from fhir_server.fhir.json import JsonObject
from fhir_server.store.visibility import ALL_ROWS, Predicate

READING = frozenset({
    "read", "vread", "history-instance", "history-type", "history-system", "search-type", "search-system",
})  # fmt: skip


@dataclass(frozen=True, slots=True)
class Decision:
    """An allowed interaction: the rows that exist for the principal, and the legal basis in a word."""

    visible: Predicate
    basis: str


class Policy(Protocol):
    """What interactions ask before they touch a row."""

    def decide(self, principal: Principal, interaction: str, type_name: str | None) -> Decision:
        """The decision for an interaction on a type (None: the whole system); raises Forbidden."""
        ...

    def authorize(
        self,
        principal: Principal,
        interaction: str,
        type_name: str,
        *,
        before: JsonObject | None,
        after: JsonObject | None,
    ) -> None:
        """Judge the content of a write, as it was and as it would be; raises Forbidden."""
        ...


class OperatorPolicy:
    """A read token sees, a write token also changes, all rows of its tenant."""

    __slots__ = ()

    def decide(self, principal: Principal, interaction: str, type_name: str | None) -> Decision:
        """See `Policy.decide`."""
        needed = READ if interaction in READING else WRITE
        if needed not in principal.scope:
            raise Forbidden(f"{interaction} needs a token with scope {needed}; this one has none")
        return Decision(visible=ALL_ROWS, basis=f"token scope {needed}")

    def authorize(
        self,
        principal: Principal,
        interaction: str,
        type_name: str,
        *,
        before: JsonObject | None,
        after: JsonObject | None,
    ) -> None:
        """See `Policy.authorize`: content does not matter to an operator token."""
