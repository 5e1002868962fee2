"""Bundles as text: searchset, history and response bundles joined from stored bodies, which are never parsed.

https://hl7.org/fhir/R4/bundle.html  Every member is written by this module, so names need no escaping; values do.
"""

from collections.abc import Iterable, Sequence

from fhir_server.errors import Issue
from fhir_server.fhir.dates import format_instant
from fhir_server.fhir.json import dump
from fhir_server.fhir.outcomes import operation_outcome
from fhir_server.store.stored import Stored


def bundle(
    kind: str, entries: Sequence[str], *, links: Iterable[tuple[str, str]] = (), total: int | None = None, now: int
) -> str:
    """A bundle of ready entry texts; `entry` is left out when there is none."""
    parts = [f'{{"resourceType":"Bundle","meta":{{"lastUpdated":"{format_instant(now)}"}},"type":"{kind}"']
    if total is not None:
        parts.append(f',"total":{total}')
    joined = ",".join(f'{{"relation":"{relation}","url":{dump(url)}}}' for relation, url in links)
    if joined:
        parts.append(f',"link":[{joined}]')
    if entries:
        parts.append(f',"entry":[{",".join(entries)}]')
    parts.append("}")
    return "".join(parts)


def match_entry(base: str, type_name: str, stored: Stored, mode: str, body: str | None = None) -> str:
    """An entry of a searchset; `mode` is match or include."""
    return (
        f'{{"fullUrl":"{base}/{type_name}/{stored.resource_id}","resource":{stored.body if body is None else body},'
        f'"search":{{"mode":"{mode}"}}}}'
    )


def outcome_entry(issues: Sequence[Issue]) -> str:
    """An entry that carries warnings beside the matches."""
    return f'{{"resource":{dump(operation_outcome(issues))},"search":{{"mode":"outcome"}}}}'


def history_entry(base: str, type_name: str, stored: Stored, body: str | None = None) -> str:
    """An entry of a history: the version, how it came about and what was answered then."""
    address = f"{type_name}/{stored.resource_id}"
    resource = "" if stored.deleted else f'"resource":{stored.body if body is None else body},'
    url = type_name if stored.method == "POST" else address
    return (
        f'{{"fullUrl":"{base}/{address}",{resource}"request":{{"method":"{stored.method}","url":"{url}"}},'
        f'"response":{{"status":"{_status(stored)}","etag":"W/\\"{stored.version_id}\\"",'
        f'"lastModified":"{format_instant(stored.updated)}"}}}}'
    )


def _status(stored: Stored) -> str:
    if stored.deleted:
        return "204 No Content"
    return "201 Created" if stored.version_id == 1 else "200 OK"
