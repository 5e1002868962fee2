"""The names that a search may use: parameters common to its types, and the types that a link leads to.

https://hl7.org/fhir/R4/search.html#errors  What nobody knows is told with the nearest name that somebody does.
"""

import difflib
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field

from fhir_server.definitions import Definitions, SearchParameter
from fhir_server.errors import BadRequest, Issue
from fhir_server.search.request import Criterion, Link

NOT_BUILT = frozenset({"_filter", "_text", "_content", "_contained", "_containedType", "_query", "_score"})
MOST_KEPT = 1_000
"""Lists of types whose common parameters are remembered."""


@dataclass(frozen=True, slots=True)
class Names:
    """The names of the definitions; `searchable` are the types that can be searched and followed."""

    definitions: Definitions
    searchable: frozenset[str]
    _common: dict[tuple[str, ...], Mapping[str, list[SearchParameter]]] = field(default_factory=dict)

    def common(self, type_names: Sequence[str]) -> Mapping[str, list[SearchParameter]]:
        """The parameters that all types have with one kind, by code."""
        key = tuple(type_names)
        found = self._common.get(key)
        if found is None:
            found = self._found_in_common(key)
            if len(self._common) < MOST_KEPT:
                self._common[key] = found
        return found

    def _found_in_common(self, type_names: tuple[str, ...]) -> Mapping[str, list[SearchParameter]]:
        tables = [self.definitions.search_parameters[name] for name in type_names]
        if not tables:
            return {}
        found = {code: [table[code] for table in tables] for code in tables[0] if all(code in t for t in tables)}
        return {code: each for code, each in found.items() if len({p.kind for p in each}) == 1}

    def unknown(self, criterion: Criterion, type_names: Sequence[str]) -> Issue | None:
        """What to say of a criterion whose parameter, or one of its links, nobody knows; None for a known one.

        Raises BadRequest for links that cannot be followed.
        """
        if criterion.name in NOT_BUILT:
            raise BadRequest(f"{criterion.name} is not supported by this server", code="not-supported")
        path = ""
        for link in criterion.links:
            path += link.label
            following = self.led_to(link, type_names, path)
            if following is None:
                return self._issue(link.code, self._codes(type_names, anywhere=path != link.label), path)
            type_names = following
        anywhere = bool(criterion.links)
        known = self._codes(type_names, anywhere=anywhere)
        if criterion.name in known or (not anywhere and criterion.name in self.definitions.chain_aliases):
            return None
        return self._issue(criterion.name, known, criterion.path)

    def led_to(self, link: Link, type_names: Sequence[str], path: str) -> list[str] | None:
        """The types that a link leads to from any of some types; None when its parameter is unknown.

        Raises BadRequest when it is known, and cannot be followed so.
        """
        if link.type_name and link.type_name not in self.searchable:
            raise BadRequest(f"{path[:120]}: {link.type_name[:60]} is not a type of this server", code="not-supported")
        starts = [link.type_name] if link.is_reverse else type_names
        found = [p for p in (self.definitions.search_parameter(name, link.code) for name in starts) if p is not None]
        if not found:
            return None
        if any(p.kind != "reference" for p in found):
            raise BadRequest(f"{path[:120]}: {link.code[:60]} is not a reference", code="value")
        targets = {name for p in found for name in (p.targets or sorted(self.searchable))}
        if link.is_reverse:
            if targets.isdisjoint(type_names):
                raise BadRequest(f"{path[:120]}: {link.code} never refers to this type", code="value")
            return [link.type_name]
        leads = sorted(targets & self.searchable) if not link.type_name else [link.type_name]
        if not leads or (link.type_name and link.type_name not in targets):
            raise BadRequest(
                f"{path[:120]}: expected a type among {', '.join(sorted(targets & self.searchable))}", code="value"
            )
        return leads

    def _codes(self, type_names: Sequence[str], *, anywhere: bool) -> Collection[str]:
        """The codes of all the types, or (behind a link) of any of them."""
        if not anywhere:
            return self.common(type_names).keys()
        return {code for name in type_names for code in self.definitions.search_parameters[name]}

    @staticmethod
    def _issue(name: str, known: Collection[str], path: str) -> Issue:
        near = [k for k in known if k.lower() == name.lower()] or difflib.get_close_matches(name, list(known), 1)
        advice = f"; did you mean {near[0]}?" if near else ""
        return Issue("error", "not-supported", f"{path[:120]} is not a search parameter of this type{advice}")
