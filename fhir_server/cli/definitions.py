"""`fhir-server definitions`: official packages to the files in profiles/ and terminology/, and a check of them."""

from pathlib import Path

import click

from fhir_server.cli import options


@click.group()
def definitions() -> None:
    """Compile and check what the standards say, as data."""


@definitions.command("compile")
@click.argument("packages", nargs=-1, required=True, type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--into", default="profiles", show_default=True, type=click.Path(file_okay=False, path_type=Path))
@click.option(
    "--terminology", type=click.Path(file_okay=False, path_type=Path), help="[default: terminology/ beside --into]"
)
def compile_command(packages: tuple[Path, ...], into: Path, terminology: Path | None) -> None:
    """Compile PACKAGES (.tgz) into compact files without prose."""
    from fhir_server.definitions.compile import compile_packages
    from fhir_server.definitions.package import DefinitionsError

    try:
        report = compile_packages(packages, into, terminology)
    except DefinitionsError as error:
        raise click.ClickException(str(error)) from error
    for line in report.packages:
        click.echo(line)
    for note in report.notes:
        click.echo(f"note: {note}", err=True)


@definitions.command()
def check() -> None:
    """Load the definitions as a server does, and see that their files are as the compiler writes them."""
    from fhir_server.definitions.check import check as problems_of
    from fhir_server.definitions.load import load, shipped

    chosen = options.loaded()
    profiles = Path(chosen.profiles_folder or shipped("profiles"))
    terminology = Path(chosen.terminology_folder or shipped("terminology"))
    problems = problems_of(profiles, terminology)
    for problem in problems:
        click.echo(problem)
    if problems:
        raise click.ClickException(f"{len(problems)} problems found")
    found = load(profiles, terminology)
    parameters = sum(len(of_type) for of_type in found.search_parameters.values())
    click.echo(f"{len(found.resource_types)} resource types, {len(found.server)} of them switched on.")
    click.echo(f"{parameters} search parameters, {len(found.value_sets)} value sets.")
