"""All cases of a type, none of its parameters left out."""

import itertools

from fhir_server.definitions import Definitions
from tests.cases.parameters.cases import Case, simple_cases
from tests.cases.parameters.composites import composite_cases


def cases_of(type_name: str, definitions: Definitions) -> list[Case]:
    """The cases of every parameter of a type, in order; raises LookupError for a parameter that none finds."""
    found: list[Case] = []
    numbers = itertools.count(1)
    for parameter in definitions.search_parameters[type_name].values():
        make = composite_cases if parameter.kind == "composite" else simple_cases
        made = list(make(parameter, numbers, definitions))
        if not any(case.finding for case in made):
            raise LookupError(f"{type_name}.{parameter.code}: no resource can be built for it")
        found += made
    return found
