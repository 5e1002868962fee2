"""Ask the HL7 validator for its verdict on every mutation and write the case files.

    hl7-validate --serve 8085 &
    python -m tests.cases.record_verdicts http://127.0.0.1:8085

One JSON line a case, in files by kind: the source's name, the edits, whether the validator accepts the result, and for
what it refuses the expression and the rule's name (`messageId`, a constraint's key, else the issue type). No profile is
given and the sources' own are taken off: the verdicts are on the standard alone. Messages are left out.
"""

import json
import sys
import urllib.parse
import urllib.request
from collections import defaultdict
from pathlib import Path
from typing import Any

from tests.cases import edits
from tests.cases.mutations import Case, cases, text_of

FOLDER = Path(__file__).parent / "validation"
_OLD_GUIDE = "hl7.fhir.us.sdoh-clinicalcare#2.3.0"
_MOST_ERRORS = 12


def verdict(server: str, case: Case) -> dict[str, Any]:
    """The validator's judgement of one case."""
    guide = f"?ig={urllib.parse.quote(_OLD_GUIDE)}" if case.source.startswith("gravity-2.3.0/") else ""
    body = text_of(case).encode("utf-8", "surrogatepass")
    with urllib.request.urlopen(urllib.request.Request(f"{server}/validate{guide}", data=body)) as answer:
        judged: dict[str, Any] = json.load(answer)
    return judged


def line(case: Case, judged: dict[str, Any]) -> str:
    """One case as it is kept."""
    errors = []
    for issue in judged["issues"]:
        if issue["severity"] in ("error", "fatal"):
            error = [issue.get("expression", ""), _rule(issue)]
            if error not in errors:
                errors.append(error)
    kept = {"source": case.source, "edits": case.edits, "valid": judged["valid"]}
    if errors:
        kept["errors"] = errors[:_MOST_ERRORS]
    return edits.dump(kept)


def _rule(issue: dict[str, Any]) -> str:
    """The name of a rule; what the validator's JSON parser refuses has none but the issue's type."""
    return issue.get("invariant") or issue.get("messageId") or issue["type"]


def main(server: str) -> None:
    """Record all verdicts anew."""
    files: dict[str, list[str]] = defaultdict(list)
    for case in cases():
        files[case.kind].append(line(case, verdict(server, case)))
    FOLDER.mkdir(exist_ok=True)
    for old in FOLDER.glob("*.ndjson"):
        old.unlink()
    for kind, lines in files.items():
        (FOLDER / f"{kind}.ndjson").write_text("\n".join(lines) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main(sys.argv[1].rstrip("/"))
