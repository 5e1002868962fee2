"""Loading: inheritance and choices resolved, and every contradiction refused loudly."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from fhir_server.definitions import Definitions, DefinitionsError, load
from fhir_server.definitions.registry import parameter_number

NOT_ENUMERATED = {
    "http://hl7.org/fhir/ValueSet/currencies",
    "http://hl7.org/fhir/ValueSet/mimetypes",
    "http://hl7.org/fhir/ValueSet/ucum-units",
    "http://loinc.org/vs/LL379-9",
}


def test_every_resource_type_of_r4_has_a_number_of_its_own(definitions: Definitions) -> None:
    numbers = definitions.resource_types
    assert len(numbers) == 146
    assert set(numbers.values()) == set(range(1, 147))
    assert list(numbers) == sorted(numbers)
    assert numbers["Account"] == 1
    assert numbers["VisionPrescription"] == 146


def test_elements_stand_in_the_order_of_the_standard_inherited_ones_first(definitions: Definitions) -> None:
    names = [element.name for element in definitions.structures["Task"].elements]
    assert names[:8] == [
        "id",
        "meta",
        "implicitRules",
        "language",
        "text",
        "contained",
        "extension",
        "modifierExtension",
    ]
    assert names[8:14] == [
        "identifier", "instantiatesCanonical", "instantiatesUri", "basedOn", "groupIdentifier", "partOf",
    ]  # fmt: skip
    assert all(e.path == f"Task.{e.name}" for e in definitions.structures["Task"].elements)


def test_a_choice_is_one_element_and_many_members(definitions: Definitions) -> None:
    task_input = definitions.structures["Task.input"]
    value = next(element for element in task_input.elements if element.name == "value")
    assert (value.is_choice, value.min, value.max, value.path) == (True, 1, 1, "Task.input.value[x]")
    assert task_input.properties["valueQuantity"].structure == "Quantity"
    assert task_input.properties["valueBoolean"].is_primitive
    assert task_input.properties["valueBoolean"].element is value
    assert "value" not in task_input.properties


def test_a_content_reference_leads_to_the_structure_it_names(definitions: Definitions) -> None:
    part = definitions.structures["Parameters.parameter"].properties["part"]
    assert (part.type, part.structure, part.element.max) == ("", "Parameters.parameter", None)
    assert definitions.structures["Bundle.entry"].properties["link"].structure == "Bundle.link"


def test_contained_resources_and_ids_are_typed(definitions: Definitions) -> None:
    patient = definitions.structures["Patient"].properties
    assert patient["contained"].structure == "Resource"
    assert patient["id"].type == "id"
    assert definitions.structures["HumanName"].properties["id"].type == "string"
    assert definitions.structures["Narrative"].properties["div"].type == "xhtml"


def test_restricted_types_keep_their_own_tables(definitions: Definitions) -> None:
    assert list(definitions.structures["Age"].properties) == list(definitions.structures["Quantity"].properties)
    assert definitions.structures["Timing.repeat"].properties["periodUnit"].element.binding is not None


def test_every_bound_value_set_is_listed_or_known_not_to_be_enumerable(definitions: Definitions) -> None:
    bound = {e.binding for s in definitions.structures.values() for e in s.elements if e.binding}
    assert bound - definitions.value_sets.keys() == NOT_ENUMERATED
    status = definitions.value_sets["http://hl7.org/fhir/ValueSet/task-status"]
    assert status.only_system == "http://hl7.org/fhir/task-status"
    assert {"draft", "requested", "completed"} < status.codes
    timing = definitions.value_sets["http://hl7.org/fhir/ValueSet/event-timing"]
    assert timing.only_system is None
    assert {"MORN", "ACM"} < timing.codes


def test_general_parameters_appear_under_each_type(definitions: Definitions) -> None:
    for type_name in definitions.resource_types:
        assert {"_id", "_lastUpdated", "_profile", "_security", "_source", "_tag"} <= definitions.search_parameters[
            type_name
        ].keys()
    found = definitions.search_parameter("Task", "_lastUpdated")
    assert found is not None
    assert (found.kind, found.expression) == ("date", "Task.meta.lastUpdated")


def test_an_expression_speaks_of_its_own_type_only(definitions: Definitions) -> None:
    for type_name, own in definitions.search_parameters.items():
        for parameter in own.values():
            assert parameter.expression.lstrip("(").startswith(type_name), parameter
    assert definitions.search_parameters["ServiceRequest"]["patient"].expression == (
        "ServiceRequest.subject.where(resolve() is Patient)"
    )


def test_guides_add_what_the_standard_lacks(definitions: Definitions) -> None:
    assert definitions.search_parameters["Task"]["output"].source == "us-sdoh-clinicalcare-3.0.0"
    assert definitions.search_parameters["Condition"]["asserted-date"].source == "us-core-7.0.0"
    assert definitions.search_parameters["Condition"]["category"].source == "r4"


def test_a_composite_names_parameters_of_its_type(definitions: Definitions) -> None:
    parameter = definitions.search_parameters["Observation"]["code-value-quantity"]
    assert parameter.components == (("code", "code"), ("value-quantity", "value.as(Quantity)"))


def test_parameter_numbers_are_signed_32_bits_and_stay() -> None:
    assert parameter_number("Task", "status") == -1943358076
    assert parameter_number("Task", "owner") == -2014895896


def test_what_is_switched_on(definitions: Definitions) -> None:
    assert {"Task", "ServiceRequest", "Consent", "Binary", "Provenance", "Immunization"} <= definitions.server.keys()
    assert not {"Subscription", "AuditEvent", "Bundle", "Parameters", "Medication"} & definitions.server.keys()
    task = definitions.server["Task"]
    assert "Task:focus" in task.search_includes
    assert "Provenance:target" in task.search_rev_includes
    assert definitions.include_aliases["HealthCareService:location"] == "HealthcareService:location"


def test_work_rows_name_search_parameters(definitions: Definitions) -> None:
    assert definitions.work_rows["Task"].columns["authored"] == "authored-on"
    assert definitions.work_rows["ServiceRequest"].columns["owner"] == "performer"
    assert "focus" not in definitions.work_rows["ServiceRequest"].columns


def test_compartments(definitions: Definitions) -> None:
    assert set(definitions.compartments) == {"Device", "Encounter", "Patient", "Practitioner", "RelatedPerson"}
    assert definitions.compartments["Patient"]["ServiceRequest"] == ("subject", "performer")


def _spoil(path: Path, change: Callable[[Any], None]) -> None:
    content = json.loads(path.read_text(encoding="utf-8"))
    change(content)
    path.write_text(json.dumps(content), encoding="utf-8")


def _element(content: Any, path: str) -> Any:
    return next(row for row in content["elements"] if row["path"] == path)


def _parameter(content: Any, type_name: str, code: str) -> Any:
    return next(row for row in content["parameters"] if (row["type"], row["code"]) == (type_name, code))


SPOILED: list[tuple[str, Callable[[Any], Any], str]] = [
    ("r4/types/Task.json", lambda c: c.update(base="Nothing"), "type Nothing is named but not defined"),
    ("r4/types/Task.json", lambda c: _element(c, "focus").update(types=["Refrence"]), "type Refrence is not defined"),
    ("r4/types/Task.json", lambda c: c.update(number=1), "numbers of their own"),
    ("r4/types/Task.json", lambda c: c.pop("number"), "numbers of their own: Task"),
    ("r4/types/Bundle.json", lambda c: _element(c, "entry.link").update(content="lnk"), "Bundle.lnk is not defined"),
    ("r4/types/Task.json", lambda c: _element(c, "status").update(binding="http://x"), "value set http://x is bound"),
    ("r4/search-parameters.json", lambda c: _parameter(c, "Task", "focus").pop("expression"), "has no expression"),
    ("r4/search-parameters.json", lambda c: _parameter(c, "Task", "focus").update(kind="code"), "of an unknown kind"),
    (
        "r4/search-parameters.json",
        lambda c: _parameter(c, "Task", "focus").update(type="Tsk"),
        "type Tsk is not defined",
    ),
    (
        "r4/search-parameters.json",
        lambda c: _parameter(c, "Task", "focus").update(targets=["Tsk"]),
        "target Tsk is not",
    ),
    (
        "r4/search-parameters.json",
        lambda c: _parameter(c, "Observation", "code-value-quantity").update(components=[["cod", "code"]]),
        "component cod is not a parameter",
    ),
    (
        "us-core-7.0.0/search-parameters.json",
        lambda c: _parameter(c, "Goal", "description").update(type="Gaol"),
        "Gaol",
    ),
    (
        "us-core-6.1.0/search-parameters.json",
        lambda c: _parameter(c, "Patient", "name").update(kind="token"),
        "is a token",
    ),
    ("r4/compartments.json", lambda c: c["Patient"].update(Task=["pationt"]), "Task has no parameter pationt"),
    ("server/resources.json", lambda c: c["types"].append({"type": "Tsk"}), "type Tsk is not defined"),
    ("server/resources.json", lambda c: c["types"][0].update(interactions=["destroy"]), "unknown interaction destroy"),
    ("server/resources.json", lambda c: c["types"][0].update(updateCreate=False), "unknown member updateCreate"),
    ("server/work-rows.json", lambda c: c["Task"].update(status="stats"), "Task has no search parameter stats"),
    ("server/work-rows.json", lambda c: c["Task"].update(colour="status"), "there is no column colour"),
    ("server/include-aliases.json", lambda c: c.update({"A:b": "Task:nothing"}), "not an include that we offer"),
]


@pytest.mark.parametrize(("file", "change", "complaint"), SPOILED, ids=[f"{f}: {c}" for f, _, c in SPOILED])
def test_a_contradiction_is_refused_loudly(
    profiles: Path, file: str, change: Callable[[Any], Any], complaint: str
) -> None:
    _spoil(profiles / file, change)
    with pytest.raises(DefinitionsError, match=complaint.replace("(", r"\(")):
        load(profiles, profiles.parent / "terminology")


def test_two_parameters_with_one_number_are_refused(profiles: Path) -> None:
    first, second = "plumless", "buckeroo"  # equal checksums, also behind the same prefix
    assert parameter_number("Task", first) == parameter_number("Task", second)
    rows = [
        {"type": "Task", "code": code, "kind": "token", "expression": "Task.code", "url": code}
        for code in (first, second)
    ]
    _spoil(profiles / "r4/search-parameters.json", lambda c: c["parameters"].extend(rows))
    with pytest.raises(DefinitionsError, match="have the same number"):
        load(profiles, profiles.parent / "terminology")


def test_an_empty_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DefinitionsError, match=r"primitives\.json"):
        load(tmp_path, tmp_path)


def test_includes_are_offered_only_where_they_lead_to_resources() -> None:
    offered = load().server["QuestionnaireResponse"].search_includes
    assert "QuestionnaireResponse:patient" in offered
    assert "QuestionnaireResponse:questionnaire" not in offered  # a canonical names no resource by type and id
