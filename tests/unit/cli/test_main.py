"""The command line: its commands, its speed of asking for help, its errors."""

import subprocess
import sys

import click
from click.testing import CliRunner

from fhir_server.cli.main import COMMANDS, main

HEAVY = (
    "flask",
    "sqlalchemy",
    "granian",
    "jsonschema_rs",
    "structlog",
    "prometheus_client",
    "alembic",
    "fhir.resources",
)


def test_help_lists_every_command() -> None:
    told = CliRunner().invoke(main, ["--help"])
    assert told.exit_code == 0
    assert [name for name in COMMANDS if f"\n  {name} " not in told.output] == []


def test_help_imports_nothing_heavy() -> None:
    code = (
        "import sys\nfrom fhir_server.cli.main import main\n"
        "for arguments in (['--help'], ['settings'], ['serve', '--help'], ['tokens', 'create', '--help']):\n"
        "    main(arguments, standalone_mode=False)\nsys.stderr.write(' '.join(sys.modules))"
    )
    told = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert [name for name in HEAVY if name in told.stderr.split()] == []


def test_a_wrong_setting_is_one_line_not_a_traceback() -> None:
    told = CliRunner(env={"FHIR_SERVER_PAGE_SIZE": "many"}).invoke(main, ["settings"])
    assert told.exit_code == 1
    assert told.output.startswith("Error: setting page_size: expected int")


def test_every_command_is_where_the_list_says() -> None:
    context = click.Context(main)
    assert [name for name in COMMANDS if main.get_command(context, name) is None] == []


def test_an_unknown_command_is_a_usage_error() -> None:
    told = CliRunner().invoke(main, ["serv"])
    assert told.exit_code == 2
    assert "No such command 'serv'" in told.output
