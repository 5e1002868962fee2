"""Index rows of resources."""

from typing import Any

import pytest

from fhir_server.definitions import Definitions, load, shipped
from fhir_server.errors import BadRequest
from fhir_server.search.extract import TABLE_OF, Extractor
from fhir_server.search.units import load_units
from fhir_server.search.values import CONTINUED, DATE_NUMBERS, FAR_FUTURE, FAR_PAST, NO_TIME
from fhir_server.store.unit_of_work import IndexRows

BASE = "https://hub.example.org/fhir"


@pytest.fixture(scope="module")
def definitions() -> Definitions:
    return load()


@pytest.fixture(scope="module")
def extractor(definitions: Definitions) -> Extractor:
    return Extractor(definitions, base=BASE, units=load_units(shipped("terminology")))


class Reader:
    """The rows of one parameter, without its number."""

    def __init__(self, definitions: Definitions, extractor: Extractor) -> None:
        self.definitions = definitions
        self.extractor = extractor

    def __call__(self, resource: dict[str, Any], code: str) -> list[Any]:
        parameter = self.definitions.search_parameters[resource["resourceType"]][code]
        found = getattr(self.extractor.index_rows(resource), TABLE_OF[parameter.kind])
        apart = range(DATE_NUMBERS) if parameter.kind == "date" else range(1)
        return [
            tail[0] if len(tail) == 1 else tuple(tail) for number, *tail in found if number - parameter.number in apart
        ]


@pytest.fixture
def rows(definitions: Definitions, extractor: Extractor) -> Reader:
    return Reader(definitions, extractor)


def test_tokens(rows: Reader) -> None:
    patient = {
        "resourceType": "Patient",
        "active": True,
        "gender": "female",
        "identifier": [{"system": "urn:s", "value": "1"}, {"value": "2"}],
        "telecom": [{"system": "phone", "value": "555"}, {"system": "email", "value": "a@b.org"}],
        "maritalStatus": {"text": "unsure"},
        "communication": [{"language": {"coding": [{"system": "urn:ietf:bcp:47", "code": "en"}, {"code": "en"}]}}],
    }
    assert rows(patient, "active") == [("", "true")]
    assert rows(patient, "gender") == [("http://hl7.org/fhir/administrative-gender", "female")]
    assert rows(patient, "identifier") == [("urn:s", "1"), ("", "2")]
    assert rows(patient, "phone") == [("", "555")]
    assert rows(patient, "telecom") == [("", "555"), ("", "a@b.org")]
    assert rows(patient, "language") == [("urn:ietf:bcp:47", "en"), ("", "en")]
    assert rows(patient, "deceased") == [("", "false")]


def test_a_concept_without_code_leaves_a_row(rows: Reader) -> None:
    assert rows({"resourceType": "Task", "code": {"text": "something"}}, "code") == [("", "")]
    assert rows({"resourceType": "Task"}, "code") == []


def test_references(rows: Reader, definitions: Definitions) -> None:
    organization = definitions.resource_types["Organization"]

    def owner(reference: dict[str, Any]) -> list[Any]:
        return rows({"resourceType": "Task", "owner": reference}, "owner")

    assert owner({"reference": "Organization/1"}) == [(organization, "1", "")]
    assert owner({"reference": "Organization/1/_history/2"}) == [(organization, "1", "")]
    assert owner({"reference": f"{BASE}/Organization/1"}) == [(organization, "1", "")]
    assert owner({"reference": "https://else.org/r4/Organization/1"}) == [(organization, "1", "https://else.org/r4")]
    assert owner({"reference": "urn:uuid:c757873d-ec9a-4326-a141-556f43239520"}) == [
        (0, "urn:uuid:c757873d-ec9a-4326-a141-556f43239520", "")
    ]
    for unknown in ({"reference": "Organization/"}, {"reference": "#o"}, {"display": "A food bank"}):
        assert owner(unknown) == [(0, "", "")]


def test_patient_is_the_subject_when_it_is_a_patient(rows: Reader, definitions: Definitions) -> None:
    task = {"resourceType": "Task", "for": {"reference": "Patient/1"}}
    assert rows(task, "patient") == rows(task, "subject") == [(definitions.resource_types["Patient"], "1", "")]
    task = {"resourceType": "Task", "for": {"reference": "Group/1"}}
    assert rows(task, "patient") == []
    assert rows(task, "subject") == [(definitions.resource_types["Group"], "1", "")]


