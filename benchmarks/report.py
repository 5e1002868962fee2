"""Figures as people read them: tables on the screen and in docs/benchmarks.md, between its two marks."""

from pathlib import Path
from typing import Any

_BEGIN = "<!-- figures: begin -->"
_END = "<!-- figures: end -->"


def progress(row: dict[str, Any]) -> str:
    """One line while a run goes on."""
    server, floor = row["server"], row["floor"]
    return (
        f"{row['operation']:20} {row['clients']:3} clients  server {server['per_second']:8,.0f}/s"
        f"  floor {floor['per_second']:8,.0f}/s  {_percent(row)}  others {server['others']:.0%} {floor['others']:.0%}"
    )


def tables(results: dict[str, Any]) -> str:
    """All figures as Markdown."""
    lines = [f"Command: `{results['command']}`, {results['when']}", ""]
    lines += [f"- {name}: {value}" for name, value in (results["machine"] | results["settings"]).items()]
    for found in results["databases"].values():
        lines += ["", f"### {found['version']}", "", *_table(found["figures"]), "", *_start_and_memory(found)]
        lines.append(_others(found["figures"]))
    return "\n".join(lines) + "\n"


def write_page(page: Path, results: dict[str, Any]) -> None:
    """Put the figures between the marks of a document, and leave its prose alone."""
    text = page.read_text(encoding="utf-8")
    before, rest = text.split(_BEGIN)
    after = rest.split(_END)[1]
    page.write_text(f"{before}{_BEGIN}\n\n{tables(results)}\n{_END}{after}", encoding="utf-8")


def _table(rows: list[dict[str, Any]]) -> list[str]:
    heads = ["operation", "clients", "req/s", "floor", "of floor"]
    for name in ("p50 ms", "p99 ms", "CPU µs", "database CPU µs"):
        heads += [name, "floor"]
    lines = [f"| {' | '.join(heads)} |", f"| --- |{' ---: |' * (len(heads) - 1)}"]
    for row in rows:
        server, floor = row["server"], row["floor"]
        cells = [row["operation"], str(row["clients"])]
        cells += [f"{server['per_second']:,.0f}", f"{floor['per_second']:,.0f}", _percent(row)]
        for name, digits in (("p50_ms", 1), ("p99_ms", 1), ("server_cpu_us", 0), ("database_cpu_us", 0)):
            cells += [f"{server[name]:,.{digits}f}", f"{floor[name]:,.{digits}f}"]
        lines.append(f"| {' | '.join(cells)} |")
    return lines


def _start_and_memory(found: dict[str, Any]) -> list[str]:
    used = {name: ", ".join(f"{size / 1e6:.0f}" for size in sizes) for name, sizes in found["worker bytes"].items()}
    return [
        f"Start to first answer: {found['first answer seconds']:.2f} s (median of three, migrated database).",
        f"Memory of each worker after the mixed requests: {used['server']} MB; floor {used['floor']} MB.",
    ]


def _others(rows: list[dict[str, Any]]) -> str:
    shares = [row[target]["others"] for row in rows for target in ("server", "floor")]
    return f"Other processes took {sum(shares) / len(shares):.0%} of the machine meanwhile, at most {max(shares):.0%}."


def _percent(row: dict[str, Any]) -> str:
    return f"{row['server']['per_second'] / row['floor']['per_second']:.0%}"
