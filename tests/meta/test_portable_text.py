"""Nothing in the tree names a machine's folders, an address of a package registry, or work that is not done."""

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
FOLDERS = ("fhir_server", "tests", "docs", "benchmarks", "profiles", "terminology", ".ci")
FILES = ("README.md", "CHANGELOG.md", "Makefile", "pyproject.toml", "requirements.lock", "wsgi.py", ".gitignore")
SUFFIXES = {".py", ".md", ".toml", ".json", ".yaml", ".yml", ".txt", ".lock", ".ndjson", ".csv", "", ".sh", ".lua"}
# Letters in brackets, so that this file does not hold what it looks for.
FORBIDDEN = re.compile(
    r"/[w]ork/|/[h]ome/[a-z]|/[r]oot/|/[t]mp/(plan|house|pk)|[i]ndex-url =|[p]ythonhosted|\b[T]ODO\b|\b[F]IXME\b"
)


def test_no_forbidden_text() -> None:
    found = [
        f"{path.relative_to(ROOT)}:{number}: {match.group()}"
        for path in files()
        for number, line in enumerate(path.read_text(encoding="utf-8", errors="replace").splitlines(), start=1)
        if (match := FORBIDDEN.search(line))
    ]
    assert found == []


def files() -> list[Path]:
    below = [path for folder in FOLDERS for path in sorted((ROOT / folder).rglob("*")) if path.is_file()]
    kept = [path for path in below if path.suffix in SUFFIXES and not {"__pycache__", "results"} & set(path.parts)]
    return [*kept, *(ROOT / name for name in FILES)]
