"""The schema: migrations build what the tables say, once, whoever asks."""

from concurrent.futures import ThreadPoolExecutor

import pytest
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext

from fhir_server.audit.tables import AUDIT_EVENT
from fhir_server.errors import Unavailable
from fhir_server.store import schema
from fhir_server.store.database import Database, open_database
from fhir_server.store.tables import METADATA
from tests.builders.changes import NOW, TENANT, commit, created

STAMP_OF_SQLITE = "write_stamp"


def engine_of(url: str) -> sa.Engine:
    return sa.create_engine(url.replace("postgresql:", "postgresql+psycopg:", 1), poolclass=sa.NullPool)


def test_migrations_build_what_the_tables_say(database_url: str) -> None:
    assert AUDIT_EVENT.metadata is METADATA
    engine = engine_of(database_url)
    with engine.connect() as connection:
        differences = compare_metadata(MigrationContext.configure(connection), METADATA)
    engine.dispose()
    assert [d for d in differences if getattr(d[1], "name", "") != STAMP_OF_SQLITE] == []


def test_an_empty_database_becomes_current(empty_database_url: str) -> None:
    assert schema.state(empty_database_url) == "empty"
    schema.upgrade(empty_database_url)
    assert schema.state(empty_database_url) == "current"
    assert schema.version(empty_database_url) == schema.versions()[-1]
    schema.upgrade(empty_database_url)


def test_processes_that_upgrade_at_once_do_it_once(empty_database_url: str) -> None:
    with ThreadPoolExecutor(4) as threads:
        list(threads.map(schema.upgrade, [empty_database_url] * 4))
    assert schema.state(empty_database_url) == "current"
    database = open_database(empty_database_url)
    assert len(commit(database, created("a"))) == 1
    database.close()


def test_a_database_of_newer_code_is_ahead(database: Database, database_url: str) -> None:
    assert schema.is_current(database)
    with database.unit_of_work(tenant=TENANT, now=NOW) as uow:
        uow.rows(uow.sql(sa.text("UPDATE alembic_version SET version_num = '9999'")), {})
    assert schema.state(database_url) == "ahead"
    assert not schema.is_current(database)


def test_a_migration_that_fails_leaves_nothing(empty_database_url: str) -> None:
    with pytest.raises(KeyError), schema.migration(empty_database_url) as connection:  # noqa: PT012
        schema.migrate(connection)
        raise KeyError
    assert schema.state(empty_database_url) == "empty"
    schema.upgrade(empty_database_url)


def test_a_database_that_cannot_be_reached_is_unavailable() -> None:
    for url in ("postgresql://nobody@127.0.0.1:1/none", "postgresql+psycopg://nobody@127.0.0.1:1/none"):
        with pytest.raises(Unavailable):
            schema.state(url)
        with pytest.raises(Unavailable):
            schema.upgrade(url)
