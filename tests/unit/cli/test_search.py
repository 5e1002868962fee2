"""`fhir-server search explain`: prints how a search is read and run, and tells refusals in a line."""

from pathlib import Path

from click.testing import CliRunner

from fhir_server.cli.main import main
from fhir_server.store import schema


def test_a_search_is_explained_and_a_wrong_one_refused(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'empty.db'}"
    schema.upgrade(url)
    assert CliRunner().invoke(main, ["reindex", "--database", url]).exit_code == 0
    query = "Task?owner=Organization/o&status=requested"
    told = CliRunner().invoke(main, ["search", "explain", query, "--database", url])
    assert told.exit_code == 0, told.output
    for part in ("types: Task", "c0: Task.owner (reference)", "work: the work rows", "SELECT", "SEARCH work USING"):
        assert part in told.output
    run = CliRunner().invoke(main, ["search", "explain", "Task?status=requested", "--analyze", "--database", url])
    assert "rows: 0" in run.output
    wrong = CliRunner().invoke(main, ["search", "explain", "Task?statsu=requested", "--database", url])
    assert wrong.exit_code == 1
    assert "did you mean status?" in wrong.output
