"""Compiling: official packages give the committed files, byte for byte; hostile packages give nothing."""

import io
import json
import tarfile
from pathlib import Path
from typing import Any

import pytest

from fhir_server.definitions import DefinitionsError, lines
from fhir_server.definitions.check import check
from fhir_server.definitions.compile import compile_packages
from fhir_server.definitions.package import read_package
from fhir_server.definitions.parameters import for_type, split_union
from fhir_server.definitions.value_sets import expansions

ROOT = Path(__file__).parents[3]
PACKAGES = (
    "hl7.fhir.r4.core-4.0.1.tgz",
    "hl7.fhir.us.core-7.0.0.tgz",
    "hl7.fhir.us.core-6.1.0.tgz",
    "hl7.fhir.us.sdoh-clinicalcare-3.0.0.tgz",
)
TYPES = {"Task", "Patient", "Condition", "Resource", "DomainResource"}


def package(path: Path, **resources: Any) -> Path:
    """A package file with the resources given by name, and a manifest unless `manifest` says otherwise."""
    manifest = resources.pop("manifest", {"name": "a.b", "version": "1.0.0", "license": "CC0-1.0"})
    with tarfile.open(path, "w:gz") as archive:
        for name, content in {"package.json": manifest, **resources}.items():
            raw = content if isinstance(content, bytes) else json.dumps(content).encode()
            member = tarfile.TarInfo(name if "/" in name else f"package/{name}")
            member.size = len(raw)
            archive.addfile(member, io.BytesIO(raw))
    return path


def test_official_packages_give_the_committed_files(shared_folder: Path, tmp_path: Path) -> None:
    report = compile_packages([shared_folder / "fhir-packages" / name for name in PACKAGES], tmp_path / "profiles")
    assert len(report.packages) == len(PACKAGES)
    assert any("_filter" in note for note in report.notes)
    for written in sorted(tmp_path.rglob("*.json")):
        committed = ROOT / written.relative_to(tmp_path)
        assert written.read_text() == committed.read_text(), f"{committed} differs from what the compiler writes"
    compiled = {path.relative_to(tmp_path) for path in tmp_path.rglob("*.json")}
    kept = {
        p.relative_to(ROOT) for folder in ("profiles/r4", "terminology/r4") for p in (ROOT / folder).rglob("*.json")
    }
    assert kept <= compiled


def test_numbers_once_given_are_kept(shared_folder: Path, tmp_path: Path) -> None:
    kept = tmp_path / "profiles/r4/types/Task.json"
    lines.write(kept, lines.listing({"name": "Task", "number": 7}, "elements", []))
    compile_packages([shared_folder / "fhir-packages" / PACKAGES[0]], tmp_path / "profiles")
    assert lines.read(kept)["number"] == 7
    assert lines.read(tmp_path / "profiles/r4/types/Account.json")["number"] == 8


def test_the_committed_folders_are_sound() -> None:
    assert check(ROOT / "profiles") == []


def test_check_tells_what_is_wrong(profiles: Path) -> None:
    path = profiles / "r4/types/Task.json"
    path.write_text(path.read_text().replace('"path": "focus", ', '"path":"focus",'))
    (profiles / "server/work-rows.json").write_text('{"Task": {"status": "nothing"}}')
    problems = check(profiles)
    assert any("Task has no search parameter nothing" in problem for problem in problems)
    assert any("r4/types/Task.json: not as the compiler writes it" in problem for problem in problems)


def test_check_bears_missing_members(profiles: Path) -> None:
    (profiles / "server/resources.json").write_text("{}")
    assert any("lacks a member" in problem for problem in check(profiles))


def test_no_prose_and_no_foreign_codes_are_shipped() -> None:
    systems = lines.read(ROOT / "terminology/r4/manifest.json")["systems"]
    own = ("http://hl7.org/fhir/", "http://terminology.hl7.org/")
    assert [system for system in systems if not system.startswith(own)] == ["http://unitsofmeasure.org"]
    facts = {"path", "card", "types", "targets", "content", "binding", "modifier", "summary", "representation"}
    for path in (ROOT / "profiles/r4/types").glob("*.json"):
        assert all(row.keys() <= facts for row in lines.read(path)["elements"]), path


