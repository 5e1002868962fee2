"""Figures of searches as people read them: tables for the screen and for docs/benchmarks.md, and the aims."""

from collections.abc import Iterator
from typing import Any

from benchmarks.report import circumstances, figures_table, of_floor, others
from benchmarks.shapes import SHAPES

OF_FLOOR = 0.6
GROWTH = 1.4
SLOWEST_MS = 100
_COMPARED = ("postgresql", "10000", 8)
"""Where HAPI FHIR was measured: database, Tasks, clients."""

Row = dict[str, Any]


def progress(row: Row) -> str:
    """One line while a run goes on."""
    server, floor = row["server"], row["floor"]
    return (
        f"{SHAPES[row['shape']].title:38} {row['clients']:3} clients  server {server['per_second']:8,.0f}/s"
        f"  floor {floor['per_second']:8,.0f}/s  {of_floor(row):.0%}  p50 {server['p50_ms']:.1f} ms"
        f"  p99 {server['p99_ms']:.1f} ms"
    )


def write_tables(results: dict[str, Any]) -> str:
    """All figures of searches as Markdown."""
    lines = circumstances(results)
    for name, found in results["databases"].items():
        lines += ["", f"### {found['version']}", "", *_loading(found["sizes"])]
        for tasks, size in found["sizes"].items():
            lines += ["", f"#### {int(tasks):,} Tasks", "", *_figures(size)]
        lines += _growth(found["sizes"]) + _beside_hapi(name, found["sizes"]) + _aims(found["sizes"])
    return "\n".join(lines) + "\n"


def _loading(sizes: dict[str, Any]) -> list[str]:
    heads = [
        "Tasks",
        "resources",
        "NDJSON MB",
        "seconds",
        "resources/s",
        "jobs",
        "index bytes a resource",
        "most of it",
    ]
    lines = ["Loaded by `fhir-server import`:", "", f"| {' | '.join(heads)} |", f"|{' ---: |' * len(heads)}"]
    for tasks, size in sizes.items():
        loading = size["loading"]
        count, tables = loading["resources"], loading["index_bytes"]
        largest = sorted(tables, key=lambda name: -tables[name])[:4]
        cells = [
            f"{int(tasks):,}",
            f"{count:,}",
            f"{loading['ndjson_bytes'] / 1e6:,.0f}",
            f"{loading['seconds']:,.0f}",
            f"{count / loading['seconds']:,.0f}",
            loading["jobs"],
            f"{sum(tables.values()) / count:,.0f}",
            ", ".join(f"{name} {tables[name] / count:,.0f}" for name in largest),
        ]
        lines.append(f"| {' | '.join(cells)} |")
    return lines


def _figures(size: dict[str, Any]) -> list[str]:
    rows = size["figures"]
    lines: list[str] = []
    if rows:
        about = [([SHAPES[row["shape"]].title, str(row["clients"])], row) for row in rows]
        lines = [*figures_table(["search", "clients"], about), "", others(rows)]
    for name, reason in size["refused"].items():
        lines += ["", f"Not answered: {SHAPES[name].title} ({reason})."]
    return lines


def _growth(sizes: dict[str, Any]) -> list[str]:
    """The p50 of the largest population beside that of the smallest."""
    pairs = list(_pairs(sizes))
    if not pairs:
        return []
    small, large = (f"{int(tasks):,}" for tasks in _ends(sizes))
    heads = ["search", "clients", f"p50 ms at {small}", f"at {large}", "times", "floor's times"]
    lines = ["", f"#### From {small} to {large} Tasks", "", f"| {' | '.join(heads)} |"]
    lines.append(f"| --- |{' ---: |' * (len(heads) - 1)}")
    for before, after in pairs:
        title = SHAPES[after["shape"]].title + (" (grows)" if SHAPES[after["shape"]].grows else "")
        p50 = [row["server"]["p50_ms"] for row in (before, after)]
        by_hand = [row["floor"]["p50_ms"] for row in (before, after)]
        cells = [title, str(after["clients"]), *(f"{ms:.2f}" for ms in p50), _times(p50), _times(by_hand)]
        lines.append(f"| {' | '.join(cells)} |")
    return lines


def _beside_hapi(database: str, sizes: dict[str, Any]) -> list[str]:
    wanted_database, tasks, clients = _COMPARED
    rows = [row for row in sizes.get(tasks, {}).get("figures", []) if row["clients"] == clients]
    compared = [(row, SHAPES[row["shape"]].hapi) for row in rows if SHAPES[row["shape"]].hapi]
    if database != wanted_database or not compared:
        return []
    lines = ["", f"#### Beside HAPI FHIR JPA 8.8 ({int(tasks):,} Tasks, {clients} clients)", ""]
    heads = ["search", "HAPI req/s", "here", "times", "wanted", "HAPI p50 ms", "here"]
    lines += [f"| {' | '.join(heads)} |", f"| --- |{' ---: |' * (len(heads) - 1)}"]
    for row, hapi in compared:
        assert hapi is not None
        here = row["server"]["per_second"]
        cells = [SHAPES[row["shape"]].title, f"{hapi.per_second:,}", f"{here:,.0f}"]
        cells += [f"{here / hapi.per_second:.1f}", str(hapi.ahead), str(hapi.p50_ms or "-")]
        cells.append(f"{row['server']['p50_ms']:.1f}")
        lines.append(f"| {' | '.join(cells)} |")
    return lines


def _aims(sizes: dict[str, Any]) -> list[str]:
    """The worst of each kind, beside what was aimed at."""
    rows = [(tasks, row) for tasks, size in sizes.items() for row in size["figures"]]
    lines = ["", "#### Aims", "", "| aim | worst | where |", "| --- | ---: | --- |"]
    steady = [(of_floor(row), _where(tasks, row)) for tasks, row in rows if not SHAPES[row["shape"]].grows]
    if steady:
        share, where = min(steady)
        lines.append(f"| at least {OF_FLOOR:.0%} of the floor, totals aside | {share:.0%} | {where} |")
    growths = [
        (after["server"]["p50_ms"] / before["server"]["p50_ms"], _where(_ends(sizes)[1], after))
        for before, after in _pairs(sizes)
        if not SHAPES[after["shape"]].grows
    ]
    if growths:
        times, where = max(growths)
        lines.append(f"| p50 at most {GROWTH} times that of the small population | {times:.2f} | {where} |")
    alone = [(row["server"]["p99_ms"], _where(tasks, row)) for tasks, row in rows if row["clients"] == 1]
    if alone:
        slowest, where = max(alone)
        lines.append(f"| p99 below {SLOWEST_MS} ms at one client | {slowest:.1f} ms | {where} |")
    return lines if len(lines) > 5 else []


def _ends(sizes: dict[str, Any]) -> tuple[str, str]:
    ordered = sorted(sizes, key=int)
    return ordered[0], ordered[-1]


def _pairs(sizes: dict[str, Any]) -> Iterator[tuple[Row, Row]]:
    """The same measurement in the smallest and in the largest population."""
    small, large = _ends(sizes)
    if small != large:
        before = {(row["shape"], row["clients"]): row for row in sizes[small]["figures"]}
        for row in sizes[large]["figures"]:
            if (row["shape"], row["clients"]) in before:
                yield before[row["shape"], row["clients"]], row


def _times(values: list[float]) -> str:
    return f"{values[1] / values[0]:.2f}" if values[0] else "-"


def _where(tasks: str, row: Row) -> str:
    return f"{SHAPES[row['shape']].title}, {int(tasks):,} Tasks, {row['clients']} clients"
