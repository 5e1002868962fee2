"""One resource with its contained ones: who is contained, and who points at whom.

https://hl7.org/fhir/R4/references.html#contained  ref-1 and dom-2 to dom-5, and that a contained resource has an id of
its own. A resource in a bundle is a scope of its own; contained ones share that of their container.
"""

from collections.abc import Iterator
from typing import Any

from fhir_server.validation.places import Location

Broken = tuple[str, Location]


class Scope:
    """What the walk learned of one resource at location `at`."""

    __slots__ = ("_at", "_contained", "_faults", "_pointers")

    def __init__(self, at: Location = ()) -> None:
        self._at = at
        self._contained: dict[str, Location] = {}
        self._faults: list[Broken] = []
        self._pointers: list[tuple[str, Location, bool]] = []

    @property
    def is_entry(self) -> bool:
        """Whether the resource is part of a bundle or of parameters."""
        return bool(self._at)

    def point(self, text: str, location: Location, *, must_resolve: bool) -> None:
        """Take note of "#id" found at a location."""
        self._pointers.append((text[1:], location, must_resolve))

    def contain(self, contained: list[Any]) -> None:
        """Take note of the contained resources, and of what each breaks by itself."""
        for index, item in enumerate(contained):
            if isinstance(item, dict):
                self._one(item, (*self._at, "contained", index))

    def _one(self, item: dict[str, Any], location: Location) -> None:
        meta = item.get("meta")
        meta = meta if isinstance(meta, dict) else {}
        name = item.get("id")
        broken = {
            "dom-2": "contained" in item,
            "dom-4": "versionId" in meta or "lastUpdated" in meta,
            "dom-5": "security" in meta,
            "contained-id": not isinstance(name, str),
            "contained-twice": isinstance(name, str) and name in self._contained,
        }
        self._faults += [(rule, location) for rule, is_broken in broken.items() if is_broken]
        if isinstance(name, str):
            self._contained.setdefault(name, location)

    def broken(self) -> Iterator[Broken]:
        """The broken rules, once the whole resource was seen."""
        if not self._contained and not self._pointers and not self._faults:
            return
        yield from self._faults
        used: set[Location] = set()
        for target, location, must_resolve in self._pointers:
            inside = self._container(location)
            found = self._contained.get(target)
            if found is not None and found != inside:
                used.add(found)
            elif not target and inside:
                used.add(inside)
            elif found is None and must_resolve:
                yield "ref-1", location
        yield from (("dom-3", location) for location in self._contained.values() if location not in used)

    def _container(self, location: Location) -> Location:
        """Where the contained resource stands that a location lies in; () when it lies in none."""
        depth = len(self._at)
        return location[: depth + 2] if location[depth : depth + 1] == ("contained",) else ()
