"""The algebra of codes and whole code systems agrees with that of plain sets."""

from itertools import product

from hypothesis import given
from hypothesis import strategies as st

from fhir_server.terminology.selection import Expansion, joined, shared, without

SYSTEMS, CODES = "ab", "123"
SELECTIONS = st.builds(
    joined, st.frozensets(st.sampled_from([*product(SYSTEMS, CODES)])), st.frozensets(st.sampled_from(SYSTEMS))
)


def members(selection: Expansion) -> set[tuple[str, str]]:
    """All codes, as if each system had those of CODES and one more, which nobody can name."""
    return set(selection.codes) | set(product(selection.systems, [*CODES, "unnamed"]))


@given(SELECTIONS, SELECTIONS)
def test_joining(one: Expansion, other: Expansion) -> None:
    found = joined(one.codes | other.codes, one.systems | other.systems)
    assert members(found) == members(one) | members(other)


@given(SELECTIONS, SELECTIONS)
def test_sharing(one: Expansion, other: Expansion) -> None:
    assert members(shared(one, other)) == members(one) & members(other)


@given(SELECTIONS, SELECTIONS)
def test_taking_away_is_exact_or_not_done(one: Expansion, other: Expansion) -> None:
    left = without(one, other)
    cut = any(system in one.systems and system not in other.systems for system, _ in other.codes)
    assert (left is None) == cut
    if left is not None:
        assert members(left) == members(one) - members(other)
