"""Our verdicts on structure against the HL7 validator's, on a few thousand mutations of official examples.

The cases are recorded (tests/cases/record_verdicts.py); the examples that they edit are not part of this project, so
these tests skip without them. Where the verdicts differ, the difference belongs to a class that is explained in
docs/validation-differences.md with the number of its cases: a new difference fails, and so does one that is gone.
"""

import json
import re
from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from fhir_server.definitions import load
from fhir_server.errors import FhirError, Issue
from fhir_server.fhir.json import parse
from fhir_server.validation.structure import StructureValidator
from tests.cases import edits, mutations

ROOT = Path(__file__).parents[2]
CASES = ROOT / "tests/cases/validation"
PAGE = ROOT / "docs/validation-differences.md"

STORED = {  # by the rule that the validator names: it refuses, we store
    "invariants": r"(ait|cpt|gol|per|que|vs)-\d+",
    "absent codes": r"Terminology_TX_Code_ValueSet_MISSING",
    "narrative links": r"Type_Specific_Checks_DT_XHTML_Resolve",
    "bundle entries": r"BUNDLE_.*|Bundle_BUNDLE_.*",
    "answers to questionnaires": r"Questionnaire_QR_.*",
    "extension definitions": r"Extension_(EXT_Type|PROF_Type|EXT_SubExtension_Invalid)|Validation_VAL_Profile_\w+",
    "targets by profile": r"Reference_REF_(BadTargetType2|Format2)",
    "language tags": r"Terminology_TX_NoValid_16",
    "short or upper case URNs": r"Type_Specific_Checks_DT_OID_Valid|Extension_EXT_URL_Absolute",
    "fractions of a second": r"Type_Specific_Checks_DT_Time_Valid",
    "white space in base64": r"TYPE_SPECIFIC_CHECKS_DT_ATT_B64_DECODE_FAIL",
    "CDATA in narratives": r"txt-2",
}
REFUSED = {  # by what we say: we refuse, the validator accepts
    "narrative safety": r"narrative: (the (href|style) of|a narrative has no)",
    "second root in a narrative": r"narrative: the narrative is not well-formed XML: junk after",
    "empty arrays of extensions": r"an array may not be empty",
    "control characters": r"is not a valid (string|markdown)|the character U\+0000",
    "padding of base64": r"is not a valid base64Binary",
    "size of numbers": r"a number has an exponent beyond",
    "comments in JSON": r"the JSON text is malformed",
    "members that do not exist": r"'_\w+' is not an element of",
}


@dataclass(frozen=True)
class Judged:
    """One case with both verdicts; `ours` is empty where we accept."""

    kind: str
    case: dict[str, Any]
    ours: tuple[Issue, ...]

    @property
    def differs(self) -> bool:
        """Whether one refuses what the other accepts."""
        return self.case["valid"] == bool(self.ours)

    @property
    def name(self) -> str:
        """For a failed assertion."""
        return f"{self.kind}: {self.case['source']} {edits.dump(self.case['edits'])[:300]}"


@pytest.fixture(scope="module")
def judged(shared_folder: Path) -> list[Judged]:
    """All recorded cases, judged by us."""
    assert shared_folder.is_dir()
    validator = StructureValidator(load())
    return [Judged(kind, case, _issues(validator, case)) for kind, case in _cases()]


def _cases() -> Iterator[tuple[str, dict[str, Any]]]:
    for file in sorted(CASES.glob("*.ndjson")):
        for line in file.read_text(encoding="utf-8").splitlines():
            yield file.stem, edits.load(line)


def _issues(validator: StructureValidator, case: dict[str, Any]) -> tuple[Issue, ...]:
    text = edits.applied(mutations.sources()[case["source"]], case["edits"])
    try:
        found = validator.issues(parse(text.encode("utf-8", "surrogatepass"), max_depth=64))
    except FhirError as error:
        return error.issues
    return tuple(issue for issue in found if issue.severity in {"error", "fatal"})


def test_there_are_thousands_of_cases(judged: list[Judged]) -> None:
    assert len(judged) > 3_000
    assert sum(j.case["valid"] for j in judged) > 1_000


def test_the_generator_still_makes_the_recorded_cases(shared_folder: Path) -> None:
    assert shared_folder.is_dir()
    recorded = defaultdict(list)
    for kind, case in _cases():
        recorded[kind].append((case["source"], edits.dump(case["edits"])))
    made = defaultdict(list)
    for case in mutations.cases():
        made[case.kind].append((case.source, edits.dump(case.edits)))
    assert made == recorded


def test_each_difference_is_one_that_is_explained(judged: list[Judged]) -> None:
    counted = Counter(_class(j) for j in judged if j.differs)
    assert counted == _explained()


def test_a_refusal_names_the_place_that_the_validator_names(judged: list[Judged]) -> None:
    both = [j for j in judged if j.ours and not j.case["valid"]]
    wrong = [j.name for j in both if not _is_same_place(j)]
    assert not wrong


def test_a_refusal_holds_no_content(judged: list[Judged]) -> None:
    marks = ("not-a-code", "alert(", "frobnicate ", "nowhere", "example.org/mark")
    told = " ".join(i.diagnostics for j in judged for i in j.ours)
    assert [mark for mark in marks if mark in told] == []


def _class(found: Judged) -> str:
    if found.ours:
        texts = [issue.diagnostics for issue in found.ours]
        names = [name for name, pattern in REFUSED.items() if all(re.search(pattern, text) for text in texts)]
    else:
        rules = [rule for _, rule in found.case["errors"]]
        names = [name for name, pattern in STORED.items() if any(re.fullmatch(pattern, rule) for rule in rules)]
    return names[0] if names else f"not explained: {found.name}"


@cache
def _explained() -> Counter[str]:
    """The table of the page: class to number of cases."""
    rows = re.findall(r"^\| ([\w ]+) \| (\d+) \|", PAGE.read_text(encoding="utf-8"), re.MULTILINE)
    return Counter({name: int(number) for name, number in rows})


def _is_same_place(found: Judged) -> bool:
    """Whether an expression of ours is one of the validator's, its parent, or its child.

    The validator names no place where it, or its JSON parser, gave up; nor do we for a body that is no JSON.
    """
    ours = {_place(text) for issue in found.ours for text in issue.expression}
    theirs = {_place(text) for text, _ in found.case["errors"]}
    if not ours or theirs == {""}:
        return True
    return any(a in {b, _parent(b)} or _parent(a) == b for a in ours for b in theirs)


def _place(expression: str) -> str:
    plain = re.sub(r"\.ofType\(\w+\)|\[url='[^']*'\]|\[x\]", "", expression)
    return re.sub(r"\[\d+\]$", "", plain)


def _parent(expression: str) -> str:
    return re.sub(r"\[\d+\]$", "", expression.rpartition(".")[0])


def test_the_page_lists_what_the_table_here_names() -> None:
    assert set(_explained()) == set(STORED) | set(REFUSED)


def test_recorded_lines_are_compact() -> None:
    for file in CASES.glob("*.ndjson"):
        assert json.loads(file.read_text(encoding="utf-8").splitlines()[0])["source"]
    assert sum(file.stat().st_size for file in CASES.iterdir()) < 2_000_000
