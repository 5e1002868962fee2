r"""Escapes in search values: `\,` `\|` `\$` `\\`.

https://hl7.org/fhir/R4/search.html#escaping  Split first, unescape last: a value is cut at separators that carry no
backslash, and only its parts lose theirs.
"""

import re

_ESCAPED = re.compile(r"\\([,|$\\])")


def split(text: str, separator: str) -> list[str]:
    """The parts between unescaped separators, still escaped; always at least one."""
    if separator not in text:
        return [text]
    if "\\" not in text:
        return text.split(separator)
    parts, start, at = [], 0, 0
    while at < len(text):
        if text[at] == "\\":
            at += 2
            continue
        if text[at] == separator:
            parts.append(text[start:at])
            start = at + 1
        at += 1
    parts.append(text[start:])
    return parts


def unescape(text: str) -> str:
    """The text without its escapes; a backslash before any other character stands for itself."""
    return _ESCAPED.sub(r"\1", text) if "\\" in text else text


def escape(text: str) -> str:
    """The text as one search value."""
    return re.sub(r"([,|$\\])", r"\\\1", text)
