"""Every example of the published guides survives JSON and XML, narratives and decimals included."""

import json as standard_json
import tarfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from fhir_server.fhir import json, narrative, references, xml
from fhir_server.fhir.structures import Structures

PACKAGES = ["hl7.fhir.us.core-7.0.0", "hl7.fhir.us.core-6.1.0", "hl7.fhir.us.sdoh-clinicalcare-3.0.0"]


def in_package(path: Path) -> Iterator[bytes]:
    with tarfile.open(path) as package:
        for member in package:
            if member.name.startswith("package/example/") and member.name.endswith(".json"):
                extracted = package.extractfile(member)
                assert extracted is not None
                yield extracted.read()


def in_folder(path: Path) -> Iterator[bytes]:
    for file in sorted(path.glob("*.json")):
        yield file.read_bytes()


def plain_text(value: Any) -> str:
    return standard_json.dumps(value, sort_keys=True)


def literal_numbers(raw: bytes | str) -> str:
    return plain_text(standard_json.loads(raw, parse_float=str, parse_int=str))


def narratives(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        if isinstance(value.get("div"), str):
            yield value["div"]
        for member in value.values():
            yield from narratives(member)
    elif isinstance(value, list):
        for item in value:
            yield from narratives(item)


def check(raw: bytes, structures: Structures) -> bool:
    if standard_json.loads(raw).get("resourceType") not in structures.resource_types:
        return False  # an example of an index, not of a resource
    resource = json.parse(raw, max_depth=64)
    sent = literal_numbers(raw)
    assert literal_numbers(json.dump(resource)) == sent
    for pretty in (False, True):
        written = xml.dump(resource, structures, pretty=pretty)
        assert literal_numbers(json.dump(xml.parse(written, structures, max_depth=64))) == sent
    assert [problem for div in narratives(resource) for problem in narrative.problems(div)] == []
    assert references.rewrite(resource, lambda text: text, structures) is resource
    return True


@pytest.mark.parametrize("name", PACKAGES)
def test_examples_of_packages(structures: Structures, shared_folder: Path, name: str) -> None:
    examples = in_package(shared_folder / "fhir-packages" / f"{name}.tgz")
    assert sum(check(raw, structures) for raw in examples) > 40


@pytest.mark.parametrize("name", ["3.0.0", "2.3.0"])
def test_examples_of_gravity(structures: Structures, shared_folder: Path, name: str) -> None:
    assert sum(check(raw, structures) for raw in in_folder(shared_folder / "gravity-examples" / name)) > 25
