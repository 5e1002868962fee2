r"""What the text of a primitive must look like, as linear-time patterns; the standard's own where they suffice.

https://hl7.org/fhir/R4/datatypes.html#primitive  Ours differ from the published ones in three ways: dates are real days
(no 30 February), base64 is well padded, and text may hold any printable character (the published `\S` leaves out the
no-break space in engines that know Unicode) but no control character, which XML could not carry.
"""

from collections.abc import Mapping

_YEAR = "(?:[0-9](?:[0-9](?:[0-9][1-9]|[1-9]0)|[1-9]00)|[1-9]000)"
_LEAP_YEAR = "(?:[0-9][0-9](?:0[48]|[2468][048]|[13579][26])|(?:0[48]|[2468][048]|[13579][26])00)"
_MONTH = "(?:0[1-9]|1[0-2])"
_LONG_MONTH = "(?:0[13578]|1[02])-(?:0[1-9]|[12][0-9]|3[01])"
_SHORT_MONTH = "(?:0[469]|11)-(?:0[1-9]|[12][0-9]|30)"
_FEBRUARY = "02-(?:0[1-9]|1[0-9]|2[0-8])"
_DAY = f"(?:{_YEAR}-(?:{_LONG_MONTH}|{_SHORT_MONTH}|{_FEBRUARY})|{_LEAP_YEAR}-02-29)"
_TIME = "(?:[01][0-9]|2[0-3]):[0-5][0-9]:(?:[0-5][0-9]|60)(?:\\.[0-9]+)?"
_ZONE = "(?:Z|[+-](?:(?:0[0-9]|1[0-3]):[0-5][0-9]|14:00))"
_BASE64 = "(?:[0-9A-Za-z+/]\\s*)"
_TEXT = "[^\\x00-\\x08\\x0b\\x0c\\x0e-\\x1f\\ufffe\\uffff]+"
_WORD = "[^\\s\\x00-\\x1f]+"

OURS: Mapping[str, str] = {
    "base64Binary": (
        f"\\s*(?:(?:{_BASE64}{{4}})+(?:{_BASE64}{{3}}=\\s*|{_BASE64}{{2}}=\\s*=\\s*)?"
        f"|{_BASE64}{{3}}=\\s*|{_BASE64}{{2}}=\\s*=\\s*)"
    ),
    "code": f"{_WORD}(?: {_WORD})*",
    "date": f"(?:{_YEAR}(?:-{_MONTH})?|{_DAY})",
    "dateTime": f"(?:{_YEAR}(?:-{_MONTH})?|{_DAY}(?:T{_TIME}{_ZONE})?)",
    "instant": f"{_DAY}T{_TIME}{_ZONE}",
    "time": _TIME,
    "string": _TEXT,
    "markdown": _TEXT,
    "xhtml": _TEXT,
    "uri": _WORD,
    "url": _WORD,
    "canonical": _WORD,
}

INTEGER_RANGES: Mapping[str, tuple[int, int]] = {
    "integer": (-(2**31), 2**31 - 1),
    "unsignedInt": (0, 2**31 - 1),
    "positiveInt": (1, 2**31 - 1),
}


def pattern(type_name: str, published: Mapping[str, str]) -> str:
    """The anchored pattern of a textual primitive type."""
    return f"^(?:{OURS.get(type_name) or published[type_name]})$"
