"""Two runners for the one strict schema: jsonschema-rs, and jsonschema where there is no wheel of the former.

https://json-schema.org/draft-07  They judge and do not explain: a list of all faults of a hostile body costs them
minutes, and their messages quote the instance. `explain` finds the words.
"""

import re
from typing import Any, Protocol

Schema = dict[str, Any]


class Engine(Protocol):
    """A compiled schema."""

    def is_valid(self, instance: Any) -> bool:
        """Whether the instance is valid; raises ValueError for a class of number that the engine does not know."""
        ...


def compiled(schema: Schema) -> Engine:
    """The fastest engine there is."""
    try:
        return rust_engine(schema)
    except ImportError:
        return python_engine(schema)


def rust_engine(schema: Schema) -> Engine:
    """jsonschema-rs: microseconds a resource; its regular expressions take linear time."""
    import jsonschema_rs

    return jsonschema_rs.Draft7Validator(schema, pattern_options=jsonschema_rs.RegexOptions(), offline=True)


def python_engine(schema: Schema) -> Engine:
    """jsonschema: pure Python, some hundred times slower; the fallback, and the oracle in tests."""
    import jsonschema

    validator: Engine = jsonschema.Draft7Validator(_with_python_patterns(schema))
    return validator


def _with_python_patterns(schema: Any) -> Any:
    """In Python `$` also matches before a line feed at the end."""
    if isinstance(schema, dict):
        return {
            name: _pattern(value) if name == "pattern" else _with_python_patterns(value)
            for name, value in schema.items()
        }
    if isinstance(schema, list):
        return [_with_python_patterns(item) for item in schema]
    return schema


def _pattern(value: Any) -> Any:
    return re.sub(r"\$$", r"\\Z", value) if isinstance(value, str) else _with_python_patterns(value)
