"""FHIR packages as files: a gzipped tar whose members are conformance resources.

https://confluence.hl7.org/display/FHIR/NPM+Package+Specification  Nothing is unpacked to disk, so a hostile member
name can do no harm; a member larger than the limit is refused.
"""

import json
import tarfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from fhir_server.fhir.json import JsonObject

MAX_MEMBER_BYTES = 64_000_000
_WANTED = ("StructureDefinition-", "SearchParameter-", "CompartmentDefinition-", "ValueSet-", "CodeSystem-")


class DefinitionsError(ValueError):
    """Definitions that contradict themselves or lack something; the message names the file or the element."""


@dataclass(frozen=True, slots=True)
class Package:
    """One package: its manifest and its conformance resources by type, each list in order of canonical URL."""

    name: str
    version: str
    license: str
    resources: dict[str, list[JsonObject]]

    @property
    def folder(self) -> str:
        """The folder of its compiled files below profiles/: "r4", "us-core-7.0.0"."""
        short = self.name.removeprefix("hl7.fhir.")
        return "r4" if short == "r4.core" else f"{short.replace('.', '-')}-{self.version}"

    def all(self, resource_type: str) -> list[JsonObject]:
        """The resources of one type, in order of URL."""
        return self.resources.get(resource_type, [])


def read_package(path: Path) -> Package:
    """The package in a .tgz file; raises DefinitionsError when it is none."""
    manifest: JsonObject = {}
    resources: dict[str, list[JsonObject]] = {}
    try:
        for name, content in _members(path):
            if name == "package.json":
                manifest = json.loads(content)
            else:
                resource = json.loads(content)
                resources.setdefault(resource["resourceType"], []).append(resource)
    except (OSError, tarfile.TarError, ValueError, KeyError) as error:
        raise DefinitionsError(f"{path.name}: not a readable FHIR package: {error}") from error
    if not {"name", "version"} <= manifest.keys():
        raise DefinitionsError(f"{path.name}: package/package.json with name and version is missing")
    for found in resources.values():
        found.sort(key=lambda resource: (str(resource.get("url")), str(resource.get("id"))))
    return Package(manifest["name"], manifest["version"], manifest.get("license", "unknown"), resources)


def _members(path: Path) -> Iterator[tuple[str, bytes]]:
    with tarfile.open(path, "r:gz") as archive:
        for member in archive:
            folder, _, name = member.name.rpartition("/")
            if not member.isfile() or folder != "package" or not _is_wanted(name):
                continue
            if member.size > MAX_MEMBER_BYTES:
                raise DefinitionsError(f"{path.name}: {name} is larger than {MAX_MEMBER_BYTES} bytes")
            opened = archive.extractfile(member)
            if opened is not None:
                yield name, opened.read()


def _is_wanted(name: str) -> bool:
    return name == "package.json" or (name.endswith(".json") and name.startswith(_WANTED))
