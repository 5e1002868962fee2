"""Counts that are remembered."""

import tracemalloc

from fhir_server.search.plan import Alternative, Condition
from fhir_server.search.statistics import Statistics


def _condition(first: int, values: int) -> Condition:
    alternatives = tuple(Alternative("code", (f"{first}-{n}" * 10,)) for n in range(values))
    return Condition("token", (1,), "match", alternatives)


def test_counts_are_known_by_parameter_and_values() -> None:
    statistics = Statistics()
    for values in (1, 8, 9, 500):
        statistics.remember(_condition(0, values), values, tenant=1, now=0, cap=1000)
    for values in (1, 8, 9, 500):
        assert statistics.known(_condition(0, values), tenant=1, now=1, cap=1000) == values
        assert statistics.known(_condition(1, values), tenant=1, now=1, cap=1000) is None
        assert statistics.known(_condition(0, values), tenant=2, now=1, cap=1000) is None
        assert statistics.known(_condition(0, values), tenant=1, now=1, cap=64) is None


def test_counts_of_many_values_take_little_memory() -> None:
    statistics = Statistics()
    tracemalloc.start()
    try:
        for first in range(50):
            statistics.remember(_condition(first, 500), 1, tenant=1, now=0, cap=1000)
        assert tracemalloc.get_traced_memory()[0] < 100_000
    finally:
        tracemalloc.stop()
