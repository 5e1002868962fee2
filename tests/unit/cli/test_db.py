"""`fhir-server db`: upgrade, check, backup and restore, on both databases."""

from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from sqlalchemy import create_engine, make_url, text

from fhir_server.cli.main import main
from fhir_server.store import schema


def run(*arguments: str, journals: Path | None = None) -> Result:
    environment = {"FHIR_SERVER_JOURNAL_FOLDER": str(journals)} if journals else {}
    return CliRunner(env=environment).invoke(main, ["db", *arguments])


def written_version(database_url: str, version: str) -> None:
    engine = create_engine(make_url(database_url).set(drivername=driver(database_url)))
    with engine.begin() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = :version"), {"version": version})
    engine.dispose()


def driver(database_url: str) -> str:
    return "sqlite" if database_url.startswith("sqlite") else "postgresql+psycopg"


def test_an_empty_database_is_upgraded_once(empty_database_url: str) -> None:
    assert run("upgrade", "--database", empty_database_url).exit_code == 0
    assert schema.state(empty_database_url) == "current"
    assert "Nothing to do" in run("upgrade", "--database", empty_database_url).output


@pytest.mark.parametrize("command", ["upgrade", "check"])
def test_a_database_of_newer_code_is_left_alone(database_url: str, command: str) -> None:
    written_version(database_url, "9999")
    told = run(command, "--database", database_url)
    assert told.exit_code == 1
    assert "newer code" in told.output
    assert schema.state(database_url) == "ahead"


def test_check_finds_nothing_wrong_in_a_new_database(database_url: str) -> None:
    told = run("check", "--database", database_url)
    assert (told.exit_code, told.output) == (0, "No problems found.\n")


def test_a_backup_is_restored_into_an_empty_database(
    database_url: str, empty_database_url: str, tmp_path: Path
) -> None:
    tokens = CliRunner().invoke(
        main, ["tokens", "create", "--organization", "clinic", "--scope", "read", "--database", database_url]
    )
    assert tokens.exit_code == 0
    journals = tmp_path / "journals"
    journals.mkdir()
    told = run("backup", str(tmp_path / "backup"), "--database", database_url, journals=journals)
    assert told.exit_code == 0, told.output
    told = run("restore", str(tmp_path / "backup"), "--database", empty_database_url, journals=tmp_path / "restored")
    assert told.exit_code == 0, told.output
    listed = CliRunner().invoke(main, ["tokens", "list", "--database", empty_database_url])
    assert "clinic" in listed.output


def test_the_password_is_not_printed(database_url: str) -> None:
    told = run("upgrade", "--database", "postgresql://u:do-not-tell@127.0.0.1:1/x")
    assert told.exit_code == 1
    assert "do-not-tell" not in told.output


def test_a_url_that_cannot_be_understood_is_told_without_its_password() -> None:
    told = run("check", "--database", "postgresql://me:do-not-tell@db.example.org/fhir?host")
    assert told.exit_code == 1
    assert "URL" in told.output
    assert "do-not-tell" not in told.output
