"""Keys that all processes of a server share, kept in the database and made at first use.

The first process to commit wins; the others read what it made.
"""

import secrets

import sqlalchemy as sa

from fhir_server.store.database import Database
from fhir_server.store.statements import Rows
from fhir_server.store.tables import SERVER_VALUE

_TENANT = 1


def shared_key(database: Database, name: str, *, now: int) -> bytes:
    """The 256-bit key of that name; `now` in epoch microseconds."""
    found = _value(database, name)
    if found is None:
        with database.unit_of_work(tenant=_TENANT, now=now) as uow:
            uow.enter_write_order()
            found = _value(uow, name)
            if found is None:
                found = secrets.token_hex(32)
                uow.insert(SERVER_VALUE, {"name": name, "tenant": _TENANT, "value": found})
    return bytes.fromhex(found)


def _value(rows: Rows, name: str) -> str | None:
    statement = sa.select(SERVER_VALUE.c.value).where(SERVER_VALUE.c.name == sa.bindparam("wanted"))
    found = rows.rows(rows.sql(statement), {"wanted": name})
    return found[0][0] if found else None
