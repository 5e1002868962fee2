"""The judge is judged first: what it answers is what is written in the cases, and it knows nothing of the compiler."""

import ast
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from fhir_server.definitions import load
from tests import oracle
from tests.cases import searches
from tests.oracle import Oracle, Refused
from tests.oracle.places import Near, distance_km
from tests.oracle.quantities import compares, of_value, read

SECOND = 1_000_000
START = 1_700_000_000 * SECOND


@pytest.fixture(scope="module")
def judge() -> Oracle:
    stamped = [(n, resource) for n, unit in enumerate(searches.units(), start=1) for resource in unit]
    records = [(pk, START + n * SECOND, resource) for pk, (n, resource) in enumerate(stamped, start=1)]
    return Oracle(records, load(), "https://hub.example.org/fhir", START + len(records) * SECOND)


@pytest.mark.parametrize("case", searches.cases(), ids=searches.case_id)
def test_case(judge: Oracle, case: dict[str, Any]) -> None:
    lenient = case.get("lenient", False)
    if "refused" in case:
        with pytest.raises(Refused):
            judge.search(case["search"], lenient=lenient)
        return
    answer = judge.search(case["search"], lenient=lenient)
    wanted = searches.names(case)
    found = ["/".join(name) for name in answer.matches][: searches.page_size(case)]
    assert found == wanted if "orders" in case else sorted(found) == sorted(wanted)
    assert {"/".join(name) for name in answer.included} == set(case.get("includes", ()))
    assert answer.total == case.get("total")


def test_no_case_is_written_twice_and_each_names_its_section() -> None:
    written = Counter((case["search"], case.get("lenient", False)) for case in searches.cases())
    assert [search for search, times in written.items() if times > 1] == []
    assert [c["search"] for c in searches.cases() if not c["section"].startswith("https://hl7.org/fhir/")] == []
    assert [c["search"] for c in searches.cases() if len({"finds", "orders", "refused"} & c.keys()) != 1] == []


def test_the_judge_imports_nothing_of_what_it_judges() -> None:
    imported = set()
    for path in Path(oracle.__file__).parent.glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ImportFrom):
                imported.add(node.module or "")
            elif isinstance(node, ast.Import):
                imported.update(alias.name for alias in node.names)
    assert {name for name in imported if name.startswith("fhir_server")} == {"fhir_server.definitions"}


@pytest.mark.parametrize(("asked", "least", "most"), [
    ("100", "99.5", "100.5"), ("100.00", "99.995", "100.005"), ("1e2", "95", "105"), ("5.4", "5.35", "5.45"),
])  # fmt: skip
def test_a_number_means_what_rounds_to_it(asked: str, least: str, most: str) -> None:
    wanted = read(asked, "x", with_unit=False)
    for number, is_in in ((least, True), (most, False)):
        stored = of_value("decimal", number)
        assert stored is not None
        assert compares(stored, wanted) is is_in


def test_a_degree_of_latitude_is_111_km() -> None:
    assert distance_km(1, 0, Near(0, 0, 0)) == pytest.approx(111.195, abs=0.001)
