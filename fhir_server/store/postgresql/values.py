"""Values as libpq takes them: bytes and their format; lists become arrays in one value.

https://www.postgresql.org/docs/current/arrays.html#ARRAYS-IO  Numbers go as text, which needs no type and parses fast;
text goes as it is with its length, so that nothing needs escaping: arrays of text are in PostgreSQL's binary form.
"""

import struct
from collections.abc import Sequence
from typing import Any

from psycopg.pq import Format

Value = tuple[bytes | None, int]

_TEXT = int(Format.TEXT)
_BINARY = int(Format.BINARY)
_HEADER = struct.Struct("!iiIii")
_LENGTH = struct.Struct("!i").pack
_ABSENT = _LENGTH(-1)
_TEXT_OID = 25


def encoded(value: Any) -> Value:
    """One parameter: int, str, bool, None, or a list of int or of str."""
    if isinstance(value, str):
        return text_bytes(value), _BINARY
    if value is None:
        return None, _TEXT
    if isinstance(value, bool):
        return (b"t" if value else b"f"), _TEXT
    if isinstance(value, (list, tuple)):
        return text_array(value) if value and isinstance(value[0], str) else plain_array(value)
    return str(value).encode(), _TEXT


def text_bytes(text: str) -> bytes:
    """The text in UTF-8; NUL, which PostgreSQL cannot hold, becomes the replacement character, as in `bounded`."""
    return (text.replace("\0", "�") if "\0" in text else text).encode()


def plain_array(values: Sequence[int | bool | None]) -> Value:
    """An array of numbers or booleans."""
    return ("{" + ",".join(["NULL" if v is None else str(v) for v in values]) + "}").encode(), _TEXT


def text_array(values: Sequence[str | None]) -> Value:
    """An array of text."""
    parts = [_HEADER.pack(1, None in values, _TEXT_OID, len(values), 1)]
    for value in values:
        if value is None:
            parts.append(_ABSENT)
        else:
            element = text_bytes(value)
            parts.append(_LENGTH(len(element)))
            parts.append(element)
    return b"".join(parts), _BINARY
