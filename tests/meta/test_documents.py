"""The documents say what is so: pages are fresh, and the commands, files and packages they name are there."""

import re
import runpy
import tomllib
from pathlib import Path

import click
import pytest

from fhir_server.cli.main import main

ROOT = Path(__file__).parents[2]
DOCUMENTS = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").glob("*.md")])
DECISIONS = sorted((ROOT / "docs" / "adr").glob("*.md"))
README_LINES = 150
DECISION_LINES = 80
# Written as if it were a path, but made at run time or by others.
NOT_FILES = {"PACKAGE.tgz", "FILE.ndjson", "benchmarks/results/"}


def text(path: Path) -> str:
    return path.read_text(encoding="utf-8")


def quoted(document: str) -> set[str]:
    """What stands in backticks, and the lines of indented or fenced blocks."""
    blocks = re.findall(r"```[a-z]*\n(.*?)```", document, flags=re.DOTALL)
    return {*re.findall(r"`([^`\n]+)`", document), *(line.strip() for block in blocks for line in block.splitlines())}


def test_generated_pages_are_fresh() -> None:
    assert runpy.run_path(str(ROOT / "docs" / "generate.py"))["stale"]() == []


def test_the_readme_is_short() -> None:
    assert len(text(ROOT / "README.md").splitlines()) <= README_LINES


@pytest.mark.parametrize("path", DECISIONS, ids=lambda path: path.stem)
def test_a_decision_is_short_and_complete(path: Path) -> None:
    content = text(path)
    assert len(content.splitlines()) <= DECISION_LINES
    assert content.startswith(f"# {int(path.stem[:4])}. ")
    assert [h for h in ("Context", "Options", "Decision", "Consequences") if f"\n## {h}\n" not in content] == []


def test_decisions_are_numbered_without_gaps() -> None:
    assert [int(path.stem[:4]) for path in DECISIONS] == list(range(1, len(DECISIONS) + 1))


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: path.name)
def test_make_verbs_exist(path: Path) -> None:
    verbs = set(re.findall(r"^([a-z]+):", text(ROOT / "Makefile"), flags=re.MULTILINE))
    named = {verb for words in quoted(text(path)) for verb in re.findall(r"\bmake ([a-z]+)", words)}
    assert named - verbs == set()


@pytest.mark.parametrize("path", [*DOCUMENTS, *DECISIONS], ids=lambda path: path.stem)
def test_commands_and_their_options_exist(path: Path) -> None:
    wrong = [words for words in quoted(text(path)) if "fhir-server " in words and not command_exists(words)]
    assert wrong == []


def command_exists(words: str) -> bool:
    command: click.Command = main
    arguments = words.partition("fhir-server ")[2].split("#")[0].split()
    for argument in arguments:
        if argument.startswith("--"):
            if argument.partition("=")[0] not in {option for p in command.params for option in p.opts}:
                return False
        elif isinstance(command, click.Group):
            found = command.get_command(click.Context(command), argument)
            if found is None:
                return False
            command = found
    return True


@pytest.mark.parametrize("path", [*DOCUMENTS, *DECISIONS], ids=lambda path: path.stem)
def test_files_named_are_there(path: Path) -> None:
    named = {w for w in quoted(text(path)) if re.fullmatch(r"[A-Za-z0-9_.\-]+(/[A-Za-z0-9_.\-]+)*(/|\.[a-z]+)", w)}
    looked_for = {w for w in named if "/" in w or w.endswith((".py", ".md", ".toml", ".json"))} - NOT_FILES
    missing = [w for w in looked_for if not any((base / w).exists() for base in (ROOT, ROOT / "fhir_server"))]
    links = re.findall(r"\]\(([^)#:]+)\)", text(path))
    missing += [link for link in links if not (path.parent / link).exists()]
    assert missing == []


def test_every_dependency_has_a_reason() -> None:
    project = tomllib.loads(text(ROOT / "pyproject.toml"))["project"]
    declared = [*project["dependencies"], *(p for group in project["optional-dependencies"].values() for p in group)]
    names = {re.match(r"[a-z0-9.\-]+", requirement).group() for requirement in declared}  # type: ignore[union-attr]
    lines = re.findall(r"^\| ([a-z0-9.\-]+) \|", text(ROOT / "docs" / "dependencies.md"), flags=re.MULTILINE)
    assert sorted(names - {"fhir-server"}) == sorted(set(lines) - {"package", "---"})
    assert [name for name in lines if name not in {"package", "---"} and lines.count(name) > 1] == []


def test_every_dependency_is_bounded_above_and_locked() -> None:
    project = tomllib.loads(text(ROOT / "pyproject.toml"))["project"]
    declared = [*project["dependencies"], *(p for group in project["optional-dependencies"].values() for p in group)]
    external = [requirement for requirement in declared if not requirement.startswith("fhir-server")]
    assert [requirement for requirement in external if ",<" not in requirement] == []
    locked = set(re.findall(r"^([a-z0-9\-]+)==", text(ROOT / "requirements.lock"), flags=re.MULTILINE))
    names = {re.split(r"[\[>]", requirement)[0].replace(".", "-") for requirement in external}
    assert names - locked == set()
