"""What the errors of PostgreSQL mean to the rest of the server, by SQLSTATE.

https://www.postgresql.org/docs/current/errcodes-appendix.html  The text of an error may hold values of a row (DETAIL);
it stays out of what is raised for the known ones.
"""

import psycopg
from psycopg.pq.abc import PGresult

from fhir_server.errors import TimeLimit, Unavailable
from fhir_server.store.unit_of_work import Retryable, WriteConflict

CONFLICT = "WC001"
"""Raised by the function refuse_conflict() of our schema."""

_UNIQUE = "23505"
_RETRYABLE = {"40001", "40P01", "55P03"}
_CANCELED = "57014"
_SESSION_ENDED = {"57P01", "57P02", "57P03", "57P05", "25P03", "25P04"}
_UNAVAILABLE_CLASSES = {"53", "58"}
_READ_ONLY = "25006"


class ConnectionLost(Exception):
    """The connection is gone; `told` is true when the server said so before it began the last of the statements."""

    def __init__(self, *, told: bool = False) -> None:
        super().__init__("the database ended the connection")
        self.told = told


def of_result(result: PGresult, *, is_last: bool = True) -> Exception:
    """The error of a failed result; `is_last` when no other statement was sent after its own."""
    state = (result.error_field(psycopg.pq.DiagnosticField.SQLSTATE) or b"").decode()
    if state in {CONFLICT, _UNIQUE}:
        return WriteConflict("another writer was first")
    if state in _RETRYABLE:
        return Retryable("the database asks to try again")
    if state == _CANCELED:
        return TimeLimit("the database took longer than the time limit; ask for less, or try again")
    if state in _SESSION_ENDED or state.startswith("08") or not state:
        return ConnectionLost(told=bool(state) and not is_last)
    if state[:2] in _UNAVAILABLE_CLASSES or state == _READ_ONLY:
        return Unavailable("the database cannot be read or written at the moment")
    return psycopg.errors.error_from_result(result)
