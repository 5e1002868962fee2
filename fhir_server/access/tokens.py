"""Operator tokens: made at the command line, stored as SHA-256, presented as `Authorization: Bearer`.

https://www.rfc-editor.org/rfc/rfc6750#section-2.1  The token's text is known only to the one it was printed for.
"""

import hashlib
import secrets
from collections.abc import Callable
from dataclasses import dataclass

import sqlalchemy as sa

from fhir_server.access.principal import DEFAULT_TENANT, READ, WRITE, Principal
from fhir_server.errors import Unauthenticated
from fhir_server.store.database import Database, Rows, UnitOfWork
from fhir_server.store.tables import ACCESS_TOKEN

SCOPES = {READ: frozenset({READ}), WRITE: frozenset({READ, WRITE})}
_CACHE_LIMIT = 10_000


@dataclass(frozen=True, slots=True)
class Token:
    """A stored token: times in epoch microseconds; `name` is the first 12 digits of its hash."""

    name: str
    organization: str
    scope: str
    created: int
    expires: int | None
    revoked: int | None


def token_hash(text: str) -> str:
    """What is stored of a token."""
    return hashlib.sha256(text.encode()).hexdigest()


def create(uow: UnitOfWork, *, organization: str, scope: str, now: int, expires: int | None = None) -> str:
    """Store a new token of 256 bits and return its text, which nobody can read again."""
    text = secrets.token_urlsafe(32)
    hashed = token_hash(text)
    uow.insert(ACCESS_TOKEN, {
        "token_hash": hashed, "tenant": DEFAULT_TENANT, "name": hashed[:12], "organization": organization,
        "scope": scope, "created": now, "expires": expires, "revoked": None,
    })  # fmt: skip
    return text


def listed(rows: Rows) -> list[Token]:
    """All tokens, oldest first."""
    t = ACCESS_TOKEN.c
    statement = sa.select(t.name, t.organization, t.scope, t.created, t.expires, t.revoked).order_by(t.created)
    return [Token(*row) for row in rows.rows(rows.sql(statement), {})]


def revoke(uow: UnitOfWork, *, name: str, now: int) -> bool:
    """Revoke the token of that name; False when there is none, or it was revoked before."""
    t = ACCESS_TOKEN.c
    statement = (
        sa.update(ACCESS_TOKEN)
        .where(t.name == sa.bindparam("b_name"), t.revoked.is_(None))
        .values(revoked=sa.bindparam("b_now"))
        .returning(t.name)
    )
    uow.enter_write_order()
    return bool(uow.rows(uow.sql(statement), {"b_name": name, "b_now": now}))


class TokenDirectory:
    """Bearer texts to principals; none is believed longer than `cache_microseconds`, also by a clock set back."""

    __slots__ = ("_cache", "_cache_microseconds", "_database", "_now", "_sql")

    def __init__(self, database: Database, *, now: Callable[[], int], cache_microseconds: int) -> None:
        t = ACCESS_TOKEN.c
        self._database = database
        self._now = now
        self._cache_microseconds = cache_microseconds
        self._cache: dict[str, tuple[int, int, Principal]] = {}
        self._sql = database.sql(
            sa.select(t.name, t.organization, t.scope, t.tenant, t.expires, t.revoked).where(
                t.token_hash == sa.bindparam("token_hash")
            )
        )

    def principal(self, text: str) -> Principal:
        """The principal of a bearer token; raises Unauthenticated for the unknown, expired and revoked alike."""
        now = self._now()
        known = self._cache.get(text)
        if known is not None and known[0] <= now < known[1]:
            return known[2]
        found = self._database.rows(self._sql, {"token_hash": token_hash(text)})
        if not found or found[0][5] is not None or (found[0][4] is not None and found[0][4] <= now):
            self._cache.pop(text, None)
            raise Unauthenticated(
                "the bearer token is unknown, expired or revoked; ask the operator for a new one",
                headers={"WWW-Authenticate": 'Bearer error="invalid_token"'},
            )
        name, organization, scope, tenant, expires, _ = found[0]
        principal = Principal(f"token:{name}", f"operator token {name}", organization, tenant, SCOPES[scope])
        if len(self._cache) >= _CACHE_LIMIT:
            self._cache.clear()
        until = now + self._cache_microseconds
        self._cache[text] = (now, until if expires is None else min(until, expires), principal)
        return principal