def test_a_file_that_is_no_package_is_refused(tmp_path: Path) -> None:
    broken = tmp_path / "broken.tgz"
    broken.write_bytes(b"nothing of the sort")
    with pytest.raises(DefinitionsError, match="not a readable FHIR package"):
        read_package(broken)
    with pytest.raises(DefinitionsError, match="name and version"):
        read_package(package(tmp_path / "b.tgz", manifest={}))
    with pytest.raises(DefinitionsError, match="not a readable FHIR package"):
        read_package(package(tmp_path / "c.tgz", **{"ValueSet-a.json": b"{"}))


def test_only_conformance_resources_of_the_package_folder_are_read(tmp_path: Path) -> None:
    found = read_package(
        package(
            tmp_path / "a.tgz",
            **{
                "SearchParameter-a.json": {"resourceType": "SearchParameter", "url": "http://a"},
                "Patient-a.json": {"resourceType": "Patient"},
                "../../ValueSet-b.json": {"resourceType": "ValueSet"},
                "package/example/ValueSet-c.json": {"resourceType": "ValueSet"},
            },
        )
    )
    assert list(found.resources) == ["SearchParameter"]
    assert found.folder == "a-b-1.0.0"


def test_a_guide_without_the_base_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DefinitionsError, match="compile the base package"):
        compile_packages([package(tmp_path / "a.tgz")], tmp_path / "profiles")


@pytest.mark.parametrize(
    ("expression", "parts"),
    [
        ("a | b", ["a", "b"]),
        ("(a | b).c | d.where(x = 'y' | z)", ["(a | b).c", "d.where(x = 'y' | z)"]),
        ("", []),
    ],
)
def test_a_union_is_split_outside_of_parentheses(expression: str, parts: list[str]) -> None:
    assert split_union(expression) == parts


@pytest.mark.parametrize(
    ("expression", "for_task"),
    [
        ("Patient.name | Task.code | Condition.code", "Task.code"),
        ("(Task.code as CodeableConcept) | (Patient.code as string)", "(Task.code as CodeableConcept)"),
        ("code | status", "Task.code | Task.status"),
        ("Resource.meta.tag", "Task.meta.tag"),
        ("DomainResource.text", "Task.text"),
        ("Patient.name", ""),
    ],
)
def test_an_expression_is_cut_to_its_type(expression: str, for_task: str) -> None:
    assert for_type(expression, "Task", TYPES) == for_task


def _value_set(url: str, **include: Any) -> dict[str, Any]:
    return {"resourceType": "ValueSet", "url": url, "compose": {"include": [include]}}


def _system(url: str, content: str = "complete") -> dict[str, Any]:
    nested = [{"code": "b", "display": "B", "concept": [{"code": "c"}]}]
    return {"url": url, "content": content, "concept": [{"code": "a", "display": "A"}, *nested]}


def test_expansions_hold_codes_only_and_only_of_systems_we_may_ship() -> None:
    own, foreign = "http://hl7.org/fhir/x", "http://snomed.info/sct"
    sets = [
        _value_set("http://v/all", system=own),
        _value_set("http://v/listed", system=own, concept=[{"code": "a", "display": "A"}]),
        _value_set("http://v/imported", valueSet=["http://v/listed|1.0"]),
        _value_set("http://v/foreign", system=foreign),
        _value_set("http://v/foreign-listed", system=foreign, concept=[{"code": "1", "display": "One"}]),
        _value_set("http://v/filtered", system=own, filter=[{"property": "p", "op": "=", "value": "x"}]),
        _value_set("http://v/part", system="http://hl7.org/fhir/part"),
    ]
    found = expansions(
        [s["url"] for s in sets] + ["http://v/absent"],
        sets,
        [_system(own), _system(foreign), _system("http://hl7.org/fhir/part", "fragment")],
    )
    assert found.pop("http://v/all") == {own: ["a", "b", "c"]}
    assert found.pop("http://v/listed") == {own: ["a"]}
    assert found.pop("http://v/imported") == {own: ["a"]}
    assert set(found.values()) == {None}


def test_a_value_set_with_excludes_is_refused() -> None:
    excluding = _value_set("http://v/all", system="http://hl7.org/fhir/x")
    excluding["compose"]["exclude"] = [{"system": "http://hl7.org/fhir/x"}]
    with pytest.raises(DefinitionsError, match="excludes"):
        expansions(["http://v/all"], [excluding], [])
