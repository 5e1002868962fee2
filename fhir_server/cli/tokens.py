"""`fhir-server tokens`: bearer tokens for organizations, printed once and stored hashed.

https://www.rfc-editor.org/rfc/rfc6750  A token's text is shown when it is made and never again.
"""

import time

import click

from fhir_server.cli import options

DAY_MICROSECONDS = 24 * 60 * 60 * 1_000_000


@click.group()
def tokens() -> None:
    """Make, list and revoke the tokens that let programs in."""


@tokens.command()
@click.option("--organization", required=True, metavar="ID", help="Id of the Organization whose program this is.")
@click.option("--scope", type=click.Choice(["read", "write"]), required=True, help="write includes read.")
@click.option("--days", type=click.IntRange(min=1), help="Days until it expires; without, it does not.")
@options.database
def create(organization: str, scope: str, days: int | None, database_url: str | None) -> None:
    """Make a token and print it; it cannot be shown again."""
    from fhir_server.access import tokens as stored
    from fhir_server.interactions.routes import ID

    if not ID.match(organization):
        raise click.BadParameter("an id has up to 64 letters, digits, - and .", param_hint="--organization")
    now = options.now()
    expires = None if days is None else now + days * DAY_MICROSECONDS
    with options.opened(database_url) as database, database.unit_of_work(tenant=options.TENANT, now=now) as uow:
        text = stored.create(uow, organization=organization, scope=scope, now=now, expires=expires)
    click.echo(text)
    click.echo(f"Revoke it with: fhir-server tokens revoke {stored.token_hash(text)[:12]}", err=True)


@tokens.command("list")
@options.database
def list_tokens(database_url: str | None) -> None:
    """List the tokens by name; their texts are known to nobody here."""
    from fhir_server.access import tokens as stored

    with options.opened(database_url) as database:
        found = stored.listed(database)
    layout = "{:<12}  {:<24}  {:<5}  {:<20}  {:<20}  {}"
    click.echo(layout.format("name", "organization", "scope", "created", "expires", "revoked").rstrip())
    for token in found:
        times = [_time(at) for at in (token.created, token.expires, token.revoked)]
        click.echo(layout.format(token.name, token.organization, token.scope, *times).rstrip())


@tokens.command()
@click.argument("name")
@options.database
def revoke(name: str, database_url: str | None) -> None:
    """Revoke the token called NAME; servers notice within the setting token_cache_ms."""
    from fhir_server.access import tokens as stored

    now = options.now()
    with options.opened(database_url) as database, database.unit_of_work(tenant=options.TENANT, now=now) as uow:
        found = stored.revoke(uow, name=name, now=now)
    if not found:
        raise click.ClickException(f"no token is called {name!r}, or it was revoked before")
    click.echo(f"Revoked {name}.")


def _time(microseconds: int | None) -> str:
    if microseconds is None:
        return "-"
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(microseconds // 1_000_000))
