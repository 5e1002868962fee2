"""Figures as people read them: tables on the screen and in docs/benchmarks.md, between the two marks of their part."""

from pathlib import Path
from typing import Any


def progress(row: dict[str, Any]) -> str:
    """One line while a run goes on."""
    server, floor = row["server"], row["floor"]
    return (
        f"{row['operation']:20} {row['clients']:3} clients  server {server['per_second']:8,.0f}/s"
        f"  floor {floor['per_second']:8,.0f}/s  {of_floor(row):.0%}"
        f"  others {server['others']:.0%} {floor['others']:.0%}"
    )


def write_tables(results: dict[str, Any]) -> str:
    """All figures of reads and writes as Markdown."""
    lines = circumstances(results)
    for found in results["databases"].values():
        lines += ["", f"### {found['version']}", "", *_table(found["figures"]), "", *_start_and_memory(found)]
        lines.append(others(found["figures"]))
    return "\n".join(lines) + "\n"


def circumstances(results: dict[str, Any]) -> list[str]:
    """What was run, when and on what."""
    facts = results["machine"] | results["settings"]
    return [
        f"Command: `{results['command']}`, {results['when']}",
        "",
        *(f"- {name}: {value}" for name, value in facts.items()),
    ]


def write_page(page: Path, part: str, text: str) -> None:
    """Put the figures of a part between its marks in a document, and leave everything else alone."""
    begin, end = f"<!-- {part}: begin -->", f"<!-- {part}: end -->"
    content = page.read_text(encoding="utf-8")
    before, rest = content.split(begin)
    after = rest.split(end)[1]
    page.write_text(f"{before}{begin}\n\n{text}\n{end}{after}", encoding="utf-8")


def figures_table(heads: list[str], rows: list[tuple[list[str], dict[str, Any]]]) -> list[str]:
    """A table of measurements: what each row is about, then the server beside its floor."""
    names = [*heads, "req/s", "floor", "of floor"]
    for name in ("p50 ms", "p99 ms", "CPU µs", "database CPU µs"):
        names += [name, "floor"]
    lines = [f"| {' | '.join(names)} |", f"| --- |{' ---: |' * (len(names) - 1)}"]
    for about, row in rows:
        server, floor = row["server"], row["floor"]
        cells = [*about, f"{server['per_second']:,.0f}", f"{floor['per_second']:,.0f}", f"{of_floor(row):.0%}"]
        for name, digits in (("p50_ms", 1), ("p99_ms", 1), ("server_cpu_us", 0), ("database_cpu_us", 0)):
            cells += [f"{server[name]:,.{digits}f}", f"{floor[name]:,.{digits}f}"]
        lines.append(f"| {' | '.join(cells)} |")
    return lines


def of_floor(row: dict[str, Any]) -> float:
    """The share of the floor's requests per second that the server reaches."""
    share: float = row["server"]["per_second"] / row["floor"]["per_second"]
    return share


def others(rows: list[dict[str, Any]]) -> str:
    """How much of the machine was not ours."""
    shares = [row[target]["others"] for row in rows for target in ("server", "floor")]
    return f"Other processes took {sum(shares) / len(shares):.0%} of the machine meanwhile, at most {max(shares):.0%}."


def _table(rows: list[dict[str, Any]]) -> list[str]:
    return figures_table(["operation", "clients"], [([row["operation"], str(row["clients"])], row) for row in rows])


def _start_and_memory(found: dict[str, Any]) -> list[str]:
    used = {name: ", ".join(f"{size / 1e6:.0f}" for size in sizes) for name, sizes in found["worker bytes"].items()}
    return [
        f"Start to first answer: {found['first answer seconds']:.2f} s (median of three, migrated database).",
        f"Memory of each worker after the mixed requests: {used['server']} MB; floor {used['floor']} MB.",
    ]
