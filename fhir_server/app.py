"""The only wiring of the system: what is built once, from what, in which order.

Read it like a table of contents. Nothing registers itself; what the write path runs is listed in `WRITE_RULES`.
"""

import hashlib
import os
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from flask import Flask, request

from fhir_server.access.policy import OperatorPolicy, Policy
from fhir_server.access.principal import DEFAULT_TENANT
from fhir_server.access.tokens import TokenDirectory
from fhir_server.audit.sink import open_sink
from fhir_server.definitions import Definitions, load, shipped
from fhir_server.interactions import rules
from fhir_server.interactions.context import Core, Kept, Validator, WriteRule
from fhir_server.interactions.perform import HANDLERS
from fhir_server.search.extract import Extractor
from fhir_server.search.readiness import Readiness, adopt
from fhir_server.search.searching import searching_of
from fhir_server.search.units import Units, load_units
from fhir_server.settings import Settings
from fhir_server.store import keys, schema
from fhir_server.store.database import Database, open_database
from fhir_server.telemetry import logger
from fhir_server.validation.structure import StructureValidator
from fhir_server.web import health
from fhir_server.web.entrance import stand_before
from fhir_server.web.fhir import FhirEndpoint
from fhir_server.web.observation import Observer

Clock = Callable[[], int]


def wall_clock() -> int:
    """Now, in epoch microseconds."""
    return time.time_ns() // 1_000


def write_rules(settings: Settings) -> tuple[WriteRule, ...]:
    """The rules of the write path, in the order in which they run."""
    chosen: list[WriteRule] = []
    if settings.reference_integrity:
        chosen.append(rules.reference_integrity)
    if settings.second_opinion:
        chosen.append(rules.second_opinion)
    return tuple(chosen)


def build_core(
    settings: Settings,
    *,
    database: Database | None = None,
    definitions: Definitions | None = None,
    validator: Validator | None = None,
    policy: Policy | None = None,
    now: Clock = wall_clock,
    further_rules: Sequence[WriteRule] = (),
) -> Core:
    """The core of a process; what is not given is made from the settings."""
    definitions = definitions or load_definitions(settings)
    units = load_units_of(settings)
    database = database or open_database(
        settings.database, timeout_ms=settings.database_timeout_ms, reading_timeout_ms=settings.search_timeout_ms
    )
    return Core(
        settings=settings,
        definitions=definitions,
        database=database,
        policy=policy or OperatorPolicy(),
        validator=validator or StructureValidator(definitions, max_issues=settings.max_issues),
        extractor=Extractor(definitions, base=settings.fhir_base, units=units),
        searching=searching_of(definitions, settings, units, _readiness(settings, database, definitions, now)),
        rules=(*write_rules(settings), *further_rules),
        now=now,
        cursor_key=_cursor_key(settings, database, now),
        enabled={name: frozenset(profile.interactions) for name, profile in definitions.server.items()},
        type_names={number: name for name, number in definitions.resource_types.items()},
        handled=frozenset(HANDLERS),
        kept=Kept(),
        journal=open_sink(settings, database),
    )


def load_definitions(settings: Settings) -> Definitions:
    """The definitions that the settings name; raises DefinitionsError."""
    return load(_folder(settings.profiles_folder), _folder(settings.terminology_folder))


def load_units_of(settings: Settings) -> Units:
    """The table of units that the settings name."""
    return load_units(_folder(settings.terminology_folder) or shipped("terminology"))


def create_application(settings: Settings, *, core: Core | None = None) -> Flask:
    """The WSGI application: FHIR below /fhir, health and metrics beside it."""
    core = core or build_core(settings)
    tokens = TokenDirectory(core.database, now=core.now, cache_microseconds=settings.token_cache_ms * 1_000)
    endpoint = FhirEndpoint(core, tokens, Observer())
    app = Flask("fhir_server", static_folder=None)
    app.add_url_rule("/health/live", "live", health.live)
    app.add_url_rule("/health/ready", "ready", lambda: health.ready(_checks(core, settings)))
    app.add_url_rule("/metrics", "metrics", lambda: health.metrics(request.environ, settings))
    app.extensions["fhir_server"] = core
    _warn_of_stale_index(core)
    stand_before(app, endpoint)
    return app


def _checks(core: Core, settings: Settings) -> dict[str, Callable[[], bool]]:
    return {
        "database": lambda: _is_in_place(settings.database) and schema.is_current(core.database),
        "audit": lambda: settings.audit_sink == "database" or os.access(settings.journals, os.W_OK),
    }


def _is_in_place(url: str) -> bool:
    """An embedded database whose file was moved away still answers, and what is written there is lost."""
    return not url.startswith("sqlite:///") or Path(url.removeprefix("sqlite:///")).exists()


def _folder(name: str) -> Path | None:
    return Path(name) if name else None


def _readiness(settings: Settings, database: Database, definitions: Definitions, now: Clock) -> Readiness:
    adopt(
        database,
        definitions,
        base=settings.fhir_base,
        tenant=DEFAULT_TENANT,
        now=now,
        timeout_ms=settings.database_timeout_ms,
    )
    return Readiness(database, definitions, tenant=DEFAULT_TENANT, now=now)


def _warn_of_stale_index(core: Core) -> None:
    outdated = core.searching.readiness.outdated
    if outdated:
        logger().warning(
            "index_stale",
            message="searches by some parameters are refused until `fhir-server reindex` has finished",
            types=sorted(outdated),
            parameters=sum(len(names) for names in outdated.values()),
        )


def _cursor_key(settings: Settings, database: Database, now: Clock) -> bytes:
    if settings.cursor_key:
        return hashlib.sha256(settings.cursor_key.encode()).digest()
    return keys.shared_key(database, "cursor", now=now())
