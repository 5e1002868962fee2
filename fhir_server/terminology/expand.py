"""Value sets to codes: what is included, imported and excluded, from what the server holds.

https://hl7.org/fhir/R4/valueset.html#expansion  A value set is the required one of the standard, else a resource that
the caller may see. The one rule: a value set that cannot be told exactly is refused, never guessed.
"""

from dataclasses import dataclass, field

from fhir_server.definitions import Definitions
from fhir_server.errors import BadRequest, TooCostly
from fhir_server.fhir.json import JsonObject
from fhir_server.store.statements import Rows
from fhir_server.store.visibility import Predicate
from fhir_server.terminology.concepts import Concepts, concepts_of, is_complete
from fhir_server.terminology.content import NotExpandable, items, text, texts
from fhir_server.terminology.filters import filtered
from fhir_server.terminology.held import Found, Held, shown
from fhir_server.terminology.selection import Code, Expansion, joined, shared, without

LIMIT = 10_000
MAX_DEPTH = 8
MAX_READ = 100
"""Resources read for one expansion."""
MAX_CHARACTERS = 64_000_000
"""How long their texts may be together."""
MAX_WORK = 1_000_000
"""Codes handled in one expansion, kept or not."""
_SHIPPED_VERSIONS = frozenset({"", "4.0.1"})


def expand(
    rows: Rows,
    reference: str,
    *,
    definitions: Definitions,
    tenant: int,
    visible: Predicate,
    base: str,
    limit: int = LIMIT,
) -> Expansion:
    """The members of a value set: of a canonical URL, with or without |version, `ValueSet/id`, or a URL on `base`.

    Raises BadRequest: not-found when it, or what it draws on, is not held; not-supported; too-costly.
    """
    expanding = _Expanding(Held(rows, definitions, tenant, visible, base), limit)
    try:
        return expanding.value_set(reference, "", 0)
    except NotExpandable as error:
        place = f"{error.place}: " if error.place else ""
        message = f"value set {shown(reference)}: {place}{error.why}"
        kind = TooCostly if error.code == "too-costly" else BadRequest
        raise kind(message, code=error.code) from None


