"""The tables of a benchmark say what was measured, and each part writes its own place in the document."""

from pathlib import Path
from typing import Any

import pytest

from benchmarks import report, report_searches

ROOT = Path(__file__).parents[2]


def figures(per_second: float, p50_ms: float) -> dict[str, float]:
    return {
        "per_second": per_second, "p50_ms": p50_ms, "p99_ms": p50_ms * 4, "server_cpu_us": 700, "database_cpu_us": 300,
        "requests": 1000, "others": 0.1,
    }  # fmt: skip


def row(shape: str, clients: int, server: tuple[float, float], floor: tuple[float, float]) -> dict[str, Any]:
    return {"shape": shape, "clients": clients, "server": figures(*server), "floor": figures(*floor)}


def size(rows: list[dict[str, Any]], **refused: str) -> dict[str, Any]:
    loading = {
        "resources": 22_000, "seconds": 10.0, "jobs": "default", "ndjson_bytes": 33_000_000,
        "index_bytes": {"index_token": 22_000_000, "work_item": 11_000_000},
    }  # fmt: skip
    return {"figures": rows, "refused": refused, "loading": loading}


@pytest.fixture
def searched() -> str:
    """A run with figures that are easy to follow."""
    small = size([
        row("worklist", 8, (1_270, 2.0), (2_000, 1.0)), row("worklist", 1, (900, 1.0), (1_000, 0.5)),
        row("total", 1, (100, 10.0), (1_000, 1.0)),
    ], has="_has is not there")  # fmt: skip
    large = size([row("worklist", 1, (500, 1.5), (1_000, 0.5)), row("total", 1, (5, 400.0), (50, 20.0))])
    database = {"version": "PostgreSQL 17", "sizes": {"10000": small, "1000000": large}}
    return report_searches.write_tables(
        {"command": "x", "when": "now", "machine": {}, "settings": {}, "databases": {"postgresql": database}}
    )


@pytest.mark.parametrize(
    "line",
    [
        "| 10,000 | 22,000 | 33 | 10 | 2,200 | default | 1,500 | index_token 1,000, work_item 500 |",
        "| worklist | 8 | 1,270 | 2,000 | 64% | 2.0 | 1.0 | 8.0 | 4.0 | 700 | 700 | 300 | 300 |",
        "| worklist | 1 | 1.00 | 1.50 | 1.50 | 1.00 |",
        "| accurate total (grows) | 1 | 10.00 | 400.00 | 40.00 | 20.00 |",
        "| worklist | 127 | 1,270 | 10.0 | 10 | 63 | 2.0 |",
        "| at least 60% of the floor, totals aside | 50% | worklist, 1,000,000 Tasks, 1 clients |",
        "| p50 at most 1.4 times that of the small population | 1.50 | worklist, 1,000,000 Tasks, 1 clients |",
        "| p99 below 100 ms at one client | 1600.0 ms | accurate total, 1,000,000 Tasks, 1 clients |",
        "Not answered: _has: patients of an owner (_has is not there).",
    ],
)
def test_what_was_measured_is_said(searched: str, line: str) -> None:
    assert line in searched.splitlines()


def test_a_run_without_any_answer_still_reports() -> None:
    database = {"version": "SQLite", "sizes": {"1000": size([], has="no")}}
    results = {"command": "x", "when": "now", "machine": {}, "settings": {}, "databases": {"sqlite": database}}
    assert "Not answered" in report_searches.write_tables(results)


def test_a_part_leaves_the_rest_of_the_document_alone(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    before = (ROOT / "docs" / "benchmarks.md").read_text(encoding="utf-8")
    page.write_text(before, encoding="utf-8")
    report.write_page(page, "searches", "NEW")
    after = page.read_text(encoding="utf-8")
    begin, end = "<!-- searches: begin -->", "<!-- searches: end -->"
    assert after.partition(begin)[0] == before.partition(begin)[0]
    assert after.partition(end)[2] == before.partition(end)[2]
    assert after.partition(begin)[2].partition(end)[0].strip() == "NEW"
    report.write_page(page, "core", "OTHER")
    assert "NEW" in page.read_text(encoding="utf-8")
