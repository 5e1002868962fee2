"""Whatever JSON comes in, the validator answers and never stumbles."""

from decimal import Decimal
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from fhir_server.fhir.json import DecimalText
from fhir_server.validation.structure import StructureValidator

KNOWN = (
    "resourceType id meta text div contained extension modifierExtension _extension url valueString _valueString"
    " reference status _status identifier name given _given input valueReference entry resource repetitions"
)
NAMES = st.one_of(st.sampled_from(KNOWN.split()), st.text(max_size=5))
TEXTS = st.one_of(st.text(max_size=8), st.sampled_from(["#", "#x", "Patient/1", "urn:oid:x", "Task"]))
NUMBERS = st.sampled_from([Decimal("1.0"), Decimal("-0"), DecimalText("1e5"), DecimalText("1E400")])
SCALARS = st.one_of(st.none(), st.booleans(), st.integers(), TEXTS, NUMBERS)
VALUES: st.SearchStrategy[Any] = st.recursive(
    SCALARS,
    lambda inner: st.one_of(st.lists(inner, max_size=4), st.dictionaries(NAMES, inner, max_size=5)),
    max_leaves=25,
)
TYPES = st.sampled_from(["Task", "Patient", "Bundle", "Parameters", "Binary", "Observation", "Nope"])


@given(type_name=TYPES, members=st.dictionaries(NAMES, VALUES, max_size=8))
def test_any_resource_has_an_answer(validator: StructureValidator, type_name: str, members: dict[str, Any]) -> None:
    for issue in validator.issues({**members, "resourceType": type_name}):
        assert issue.diagnostics
        assert len(issue.expression) <= 1


@given(body=VALUES)
def test_any_value_has_an_answer(validator: StructureValidator, body: Any) -> None:
    assert isinstance(validator.issues(body), list)
