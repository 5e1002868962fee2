"""`fhir-server`: the commands, written out.

The rule: a command's module is imported when the command is asked for, and imports what it needs when it runs.
"""

import importlib
from collections.abc import Mapping

import click

from fhir_server.errors import FhirError
from fhir_server.settings import SettingsError
from fhir_server.version import VERSION

COMMANDS: Mapping[str, tuple[str, str]] = {
    "serve": ("fhir_server.cli.serve:serve", "Serve FHIR until told to stop."),
    "settings": ("fhir_server.cli.settings:settings", "List the settings and their values here."),
    "db": ("fhir_server.cli.db:db", "Upgrade, check, back up or restore the database."),
    "definitions": ("fhir_server.cli.definitions:definitions", "Compile and check what the standards say, as data."),
    "tokens": ("fhir_server.cli.tokens:tokens", "Make, list and revoke the tokens that let programs in."),
    "reindex": ("fhir_server.cli.reindex:reindex", "Make index rows anew after search parameters changed."),
    "search": ("fhir_server.cli.search:search", "Explain how a search is understood and run."),
    "import": ("fhir_server.cli.import_:import_", "Load files of resources or Bundles."),
    "worker": ("fhir_server.cli.worker:worker", "Do the background work."),
    "demo": ("fhir_server.cli.demo:demo", "Start a server and walk one referral through it."),
}
"""Name to where the command is, and what the list of commands says of it."""


class Commands(click.Group):
    """A group that imports its commands late, and tells errors of ours without a traceback."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """The commands, in the order written."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import one command."""
        if cmd_name not in COMMANDS:
            return None
        module, _, name = COMMANDS[cmd_name][0].partition(":")
        command = getattr(importlib.import_module(module), name)
        assert isinstance(command, click.Command)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """List the commands without importing them."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, summary) for name, (_, summary) in COMMANDS.items()])

    def invoke(self, ctx: click.Context) -> object:
        """Run the command; what we raise ourselves becomes one line and exit status 1."""
        try:
            return super().invoke(ctx)
        except (SettingsError, FhirError) as error:
            raise click.ClickException(str(error)) from error
        except ModuleNotFoundError as error:
            if error.name != "psycopg":
                raise
            raise click.ClickException("PostgreSQL needs an extra: pip install 'fhir-server[postgres]'") from error


@click.group(cls=Commands, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110})
@click.version_option(VERSION)
def main() -> None:
    """A FHIR R4 server for social-care referrals.

    Every setting can be given in the environment or in a file: see `fhir-server settings`.
    """
