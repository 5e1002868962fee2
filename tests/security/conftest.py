"""A second database on the same engine, for tests that compare two servers."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import make_url


@pytest.fixture
def other_database_url(engine: str, request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """Like `database_url`, another one."""
    if engine == "sqlite":
        yield f"sqlite:///{shutil.copy(request.getfixturevalue('migrated_sqlite'), tmp_path / 'other.db')}"
        return
    server = make_url(request.getfixturevalue("postgresql_url"))
    name = request.getfixturevalue("create_on_postgresql")(request.getfixturevalue("migrated_postgresql"))
    yield server.set(database=name).render_as_string(hide_password=False)
