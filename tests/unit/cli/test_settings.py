"""`fhir-server settings` shows every setting, and no secret."""

from dataclasses import fields
from pathlib import Path

from click.testing import CliRunner

from fhir_server.cli.main import main
from fhir_server.settings import Settings


def test_every_setting_is_listed_with_its_meaning() -> None:
    told = CliRunner().invoke(main, ["settings"])
    assert told.exit_code == 0
    for field in fields(Settings):
        assert f"\n{field.name} " in told.output
        assert field.metadata["meaning"] in told.output


def test_values_come_from_file_and_environment_in_order(tmp_path: Path) -> None:
    (tmp_path / "server.toml").write_text('page_size = 7\nmax_page_size = 70\naccess = "open"\n')
    environment = {"FHIR_SERVER_CONFIG": str(tmp_path / "server.toml"), "FHIR_SERVER_PAGE_SIZE": "8"}
    told = CliRunner(env=environment).invoke(main, ["settings", "page_size", "max_page_size", "access"])
    shown = [line.split() for line in told.output.splitlines()]
    assert ["page_size", "number", "entries", "100", "8*"] in [words[:5] for words in shown]
    assert ["max_page_size", "number", "entries", "1000", "70*"] in [words[:5] for words in shown]
    assert "open*" in told.output


def test_secrets_are_not_shown() -> None:
    told = CliRunner(env={"FHIR_SERVER_CURSOR_KEY": "do-not-tell"}).invoke(main, ["settings"])
    assert "do-not-tell" not in told.output
    assert "(set)*" in told.output


def test_the_password_of_the_database_is_not_shown() -> None:
    environment = {"FHIR_SERVER_DATABASE": "postgresql://somebody:do-not-tell@db.example.org/fhir"}
    told = CliRunner(env=environment).invoke(main, ["settings"])
    assert told.exit_code == 0
    assert "do-not-tell" not in told.output


def test_an_unknown_name_is_refused() -> None:
    told = CliRunner().invoke(main, ["settings", "page_siz"])
    assert told.exit_code == 2
