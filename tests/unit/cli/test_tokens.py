"""Operator tokens: printed once, stored hashed, revoked by name; on both databases."""

import re
from contextlib import closing

from click.testing import CliRunner, Result

from fhir_server.access.tokens import TokenDirectory
from fhir_server.cli.main import main
from fhir_server.errors import Unauthenticated
from fhir_server.store.database import open_database

FAR_FUTURE = 4_000_000_000_000_000


def run(*arguments: str) -> Result:
    return CliRunner().invoke(main, ["tokens", *arguments])


def is_let_in(database_url: str, token: str, *, now: int = 0) -> bool:
    with closing(open_database(database_url)) as database:
        directory = TokenDirectory(database, now=lambda: now, cache_microseconds=0)
        try:
            directory.principal(token)
        except Unauthenticated:
            return False
    return True


def created(database_url: str, *more: str) -> str:
    told = run("create", "--organization", "clinic", "--scope", "read", "--database", database_url, *more)
    assert told.exit_code == 0, told.output
    return told.stdout.strip()


def test_a_token_lets_in_until_it_is_revoked(database_url: str) -> None:
    token = created(database_url)
    assert is_let_in(database_url, token)
    listed = run("list", "--database", database_url).output
    assert token not in listed
    name = re.findall(r"^([0-9a-f]{12})  clinic +read", listed, flags=re.MULTILINE)[0]
    assert run("revoke", name, "--database", database_url).exit_code == 0
    assert not is_let_in(database_url, token)
    again = run("revoke", name, "--database", database_url)
    assert again.exit_code == 1
    assert "revoked before" in again.output


def test_a_token_with_days_expires(database_url: str) -> None:
    token = created(database_url, "--days", "1")
    assert is_let_in(database_url, token)
    assert not is_let_in(database_url, token, now=FAR_FUTURE)


def test_scope_and_organization_are_asked_for(database_url: str) -> None:
    assert run("create", "--scope", "read", "--database", database_url).exit_code == 2
    assert run("create", "--organization", "x", "--scope", "admin", "--database", database_url).exit_code == 2


def test_an_empty_database_is_refused_with_the_command_to_run(empty_database_url: str) -> None:
    told = run("list", "--database", empty_database_url)
    assert told.exit_code == 1
    assert "fhir-server db upgrade --database" in told.output


def test_a_token_is_for_an_organization_that_can_exist(database_url: str) -> None:
    told = run("create", "--organization", "no such id", "--scope", "read", "--database", database_url)
    assert told.exit_code == 2
    assert "--organization" in told.output