@dataclass(slots=True)
class _Expanding:
    """One expansion: each resource is read once, and each value set expanded once, however often it is imported.

    Places name the way through imports: "compose.include[0].valueSet[1] > compose.include[2]".
    """

    held: Held
    limit: int
    done: dict[str, Expansion] = field(default_factory=dict)
    open: set[str] = field(default_factory=set)
    systems: dict[tuple[str, str], Concepts | None] = field(default_factory=dict)
    work: int = 0
    read: int = 0
    characters: int = 0

    def value_set(self, reference: str, place: str, depth: int) -> Expansion:
        if reference in self.open:
            raise NotExpandable(place, "the value set imports itself")
        if depth > MAX_DEPTH:
            raise NotExpandable(place, f"imports are nested deeper than {MAX_DEPTH}", "too-costly")
        if reference not in self.done:
            self.open.add(reference)
            self.done[reference] = self._members(reference, place, depth)
            self.open.remove(reference)
        return self.done[reference]

    def _members(self, reference: str, place: str, depth: int) -> Expansion:
        url, _, version = reference.partition("|")
        shipped = self.held.definitions.value_sets.get(url) if version in _SHIPPED_VERSIONS else None
        if shipped is not None:
            pairs = frozenset((system, code) for system, codes in shipped.by_system.items() for code in codes)
            return self._bounded(Expansion(pairs), place)
        found = self._counted(self.held.value_set(reference), place)
        if found is None:
            what = f"value set {shown(reference)}" if place else "such value set"
            raise NotExpandable(place, f"the server holds no {what}", "not-found")
        compose = found.resource.get("compose")
        inner = f"{place} > " if place else ""
        if isinstance(compose, dict):
            return self._bounded(self._composed(compose, f"{inner}compose", depth), place)
        return self._bounded(_contained(found.resource, f"{inner}expansion"), place)

    def _composed(self, compose: JsonObject, place: str, depth: int) -> Expansion:
        includes = items(compose, "include")
        if not includes:
            raise NotExpandable(place, "nothing is included", "invalid")
        only_active = compose.get("inactive") is False
        members = self._union(includes, f"{place}.include", depth, only_active=only_active)
        excluded = self._union(items(compose, "exclude"), f"{place}.exclude", depth, only_active=False)
        left = without(members, excluded)
        if left is None:
            why = "codes are excluded from a code system that the server does not hold completely"
            raise NotExpandable(f"{place}.exclude", why, "not-found")
        return left

    def _union(self, sets: list[JsonObject], place: str, depth: int, *, only_active: bool) -> Expansion:
        codes: set[Code] = set()
        systems: set[str] = set()
        for number, one in enumerate(sets):
            found = self._included(one, f"{place}[{number}]", depth)
            found = self._active(found, f"{place}[{number}]") if only_active else found
            self._count_work(1 + found.size, place)
            codes |= found.codes
            systems |= found.systems
        return joined(codes, systems)

    def _included(self, one: JsonObject, place: str, depth: int) -> Expansion:
        """The intersection of what a system contributes and of each import."""
        parts = [self._of_system(one, place)] if _names_codes(one) else []
        for number, reference in enumerate(texts(one, "valueSet")):
            parts.append(self.value_set(reference, f"{place}.valueSet[{number}]", depth + 1))
        if not parts:
            raise NotExpandable(place, "neither a system nor a value set is named", "invalid")
        members = parts[0]
        for part in parts[1:]:
            self._count_work(members.size + part.size, place)
            members = shared(members, part)
        return members

    def _of_system(self, one: JsonObject, place: str) -> Expansion:
        system, version = text(one, "system"), text(one, "version")
        listed, filters = items(one, "concept"), items(one, "filter")
        if not system or (listed and filters):
            raise NotExpandable(place, "codes need a system, and either a list or filters", "invalid")
        if listed:
            return Expansion(frozenset((system, text(concept, "code")) for concept in listed if text(concept, "code")))
        concepts = self._concepts(system, version, place)
        if concepts is None and filters:
            raise NotExpandable(place, f"the server does not hold all of code system {shown(system)}", "not-found")
        if concepts is None:
            return Expansion(systems=frozenset({system}))
        self._count_work(len(concepts.displays) * (1 + len(filters)), place)
        return Expansion(frozenset((system, code) for code in filtered(concepts, filters, place)))

    def _active(self, members: Expansion, place: str) -> Expansion:
        """Without the codes that their code system, if the server holds it, calls inactive."""
        systems = {system: self._concepts(system, "", place) for system in {system for system, _ in members.codes}}
        kept = (
            (system, code)
            for system, code in members.codes
            if (concepts := systems[system]) is None or "true" not in concepts.values(code, "inactive")
        )
        return Expansion(frozenset(kept), members.systems)

    def _concepts(self, system: str, version: str, place: str) -> Concepts | None:
        """The concepts of a code system; None unless all of them are held."""
        if (system, version) not in self.systems:
            found = self._counted(self.held.code_system(system, version), place)
            is_whole = found is not None and is_complete(found.resource)
            self.systems[system, version] = concepts_of(found.resource) if found is not None and is_whole else None
        return self.systems[system, version]

    def _bounded(self, members: Expansion, place: str) -> Expansion:
        if members.size > self.limit:
            raise NotExpandable(place, f"there are more than {self.limit} codes", "too-costly")
        return members

    def _counted(self, found: Found | None, place: str) -> Found | None:
        self.read += 1
        self.characters += 0 if found is None else found.length
        if self.read > MAX_READ or self.characters > MAX_CHARACTERS:
            raise NotExpandable(place, "too many or too long resources are drawn on", "too-costly")
        return found

    def _count_work(self, codes: int, place: str) -> None:
        self.work += codes
        if self.work > MAX_WORK:
            raise NotExpandable(place, "too many codes have to be compared", "too-costly")


def _names_codes(one: JsonObject) -> bool:
    return any(name in one for name in ("system", "concept", "filter"))


def _contained(resource: JsonObject, place: str) -> Expansion:
    """The codes of a stored expansion, which counts only where nothing is composed."""
    expansion = resource.get("expansion")
    if not isinstance(expansion, dict):
        raise NotExpandable(place, "the value set has neither compose nor expansion", "not-found")
    codes = set()
    count = 0
    pending = items(expansion, "contains")
    while pending:
        one = pending.pop()
        count += 1
        pending.extend(items(one, "contains"))
        is_member = one.get("abstract") is not True
        if is_member and text(one, "system") and text(one, "code"):
            codes.add((text(one, "system"), text(one, "code")))
    total = expansion.get("total")
    if expansion.get("offset") or (isinstance(total, int) and total > count):
        raise NotExpandable(place, "the stored expansion is not complete", "not-found")
    return Expansion(frozenset(codes))
