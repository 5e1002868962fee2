"""Criteria and preconditions of conditional interactions.

https://hl7.org/fhir/R4/http.html#cond-update and https://www.rfc-editor.org/rfc/rfc9110#section-13  Matches are looked
for among the rows the principal can see, inside the write order, so that concurrent conditional creates make one
resource.
"""

import email.utils
import re
from datetime import UTC

from fhir_server.errors import BadRequest, PreconditionFailed
from fhir_server.fhir.dates import DateRange, is_valid_instant, parse_range
from fhir_server.interactions.context import Context
from fhir_server.interactions.parameters import Pairs, pairs
from fhir_server.search.run import find_matches
from fhir_server.store.stored import Stored

ANY_VERSION = 0
"""Among versions: the "*" of If-Match and If-None-Match."""

_ETAG = re.compile(r'(?:W/)?"([^"]*)"\Z')
_VERSION = re.compile(r"[1-9][0-9]{0,8}\Z")
_FORMAT = frozenset({"_format", "_pretty"})
_SECOND = 1_000_000


def pairs_of(text: str, type_name: str) -> Pairs:
    """The parameters of `identifier=a|b&...`, also after "?" or "Patient?"; raises BadRequest for another type's."""
    path, mark, query = text.partition("?")
    if not mark or "=" in path:
        return pairs(text)
    if path.rpartition("/")[2] not in {"", type_name}:
        raise BadRequest(f"the criteria are expected to be of {type_name}", code="value")
    return pairs(query)


def one_match(context: Context, interaction: str, type_name: str, criteria: Pairs) -> Stored | None:
    """The only visible match, or None; raises PreconditionFailed when several match or nothing selects.

    What the same unit of work deletes does not match any more. An empty value would silently widen what is matched.
    """
    wanted = tuple((name, value) for name, value in criteria if name not in _FORMAT)
    if not wanted or not all(value for _, value in wanted):
        raise PreconditionFailed("the criteria select nothing in particular; give each search parameter a value")
    vanishing = {resource_id for name, resource_id in context.vanishing if name == type_name}
    found = find_matches(
        context.rows,
        type_name,
        wanted,
        searching=context.core.searching,
        tenant=context.tenant,
        visible=context.visible(interaction, type_name),
        now=context.core.now(),
        limit=2 + (context.core.settings.max_entries if vanishing else 0),
    )
    left = [stored for stored in found if stored.resource_id not in vanishing]
    if len(left) > 1:
        raise PreconditionFailed("the criteria match more than one resource; narrow them", code="multiple-matches")
    return left[0] if left else None


def versions_of(header: str) -> tuple[int, ...] | None:
    """The versions that an If-Match or If-None-Match names, None without one; raises BadRequest.

    A tag that no version of ours can have is left out: it matches nothing.
    """
    if not header:
        return None
    if header.strip() == "*":
        return (ANY_VERSION,)
    tags = [_ETAG.match(tag.strip()) for tag in header.split(",")]
    if None in tags:
        raise BadRequest('If-Match and If-None-Match are expected to be a version\'s ETag, as in W/"3"', code="value")
    return tuple(int(tag[1]) for tag in tags if tag is not None and _VERSION.match(tag[1]))


def is_named(versions: tuple[int, ...], there: Stored | None) -> bool:
    """Whether what is there is one of the versions; a deleted resource is none of "*"."""
    if there is None:
        return False
    return there.version_id in versions or (ANY_VERSION in versions and not there.deleted)


def is_listed(if_none_match: str, stored: Stored) -> bool:
    """Whether the If-None-Match of a read names the version; tags that are none of ours match nothing."""
    tags = (_ETAG.match(tag.strip()) for tag in if_none_match.split(","))
    return if_none_match.strip() == "*" or any(t is not None and t[1] == str(stored.version_id) for t in tags)


def moments_of(if_modified_since: str) -> DateRange | None:
    """The microseconds that an HTTP date (a whole second) or an instant stands for; None when it is neither."""
    try:
        date = email.utils.parsedate_to_datetime(if_modified_since)
        seconds = int((date if date.tzinfo else date.replace(tzinfo=UTC)).timestamp())
    except (ValueError, OverflowError):
        return parse_range(if_modified_since) if is_valid_instant(if_modified_since) else None
    return DateRange(seconds * _SECOND, (seconds + 1) * _SECOND)
