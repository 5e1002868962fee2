"""Readiness: which parameters can be searched, since their index rows fit the definitions of this process.

A parameter that changed, or is new, is refused until `fhir-server reindex` has made its rows anew; an answer from half
of an index would be wrong and look right. The rule: `adopt` comes before the first write of a process, because from
then on new rows follow its definitions, and no others may be taken for whole.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

from fhir_server.definitions import Definitions, SearchParameter
from fhir_server.definitions.registry import parameter_number
from fhir_server.errors import Unavailable
from fhir_server.search import index_state
from fhir_server.search.fingerprints import IndexedType, indexed_types
from fhir_server.store.database import Database, Rows, UnitOfWork
from fhir_server.store.unit_of_work import run_unit_of_work

EVERYTHING = "all:"
"""Before the goal of a reindexing that takes types which are ready, too."""
LOOK_AGAIN_MICROSECONDS = 1_000_000
RETRY_AFTER_SECONDS = 30


class Readiness:
    """Which parameters are ready in one tenant. Threads share it; `now` is the clock in epoch microseconds.

    What is ready stays so; what is not is looked up again when somebody asks, at most once a second.
    """

    __slots__ = ("_database", "_looked", "_now", "_outdated", "_stale", "_tenant", "_types")

    def __init__(self, database: Database, definitions: Definitions, *, tenant: int, now: Callable[[], int]) -> None:
        self._database = database
        self._types = indexed_types(definitions)
        self._tenant = tenant
        self._now = now
        self._look()

    @property
    def outdated(self) -> Mapping[str, tuple[str, ...]]:
        """The names of the stale parameters by type, as far as this process has looked; empty when all is ready."""
        return self._outdated

    def is_ready(self, type_name: str, code: str) -> bool:
        """Whether a search by this parameter finds what it should; true of what needs no index rows."""
        return not self._stale or self._is_ready(parameter_number(type_name, code))

    def check(self, parameter: SearchParameter) -> None:
        """Raise Unavailable when a search by the parameter could miss something."""
        if self._stale and not self._is_ready(parameter.number):
            raise Unavailable(
                f"{parameter.type_name} cannot be searched by {parameter.code} before its index is made anew: "
                "`fhir-server reindex` has to finish first",
                retry_after_seconds=RETRY_AFTER_SECONDS,
            )

    def check_all(self, parameters: Iterable[SearchParameter]) -> None:
        """Raise Unavailable for the first that is not ready."""
        if self._stale:
            for parameter in parameters:
                self.check(parameter)

    def _is_ready(self, number: int) -> bool:
        if number not in self._stale:
            return True
        if abs(self._now() - self._looked) >= LOOK_AGAIN_MICROSECONDS:
            self._look()
        return number not in self._stale

    def _look(self) -> None:
        self._looked = self._now()
        stored = index_state.fingerprints(self._database, tenant=self._tenant)
        self._outdated = outdated(self._types.values(), stored)
        self._stale = frozenset(n for t in self._types.values() for n in t.stale(stored.get(t.type_number, {})))


def outdated(types: Iterable[IndexedType], stored: Mapping[int, Mapping[int, str]]) -> dict[str, tuple[str, ...]]:
    """The types whose index is not as it should be, each with the names of what is not."""
    names = {of.type_name: of.outdated(stored.get(of.type_number, {})) for of in types}
    return {type_name: found for type_name, found in names.items() if found}


@dataclass(frozen=True, slots=True)
class _Adoption:
    """What differs from these definitions: numbers to invalidate by type, empty types, progress that leads nowhere."""

    invalid: Mapping[int, frozenset[int]]
    empty: tuple[IndexedType, ...]
    abandoned: tuple[int, ...]

    @property
    def is_needed(self) -> bool:
        return bool(self.invalid or self.empty or self.abandoned)


def adopt(
    database: Database,
    definitions: Definitions,
    *,
    base: str,
    tenant: int,
    now: Callable[[], int],
    timeout_ms: int,
) -> None:
    """Make the database tell the truth about its index while this process writes by these definitions.

    Parameters that differ are not ready any more, for anybody; types without a resource are. Any number of processes
    may do it at once, and a database that is in line already is only read.
    """
    types = indexed_types(definitions)

    def change(uow: UnitOfWork) -> None:
        uow.enter_write_order()
        found = _adoption(uow, types, base=base, tenant=tenant)
        for type_number, numbers in found.invalid.items():
            index_state.invalidate(uow, type_number, numbers, tenant=tenant)
        for of in found.empty:
            index_state.mark(uow, of.type_number, of.fingerprints, tenant=tenant)
        for type_number in found.abandoned:
            index_state.forget(uow, type_number, tenant=tenant)

    if _adoption(database, types, base=base, tenant=tenant).is_needed:
        run_unit_of_work(database, change, tenant=tenant, now=now, timeout_ms=timeout_ms)


def _adoption(rows: Rows, types: Mapping[str, IndexedType], *, base: str, tenant: int) -> _Adoption:
    stored = index_state.fingerprints(rows, tenant=tenant)
    goals = {of.type_number: of.goal(base) for of in types.values()}
    behind = [of for of in types.values() if of.outdated(stored.get(of.type_number, {}))]
    empty = tuple(of for of in behind if not index_state.has_resources(rows, of.type_number, tenant=tenant))
    invalid = {of.type_number: foreign(of, stored.get(of.type_number, {})) for of in behind if of not in empty}
    return _Adoption(
        invalid={type_number: numbers for type_number, numbers in invalid.items() if numbers},
        empty=empty,
        abandoned=tuple(
            type_number
            for type_number, position in index_state.positions(rows, tenant=tenant).items()
            if type_number in goals and position.goal.removeprefix(EVERYTHING) != goals[type_number]
        ),
    )


def foreign(of: IndexedType, stored: Mapping[int, str]) -> frozenset[int]:
    """The numbers that other definitions than these have indexed, or not known."""
    known = {n for n, fingerprint in stored.items() if fingerprint in {index_state.INVALID, of.fingerprints.get(n)}}
    return frozenset((stored.keys() | of.fingerprints.keys()) - known)
