"""What the server holds: ValueSet and CodeSystem resources that the caller may see, found by URL or id.

https://hl7.org/fhir/R4/resource.html#canonical  Of several resources with one URL the version decides, without one the
newest change. The one rule: what the caller may not see is not held.
"""

from dataclasses import dataclass
from typing import NamedTuple

from sqlalchemy import Select, bindparam, not_, select

from fhir_server.definitions import Definitions
from fhir_server.fhir import references
from fhir_server.fhir.json import JsonObject, parse_stored
from fhir_server.store.index_rows import bounded
from fhir_server.store.reading import read_current
from fhir_server.store.statements import Rows
from fhir_server.store.tables import INDEX_TOKEN, INDEX_URI, RESOURCE
from fhir_server.store.visibility import Predicate

_VALUE_SET = "ValueSet"
_CODE_SYSTEM = "CodeSystem"
_MAX_SHOWN = 200


def shown(asked: str) -> str:
    """A URL or reference of the caller, cut to a length that does no harm in a message."""
    return asked[:_MAX_SHOWN]


class Found(NamedTuple):
    """A resource, with the length of its text."""

    resource: JsonObject
    length: int


@dataclass(frozen=True, slots=True)
class Held:
    """The resources that one caller may see; `base` is this server's FHIR base."""

    rows: Rows
    definitions: Definitions
    tenant: int
    visible: Predicate
    base: str = ""

    def value_set(self, reference: str) -> Found | None:
        """The value set of a canonical URL, with or without |version, or of an id on this server; None: not held."""
        url, _, version = reference.partition("|")
        parsed = references.parse(url)
        is_ours = parsed.kind == "local" or (parsed.kind == "absolute" and parsed.base == self.base)
        if is_ours and parsed.type_name == _VALUE_SET and not parsed.version_id:
            found = self._by_id(parsed.resource_id)
            if found is not None and (not version or found.resource.get("version") == version):
                return found
        return self._by_url(_VALUE_SET, url, version)

    def code_system(self, url: str, version: str = "") -> Found | None:
        """The code system of a URL, with or without |version; None: not held."""
        url, _, own_version = url.partition("|")
        return self._by_url(_CODE_SYSTEM, url, version or own_version)

    def _by_id(self, resource_id: str) -> Found | None:
        number = self.definitions.resource_types[_VALUE_SET]
        found = read_current(self.rows, number, resource_id, tenant=self.tenant, visible=self.visible)
        return None if found is None or found.deleted else _parsed(found.body)

    def _by_url(self, type_name: str, url: str, version: str) -> Found | None:
        by_url, by_version = (self.definitions.search_parameter(type_name, code) for code in ("url", "version"))
        if not url or by_url is None or by_version is None:
            return None
        asked = {
            **self.visible.parameters,
            "tenant": self.tenant,
            "type_number": self.definitions.resource_types[type_name],
            "url_parameter": by_url.number,
            "url": bounded(url),
        }
        if version:
            asked |= {"version_parameter": by_version.number, "version": bounded(version)}
        key = ("newest_of_url", bool(version), self.visible.key)
        sql = self.rows.cached_sql(key, lambda: _newest(self.visible, is_versioned=bool(version)))
        found = self.rows.rows(sql, asked)
        return _parsed(found[0][0]) if found else None


def _parsed(body: str) -> Found:
    return Found(parse_stored(body), len(body))


def _newest(visible: Predicate, *, is_versioned: bool) -> Select[str]:
    resource, index = RESOURCE.alias("resource"), INDEX_URI.alias("index")
    found = (
        select(resource.c.body)
        .join_from(index, resource, resource.c.pk == index.c.pk)
        .where(
            index.c.tenant == bindparam("tenant"),
            index.c.param == bindparam("url_parameter"),
            index.c.value == bindparam("url"),
            resource.c.tenant == bindparam("tenant"),
            resource.c.type == bindparam("type_number"),
            not_(resource.c.deleted),
            visible.clause(resource),
        )
    )
    if is_versioned:
        token = INDEX_TOKEN.alias("token")
        is_version = (token.c.param == bindparam("version_parameter")) & (token.c.code == bindparam("version"))
        found = found.where(select(1).where(token.c.pk == resource.c.pk, is_version).exists())
    return found.order_by(resource.c.updated.desc(), resource.c.pk.desc()).limit(1)