def test_canonicals_are_found_with_and_without_version(rows: Reader, definitions: Definitions) -> None:
    response = {"resourceType": "QuestionnaireResponse", "questionnaire": "https://else.org/Questionnaire/q|2.0"}
    questionnaire = definitions.resource_types["Questionnaire"]
    assert rows(response, "questionnaire") == [
        (questionnaire, "q", "https://else.org"),
        (0, "https://else.org/Questionnaire/q", ""),
        (0, "https://else.org/Questionnaire/q|2.0", ""),
    ]
    assert rows(
        {"resourceType": "Patient", "meta": {"profile": ["http://p|1", "http://p", "http://q"]}}, "_profile"
    ) == [
        "http://p|1",
        "http://p",
        "http://q",
    ]


def test_strings_are_folded(rows: Reader) -> None:
    patient = {
        "resourceType": "Patient",
        "name": [{"family": "Müller-Öz", "given": ["Ana  María", "X"], "_given": [None, {"id": "1"}], "use": "usual"}],
    }
    assert rows(patient, "family") == [("muller-oz", "Müller-Öz")]
    assert rows(patient, "given") == [("ana maria", "Ana  María"), ("x", "X")]
    assert set(rows(patient, "name")) == {("muller-oz", "Müller-Öz"), ("ana maria", "Ana  María"), ("x", "X")}
    long = {"resourceType": "Questionnaire", "title": "T" * 300}
    assert rows(long, "title") == [("t" * 200, "T" * 300)]


def test_a_long_string_goes_on_in_pieces_that_overlap(definitions: Definitions, extractor: Extractor) -> None:
    number = definitions.search_parameters["Questionnaire"]["title"].number
    title = "".join(f"{at:04} " for at in range(2_000))
    found = extractor.index_rows({"resourceType": "Questionnaire", "title": title}).string
    pieces = [folded for kept, folded, _ in found if kept in {number, number + CONTINUED}]
    assert len(pieces) == 50
    assert {len(piece) for piece in pieces} <= {199, 200}
    for at in range(4_900):
        assert any(title[at : at + 99].strip() in piece for piece in pieces)


def test_dates_are_stretches_of_time(rows: Reader) -> None:
    day = 86_400_000_000

    def date(**effective: Any) -> list[Any]:
        return rows({"resourceType": "Observation", **effective}, "date")

    assert date(effectiveDateTime="1970-01-02") == [(day, 2 * day)]
    assert date(effectiveInstant="1970-01-01T00:00:00.5Z") == [(500_000, 600_000)]
    assert date(effectivePeriod={"start": "1970-01-02"}) == [(day, FAR_FUTURE)]
    assert date(effectivePeriod={"end": "1970-01-02"}) == [(FAR_PAST, 2 * day)]
    assert date(effectivePeriod={}) == [NO_TIME]
    assert date(effectiveTiming={"event": ["1970-01-03", "1970-01-02"]}) == [(day, 3 * day)]
    assert date(effectiveTiming={"repeat": {"boundsPeriod": {"start": "1970-01-02"}}}) == [(day, FAR_FUTURE)]
    assert date(effectiveTiming={"repeat": {"frequency": 1}}) == [NO_TIME]


def test_dates_are_kept_apart_by_their_length(definitions: Definitions, extractor: Extractor) -> None:
    number = definitions.search_parameters["Observation"]["date"].number
    for written, apart in (("1970-01-01T00:00:00Z", 0), ("1970-01-02", 1), ("1970-01", 2), ("1970", 2)):
        rows = extractor.index_rows({"resourceType": "Observation", "effectiveDateTime": written})
        assert [found for found, *_ in rows.date] == [number + apart]


class RowsOfModifiers:
    """The rows that a modifier of one parameter searches."""

    def __init__(self, definitions: Definitions, extractor: Extractor) -> None:
        self.definitions = definitions
        self.extractor = extractor

    def __call__(self, resource: dict[str, Any], code: str, modifier: str, table: str) -> list[Any]:
        parameter = self.definitions.search_parameters[resource["resourceType"]][code]
        rows = getattr(self.extractor.index_rows(resource), table)
        return [tuple(tail) for number, *tail in rows if number == parameter.number_of(modifier)]


@pytest.fixture
def rows_of_modifier(definitions: Definitions, extractor: Extractor) -> RowsOfModifiers:
    return RowsOfModifiers(definitions, extractor)


