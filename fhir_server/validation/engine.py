"""Two runners for the one strict schema: jsonschema-rs, and jsonschema where there is no wheel of the former.

https://json-schema.org/draft-07  Both report the same faults by keyword and place; neither's message is ever shown,
since messages quote the instance.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Protocol

Schema = dict[str, Any]
Location = tuple[str | int, ...]


@dataclass(frozen=True, slots=True)
class Fault:
    """One failed keyword; `names` are missing or unexpected members, `rule` indexes the `allOf` entry around it."""

    keyword: str
    location: Location
    names: tuple[str, ...] = ()
    rule: int = -1


class Engine(Protocol):
    """A compiled schema."""

    def is_valid(self, instance: Any) -> bool:
        """Whether the instance is valid; raises ValueError for a number class that the engine does not know."""
        ...

    def faults(self, instance: Any) -> Iterator[Fault]:
        """The faults, as they are found."""
        ...


def compiled(schema: Schema) -> Engine:
    """The fastest engine there is."""
    try:
        return RustEngine(schema)
    except ImportError:
        return PythonEngine(schema)


class RustEngine:
    """jsonschema-rs: microseconds a resource; its regular expressions take linear time."""

    def __init__(self, schema: Schema) -> None:
        import jsonschema_rs

        linear = jsonschema_rs.RegexOptions()
        self._validator = jsonschema_rs.Draft7Validator(schema, mask="", pattern_options=linear, offline=True)

    def is_valid(self, instance: Any) -> bool:
        return self._validator.is_valid(instance)

    def faults(self, instance: Any) -> Iterator[Fault]:
        for error in self._validator.iter_errors(instance):
            kind = error.kind
            names: tuple[str, ...] = ()
            if kind.name == "required":
                names = (kind.property,)  # type: ignore[attr-defined]
            elif kind.name == "additionalProperties":
                names = tuple(kind.unexpected)  # type: ignore[attr-defined]
            yield Fault(kind.name, tuple(error.instance_path), names, _rule(error.schema_path))


class PythonEngine:
    """jsonschema: pure Python, some hundred times slower; the fallback, and the oracle in tests."""

    def __init__(self, schema: Schema) -> None:
        import jsonschema

        self._validator = jsonschema.Draft7Validator(_with_python_patterns(schema))

    def is_valid(self, instance: Any) -> bool:
        return bool(self._validator.is_valid(instance))

    def faults(self, instance: Any) -> Iterator[Fault]:
        for error in self._validator.iter_errors(instance):
            names: tuple[str, ...] = ()
            if error.validator == "required":
                names = tuple(name for name in error.validator_value if name not in error.instance)
            elif error.validator == "additionalProperties":
                names = tuple(name for name in error.instance if name not in error.schema["properties"])
            location = tuple(error.absolute_path)
            yield Fault(str(error.validator), location, names, _rule(list(error.absolute_schema_path)))


def _rule(schema_path: list[Any]) -> int:
    index = schema_path[-2] if len(schema_path) >= 2 else -1
    return index if isinstance(index, int) else -1


def _with_python_patterns(schema: Any) -> Any:
    """In Python `$` also matches before a line feed at the end."""
    if isinstance(schema, dict):
        return {
            name: re.sub(r"\$$", r"\\Z", value)
            if name == "pattern" and isinstance(value, str)
            else _with_python_patterns(value)
            for name, value in schema.items()
        }
    if isinstance(schema, list):
        return [_with_python_patterns(item) for item in schema]
    return schema
