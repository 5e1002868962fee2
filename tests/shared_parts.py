"""Frozen parts of a server that tests share, since each would take a good part of a second to build anew."""

from functools import cache

from fhir_server.definitions import Definitions, load
from fhir_server.validation.structure import StructureValidator


@cache
def definitions() -> Definitions:
    """The shipped definitions."""
    return load()


@cache
def validator(max_issues: int) -> StructureValidator:
    """The structure validator for them."""
    return StructureValidator(definitions(), max_issues=max_issues)