def test_the_words_of_a_concept_are_kept_for_text(rows_of_modifier: RowsOfModifiers) -> None:
    task = {"resourceType": "Task", "code": {"text": "Néeds food", "coding": [{"code": "f", "display": "Food"}]}}
    assert rows_of_modifier(task, "code", "text", "string") == [("needs food", "Néeds food"), ("food", "Food")]
    kind = {"coding": [{"system": "urn:t", "code": "MR"}, {"display": "no code"}], "text": "Record"}
    patient = {"resourceType": "Patient", "identifier": [{"type": kind, "value": "1"}, {"type": kind}]}
    assert rows_of_modifier(patient, "identifier", "text", "string") == [("record", "Record")]
    assert [value for _, value in rows_of_modifier(patient, "identifier", "of-type", "token")] == ["1"]


def test_the_identifier_of_a_reference_is_kept(rows: Reader, rows_of_modifier: RowsOfModifiers) -> None:
    task = {"resourceType": "Task", "owner": {"identifier": {"system": "urn:s", "value": "7"}}}
    assert rows_of_modifier(task, "owner", "identifier", "token") == [("urn:s", "7")]
    assert rows(task, "owner") == [(0, "", "")]


def test_a_quantity_is_found_with_and_without_its_unit(rows: Reader) -> None:
    def units(**quantity: Any) -> set[str]:
        found = rows({"resourceType": "Observation", "valueQuantity": quantity}, "value-quantity")
        assert len({(low, high) for unit, low, high in found if unit == ""}) <= 1
        return {unit for unit, _, _ in found}

    ucum = "http://unitsofmeasure.org"
    assert "" in units(value=5)
    one, other = units(value=5, system=ucum, code="mg"), units(value=7, system=ucum, code="kg")
    assert one & other > {""}
    assert not (units(value=5, system=ucum, code="m") & one) - {""}


def test_an_element_that_is_there_leaves_a_row_even_when_nothing_in_it_is_searched(rows: Reader) -> None:
    assert rows({"resourceType": "Observation", "valueQuantity": {"unit": "some"}}, "value-quantity")
    assert rows({"resourceType": "Location", "position": {}}, "near") == [(0.0, 0.0, 0.0)]
    assert rows({"resourceType": "Location"}, "near") == []


def test_no_row_twice(extractor: Extractor) -> None:
    concept = {"coding": [{"code": "a"}, {"code": "a"}]}
    assert len(extractor.index_rows({"resourceType": "Observation", "category": [concept, concept]}).token) == 1


def test_a_type_that_is_switched_off_has_no_rows(extractor: Extractor) -> None:
    assert extractor.index_rows({"resourceType": "Account", "status": "active"}) == IndexRows()


def test_work_row(extractor: Extractor) -> None:
    task = {
        "resourceType": "Task",
        "status": "requested",
        "intent": "order",
        "owner": {"reference": "Organization/1"},
        "requester": {"reference": "https://else.org/fhir/Organization/2"},
        "for": {"reference": f"{BASE}/Patient/3"},
        "focus": {"display": "a service"},
        "code": {"coding": [{"code": "fulfill"}, {"code": "approve"}]},
        "authoredOn": "1970-01-01T00:00:01Z",
    }
    references = ("Organization/1", "https://else.org/fhir/Organization/2", "Patient/3", "")
    expected = ("requested", "order", "", *references, "fulfill", 1_000_000)
    assert extractor.work_row(task) == expected
    assert extractor.work_row(task, extractor.index_rows(task)) == expected
    assert extractor.work_row({"resourceType": "Task"}) == ("",) * 8 + (None,)
    assert extractor.work_row({"resourceType": "Patient"}) is None


def test_pairs_of_a_resource_are_bounded(extractor: Extractor) -> None:
    """Each component is within bounds, all together are not: half a megabyte would be a million rows."""
    codes = {"coding": [{"code": str(n)} for n in range(70)]}
    components = [
        {"code": codes, "valueCodeableConcept": {"coding": [{"code": f"{c}-{n}"} for n in range(70)]}}
        for c in range(100)
    ]
    observation = {"resourceType": "Observation", "status": "final", "code": {"text": "x"}, "component": components}
    with pytest.raises(BadRequest, match="pairs"):
        extractor.index_rows(observation)
    assert extractor.index_rows({**observation, "component": components[:1]}).composite
