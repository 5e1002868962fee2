"""What the guides ask of searches, as rows: type, parameters, includes, how strongly; no sentences.

https://hl7.org/fhir/us/core/STU7/CapabilityStatement-us-core-server.html and the CapabilityStatements of
http://hl7.org/fhir/us/sdoh-clinicalcare. guide_searches.json holds the rows, so that tests need no package. Write it
anew with `python -m tests.cases.guide_searches FOLDER_OF_PACKAGES`.
"""

import json
import sys
import tarfile
from collections.abc import Iterable, Iterator
from itertools import zip_longest
from pathlib import Path
from typing import Any

Row = dict[str, Any]
FILE = Path(__file__).with_suffix(".json")
US_CORE = ("us.core-7.0.0", "us.core-6.1.0")
GRAVITY = "us.sdoh-clinicalcare-3.0.0"
STRENGTHS = ("MAY", "SHOULD", "SHALL")
REQUIREMENTS = {
    "token": ["hl7.fhir.us.core_7.0.0@55"],
    "reference": ["hl7.fhir.us.core_7.0.0@58"],
    "date": ["hl7.fhir.us.core_7.0.0@61", "hl7.fhir.us.core_7.0.0@62"],
}
"""The requirements of US Core 7.0.0 that speak of every parameter of a kind."""
OF_PARAMETERS = {
    ("Device", "type"): ["hl7.fhir.us.core_7.0.0@346"],
    ("", "_lastUpdated"): ["hl7.fhir.us.core_7.0.0@200"],
}
"""Requirements that name one parameter; "" for every type."""
_EXPECTATION = "http://hl7.org/fhir/StructureDefinition/capabilitystatement-expectation"
_COMBINATION = "http://hl7.org/fhir/StructureDefinition/capabilitystatement-search-parameter-combination"


def read() -> list[Row]:
    """The rows of the file.

    `search`: codes that are searched together; `include`, `revinclude`: what may come along; `parameter`: how often it
    may repeat (`or`, `and`), its prefixes and chains. Each with `guide`, `type`, and how strongly it is expected.
    """
    found: list[Row] = json.loads(FILE.read_text("utf-8"))
    return found


def extracted(packages: Path) -> list[Row]:
    """The rows that the packages hold."""
    rows = [row for guide in US_CORE for row in _us_core(guide, _resources(packages, guide))]
    return [*rows, *_gravity(_resources(packages, GRAVITY))]


def text(rows: Iterable[Row]) -> str:
    """The content of the file, one row a line."""
    return "[\n" + ",\n".join(json.dumps(row) for row in rows) + "\n]\n"


def _us_core(guide: str, resources: list[Row]) -> Iterator[Row]:
    (statement,) = (r for r in resources if r.get("id") == "us-core-server" and "rest" in r)
    rows = {_key(row): row for resource in statement["rest"][0]["resource"] for row in _expected(guide, resource)}
    yield from (row for row in rows.values() if row["expectation"] != "MAY")
    by_url = {r["url"]: r for r in resources if r["resourceType"] == "SearchParameter"}
    for resource in statement["rest"][0]["resource"]:
        for listed in resource.get("searchParam", ()):
            if listed["definition"] in by_url:
                yield _parameter(guide, resource["type"], by_url[listed["definition"]])


def _gravity(resources: list[Row]) -> list[Row]:
    """What any actor is expected to search or to be searched for, as strongly as the strictest says."""
    strongest: dict[str, Row] = {}
    for statement in (r for r in resources if r["resourceType"] == "CapabilityStatement"):
        for resource in (resource for rest in statement["rest"] for resource in rest["resource"]):
            for row in _expected(GRAVITY, resource):
                known = strongest.get(_key(row), row)
                strongest[_key(row)] = max(known, row, key=lambda r: STRENGTHS.index(r["expectation"]))
    return [strongest[key] for key in sorted(strongest)]


def _key(row: Row) -> str:
    return json.dumps({name: value for name, value in row.items() if name != "expectation"})


def _expected(guide: str, resource: Row) -> Iterator[Row]:
    head = {"guide": guide, "type": resource["type"]}
    for listed in resource.get("searchParam", ()):
        yield head | {"search": [listed["name"]], "expectation": _strength(listed)}
    for extension in resource.get("extension", ()):
        if extension["url"] == _COMBINATION:
            codes = [part["valueString"] for part in extension["extension"] if part["url"] == "required"]
            yield head | {"search": codes, "expectation": _strength(extension)}
    for member, name in (("searchInclude", "include"), ("searchRevInclude", "revinclude")):
        for value, beside in zip_longest(resource.get(member, ()), resource.get(f"_{member}", ())):
            yield head | {name: value, "expectation": _strength(beside)}


def _parameter(guide: str, type_name: str, definition: Row) -> Row:
    lists = {"prefixes": "comparator", "chains": "chain"}
    return {
        "guide": guide,
        "type": type_name,
        "parameter": definition["code"],
        "or": _strength(definition["_multipleOr"]),
        "and": _strength(definition["_multipleAnd"]),
    } | {
        name: {
            value: _strength(beside)
            for value, beside in zip(definition[member], definition[f"_{member}"], strict=True)
            if _strength(beside) != "MAY"
        }
        for name, member in lists.items()
        if member in definition
    }


def _strength(element: Row | None) -> str:
    found = (e.get("valueCode") for e in (element or {}).get("extension", ()) if e["url"] == _EXPECTATION)
    return str(next(found, "MAY"))


def _resources(packages: Path, guide: str) -> list[Row]:
    with tarfile.open(packages / f"hl7.fhir.{guide}.tgz", "r:gz") as archive:
        wanted = ("package/CapabilityStatement-", "package/SearchParameter-")
        members = sorted((m for m in archive if m.name.startswith(wanted)), key=lambda member: member.name)
        return [json.load(opened) for m in members if (opened := archive.extractfile(m)) is not None]


if __name__ == "__main__":
    FILE.write_text(text(extracted(Path(sys.argv[1]))), "utf-8")
