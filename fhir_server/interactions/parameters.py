"""Parameters as pairs: the text of a query, a form, or the criteria of a conditional interaction taken apart.

https://url.spec.whatwg.org/#application/x-www-form-urlencoded  Order and empty values are kept; what is no UTF-8, or
too much, is refused and never guessed at.
"""

from urllib.parse import parse_qsl

from fhir_server.errors import BadRequest

Pairs = tuple[tuple[str, str], ...]
_MOST = 2_000


def pairs(text: str) -> Pairs:
    """The pairs of `name=value&...`; raises BadRequest."""
    if not text:
        return ()
    try:
        return tuple(parse_qsl(text, keep_blank_values=True, max_num_fields=_MOST, errors="strict"))
    except ValueError as error:
        raise BadRequest(f"the query is expected in UTF-8, with at most {_MOST} parameters") from error
