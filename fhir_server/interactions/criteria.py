"""Criteria and preconditions of conditional interactions.

https://hl7.org/fhir/R4/http.html#cond-update  Matches are looked for among the rows the principal can see, inside the
write order, so that concurrent conditional creates make one resource.
"""

import email.utils
import re
from urllib.parse import parse_qsl

from fhir_server.errors import BadRequest, PreconditionFailed
from fhir_server.interactions.context import Context
from fhir_server.search.run import find_matches
from fhir_server.store.stored import Stored

_ETAG = re.compile(r'(?:W/)?"([^"]*)"\Z')
Pairs = tuple[tuple[str, str], ...]


def pairs_of(text: str) -> Pairs:
    """The parameters of `identifier=a|b&...`, with or without a leading "?"."""
    return tuple(parse_qsl(text.partition("?")[2] if "?" in text else text, keep_blank_values=True))


def one_match(context: Context, interaction: str, type_name: str, criteria: Pairs) -> Stored | None:
    """The only visible match, or None; raises PreconditionFailed when several match or nothing selects."""
    wanted = tuple((name, value) for name, value in criteria if value and not name.startswith("_format"))
    if not wanted:
        raise PreconditionFailed("the criteria select nothing in particular; give at least one search parameter")
    found = find_matches(
        context.rows,
        context.core.definitions,
        type_name,
        wanted,
        tenant=context.tenant,
        visible=context.visible(interaction, type_name),
        settings=context.core.settings,
    )
    if len(found) > 1:
        raise PreconditionFailed("the criteria match more than one resource; narrow them", code="multiple-matches")
    return found[0] if found else None


def version_of(if_match: str) -> int | None:
    """The version an If-Match names, None without one ("*" counts as none); raises BadRequest or PreconditionFailed."""
    if not if_match or if_match.strip() == "*":
        return None
    found = _ETAG.match(if_match.strip())
    if found is None:
        raise BadRequest('If-Match is expected to be a version\'s ETag, as in W/"3"', code="value")
    if not (found[1].isascii() and found[1].isdigit()) or len(found[1]) > 9:
        raise PreconditionFailed("If-Match names a version that does not exist")
    return int(found[1])


def is_unchanged(stored: Stored, if_none_match: str, if_modified_since: str) -> bool:
    """Whether a conditional read may answer 304; If-None-Match goes before If-Modified-Since (RFC 9110, 13.2.2)."""
    if if_none_match:
        tags = (_ETAG.match(tag.strip()) for tag in if_none_match.split(","))
        return if_none_match.strip() == "*" or any(t is not None and t[1] == str(stored.version_id) for t in tags)
    if not if_modified_since:
        return False
    try:
        since = email.utils.parsedate_to_datetime(if_modified_since)
    except ValueError:
        return False
    return stored.updated // 1_000_000 <= int(since.timestamp())
