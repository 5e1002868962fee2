"""`fhir-server search`: how a search is read, and what the database does for it.

The rule: it looks as the operator, from whom nothing is hidden, and changes nothing.
"""

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

import click

from fhir_server.cli import options
from fhir_server.settings import Settings

if TYPE_CHECKING:
    from fhir_server.search import Searching
    from fhir_server.search.explain import ExplainedStatement, Explanation
    from fhir_server.store.database import Database


@click.group()
def search() -> None:
    """Look into searches."""


@search.command()
@click.argument("query")
@click.option("--analyze", is_flag=True, help="Run the statements, too, and tell what they took.")
@click.option("--lenient", is_flag=True, help="Leave out parameters that nobody knows, as with handling=lenient.")
@click.option("--base-url", metavar="URL", help="Public root of the server, if `serve` is given one as well.")
@options.database
def explain(*, query: str, analyze: bool, lenient: bool, base_url: str | None, database_url: str | None) -> None:
    """Tell how a search is understood, which way it takes, its SQL, and the database's plan.

    QUERY is what follows the base: 'Task?owner=...', '?_type=...' or 'Patient/1/Task?...'.
    """
    settings = options.loaded(database=database_url, base_url=base_url)
    is_lenient = lenient or settings.unknown_parameters == "ignore"
    with options.opened(database_url) as database:
        searching = _searching(settings, database)
        explanation = _explanation(database, query, searching, is_lenient=is_lenient, runs=analyze)
    click.echo("\n".join(_told(explanation)))


def _searching(settings: Settings, database: "Database") -> "Searching":
    """What a server with these settings searches with; what is stale is only read from the database."""
    from fhir_server.app import load_definitions, load_units_of
    from fhir_server.search.readiness import Readiness
    from fhir_server.search.searching import searching_of

    definitions = load_definitions(settings)
    readiness = Readiness(database, definitions, tenant=options.TENANT, now=options.now)
    return searching_of(definitions, settings, load_units_of(settings), readiness)


def _explanation(
    database: "Database", query: str, searching: "Searching", *, is_lenient: bool, runs: bool
) -> "Explanation":
    from fhir_server.interactions.parameters import pairs
    from fhir_server.search import explain as explaining
    from fhir_server.search import read_request
    from fhir_server.search.scopes import scope_of
    from fhir_server.store.visibility import ALL_ROWS

    path, _, text = query.partition("?")
    request = read_request(scope_of(path, searching.names), pairs(text), searching=searching, lenient=is_lenient)
    told = explaining.measure if runs else explaining.explain
    return told(database, request, searching=searching, tenant=options.TENANT, visible=ALL_ROWS, now=options.now())


def _told(explanation: "Explanation") -> Iterator[str]:
    yield from _section("Asked", explanation.asked)
    yield from _section("Conditions", explanation.conditions or ("none",))
    if explanation.links:
        yield from _section("Links", explanation.links)
    if explanation.counts:
        yield from _section("Counts", explanation.counts)
    yield from _section("Way", (explanation.drive, f"order: {explanation.order}"))
    for before in explanation.before:
        yield from _statement(f"Before: {before.name} ({before.note})", before)
    for statement in explanation.statements:
        yield from _statement(f"Statement: {statement.name}", statement)


def _section(title: str, lines: Sequence[str]) -> Iterator[str]:
    yield title
    yield from (f"  {line}" for line in lines)
    yield ""


def _statement(title: str, statement: "ExplainedStatement") -> Iterator[str]:
    from fhir_server.search.wording import shown

    values = [f"{name} = {shown(value)}" for name, value in statement.parameters.items()]
    yield from _section(title, [*statement.sql.splitlines(), "", *values, "", *statement.plan])
