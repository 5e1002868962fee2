"""Resources as JSON text: parsed strictly, written compactly, numbers exactly as they were sent.

https://hl7.org/fhir/R4/json.html  A decimal's digits are content ("1.10" is not "1.1"), so every number that is not a
plain integer of at most 18 digits is a Decimal: a `DecimalText` where Decimal itself would print another literal.
`str()` of either is what was sent. The one rule: nothing here may turn a number into a float.
"""

import json
from collections import Counter
from decimal import Decimal
from typing import Any, Self

import msgspec

from fhir_server.errors import BadRequest

JsonObject = dict[str, Any]

MAX_NUMBER_LENGTH = 128
MAX_EXPONENT = 128
MAX_INTEGER_DIGITS = 18  # what a signed 64-bit integer holds, whatever the digits are
SHOWN_NAME_LENGTH = 64

_OPENERS_AND_CLOSERS = bytes.maketrans(b"[]{}", b"()()")
_ALL_BUT_BRACKETS = bytes(sorted(set(range(256)) - set(b"()[]{}")))


class DecimalText(Decimal):
    """A number that remembers its literal, e.g. "1e5", which Decimal prints as "1E+5"; equal to the plain Decimal.

    Some libraries know the class Decimal only and refuse this one: give them `plain(value)`.
    """

    __slots__ = ("text",)
    text: str

    def __new__(cls, text: str) -> Self:
        number = super().__new__(cls, text)
        number.text = text
        return number

    def __str__(self) -> str:
        return self.text

    def __reduce__(self) -> tuple[type["DecimalText"], tuple[str]]:
        return DecimalText, (self.text,)

    def __copy__(self) -> "DecimalText":
        return self

    def __deepcopy__(self, memo: Any) -> "DecimalText":
        return self


def parse(raw: bytes, *, max_depth: int) -> Any:
    """The value of a JSON text in UTF-8 (a byte order mark is tolerated).

    Raises BadRequest for malformed text, repeated member names, NaN and Infinity, NUL and lone surrogates, numbers of
    absurd size, and nesting deeper than `max_depth` objects and arrays. A top-level value that is not an object is
    the caller's to judge.
    """
    if raw.startswith(b"\xef\xbb\xbf"):
        raw = raw[3:]
    if is_deeper(raw, max_depth):
        raise BadRequest(f"the JSON text is nested deeper than {max_depth} levels", code="too-costly")
    try:
        value = _decoder.decode(raw.decode("utf-8"))
    except UnicodeDecodeError as error:
        raise BadRequest(f"the body is not UTF-8: byte {error.start} does not fit") from None
    except json.JSONDecodeError as error:
        message = f"the JSON text is malformed: {error.msg} at line {error.lineno}, column {error.colno}"
        raise BadRequest(message, code="structure") from None
    except RecursionError:
        raise BadRequest("the JSON text is nested too deeply", code="too-costly") from None
    if b"\\u" in raw:
        _refuse_unstorable_characters(value)
    return value


def parse_stored(text: str) -> JsonObject:
    """A resource from text that `dump` wrote: numbers kept, nothing checked a second time."""
    resource: JsonObject = _stored_decoder.decode(text)
    return resource


def dump(value: Any) -> str:
    """The compact JSON text: member order kept, numbers as they were sent."""
    return _encoder.encode(value).decode()


def dump_pretty(value: Any) -> str:
    """The JSON text for human eyes, two spaces a level."""
    return msgspec.json.format(_encoder.encode(value), indent=2).decode()


def plain(value: Any) -> Any:
    """The same value with each DecimalText as a Decimal of that value, for libraries that take no other class."""
    if isinstance(value, dict):
        return {name: plain(member) for name, member in value.items()}
    if isinstance(value, list):
        return [plain(item) for item in value]
    return Decimal(value) if isinstance(value, DecimalText) else value


def number(text: str) -> int | Decimal:
    """The number that a JSON (or XML) number literal stands for; raises BadRequest when its size is absurd."""
    if text.lstrip("-").isdigit():
        return _integer(text)
    return _decimal(text)


def is_deeper(raw: bytes, max_depth: int) -> bool:
    """Whether well-formed JSON text nests deeper than `max_depth`; takes linear time and never recurses."""
    if raw.count(b"{") + raw.count(b"[") <= max_depth:
        return False
    if b"\\" in raw:
        raw = raw.replace(b"\\\\", b"").replace(b'\\"', b"")
    outside_strings = b"".join(raw.split(b'"')[::2])
    brackets = outside_strings.translate(_OPENERS_AND_CLOSERS, _ALL_BUT_BRACKETS)
    for _ in range(max_depth):
        shorter = brackets.replace(b"()", b"")
        if len(shorter) == len(brackets):
            break
        brackets = shorter
    return b"()" in brackets


def _object(pairs: list[tuple[str, Any]]) -> JsonObject:
    members = dict(pairs)
    if len(members) != len(pairs):
        names = [name for name, _ in pairs]
        repeated = Counter(names).most_common(1)[0][0]
        raise BadRequest(f"the member name '{_shown(repeated)}' appears twice in one object", code="structure")
    return members


def _integer(text: str) -> int | Decimal:
    if len(text) <= MAX_INTEGER_DIGITS and text != "-0":
        return int(text)
    return _decimal(text)


def _decimal(text: str) -> Decimal:
    if len(text) > MAX_NUMBER_LENGTH:
        raise BadRequest(f"a number has more than {MAX_NUMBER_LENGTH} characters", code="value")
    _, _, exponent = text.lower().partition("e")
    if exponent and abs(int(exponent)) > MAX_EXPONENT:
        raise BadRequest(f"a number has an exponent beyond {MAX_EXPONENT}", code="value")
    value = Decimal(text)
    return value if str(value) == text else DecimalText(text)


def _constant(text: str) -> Any:
    raise BadRequest(f"{text} is not a JSON number", code="value")


def _refuse_unstorable_characters(value: Any) -> None:
    """Walk every string: an escape may have smuggled in NUL or half of a surrogate pair."""
    pending = [value]
    while pending:
        item = pending.pop()
        if isinstance(item, str):
            _refuse_unstorable_text(item)
        elif isinstance(item, dict):
            pending.extend(item)
            pending.extend(item.values())
        elif isinstance(item, list):
            pending.extend(item)


def _refuse_unstorable_text(text: str) -> None:
    if "\0" in text:
        raise BadRequest("a string contains the character U+0000", code="value")
    try:
        text.encode()
    except UnicodeEncodeError:
        raise BadRequest("a string contains half of a surrogate pair", code="value") from None


def _shown(name: str) -> str:
    """A member name cut to a length that does no harm in a message, its odd characters escaped."""
    return name[:SHOWN_NAME_LENGTH].encode("ascii", "backslashreplace").decode()


def _encoded(value: Any) -> Any:
    if isinstance(value, DecimalText):
        return msgspec.Raw(value.text.encode())
    raise TypeError(f"a {type(value).__name__} has no JSON form")


_decoder = json.JSONDecoder(
    object_pairs_hook=_object, parse_float=_decimal, parse_int=_integer, parse_constant=_constant
)
_stored_decoder = json.JSONDecoder(parse_float=_decimal, parse_int=_integer)
_encoder = msgspec.json.Encoder(enc_hook=_encoded, decimal_format="number")
