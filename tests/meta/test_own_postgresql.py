"""The PostgreSQL that the tests bring along ends with its owner, however the owner ends."""

import os
import select
import subprocess
import sys
import tempfile
from pathlib import Path

import psycopg
import pytest
from sqlalchemy import make_url

from tests import postgresql

PATIENCE_SECONDS = 60


@pytest.mark.skipif(not hasattr(os, "pidfd_open"), reason="needs Linux to wait for a process of others")
def test_a_killed_owner_leaves_neither_server_nor_folder() -> None:
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as owner:
        server = postgresql.start(owner.pid)
        folder = Path(str(make_url(server.url).query["host"]))
        with psycopg.connect(server.url) as connection:
            assert connection.execute("SELECT 1").fetchone() == (1,)
        keeper = os.pidfd_open(server.keeper)
        owner.kill()
    assert select.select([keeper], [], [], PATIENCE_SECONDS)[0], "the keeper is still there"
    os.close(keeper)
    assert not folder.exists()
    with pytest.raises(psycopg.OperationalError):
        psycopg.connect(server.url)


def test_a_database_can_be_created_on_the_server(postgresql_url: str) -> None:
    with psycopg.connect(postgresql_url.replace("postgresql+psycopg:", "postgresql:"), autocommit=True) as connection:
        row = connection.execute("SELECT rolcreatedb OR rolsuper FROM pg_roles WHERE rolname = current_user").fetchone()
    assert row == (True,)


@pytest.mark.skipif(not hasattr(os, "pidfd_open"), reason="needs Linux to wait for a process of others")
def test_data_with_a_folder_of_their_own_are_found_again() -> None:
    with tempfile.TemporaryDirectory(dir=postgresql.open_folder()) as folder:
        Path(folder).chmod(0o755)
        for wanted in (None, "kept"):
            with (
                postgresql.running(postgresql.FAST, Path(folder) / "data") as url,
                psycopg.connect(url, autocommit=True) as connection,
            ):
                row = connection.execute("SELECT to_regclass('kept')::text").fetchone()
                assert row == (wanted,)
                connection.execute("CREATE TABLE IF NOT EXISTS kept (n integer)")
