"""Settings: every knob of the server, with its type, unit, default and meaning, in one frozen value.

A value comes from (first wins) the command line, the environment (`FHIR_SERVER_<NAME>`), the TOML file named by
`FHIR_SERVER_CONFIG`, the default. No other module reads the environment.
"""

import ipaddress
import os
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

PREFIX = "FHIR_SERVER_"
_LAST_PORT = 65_535
_MAY_BE_ZERO = frozenset({"max_includes", "total_cap", "token_cache_ms", "drain_seconds"})

Network = ipaddress.IPv4Network | ipaddress.IPv6Network


class SettingsError(ValueError):
    """A setting that is unknown, or whose value does not fit; the message names it and the mend."""


def _setting(default: Any, meaning: str, *, unit: str = "", choices: tuple[str, ...] = (), secret: bool = False) -> Any:
    return field(default=default, metadata={"meaning": meaning, "unit": unit, "choices": choices, "secret": secret})


@dataclass(frozen=True, slots=True)
class Settings:
    """All settings. `fhir-server settings` lists them; docs/settings.md is generated from here."""

    bind: str = _setting("127.0.0.1:8080", "Address and port to listen on.", unit="HOST:PORT")
    base_url: str = _setting("", "Public root of the server, without /fhir; empty: derived from bind.", unit="URL")
    database: str = _setting("sqlite:///fhir-server.db", "sqlite:///FILE or postgresql://USER@HOST/NAME.", unit="URL")
    access: str = _setting(
        "token", "Who may come in: bearer tokens, or anyone (loopback only).", choices=("token", "open")
    )
    workers: int = _setting(2, "Worker processes.", unit="processes")
    blocking_threads: int = _setting(2, "Threads that run requests, per worker process.", unit="threads")
    worker_process: bool = _setting(True, "Start one background worker beside the server.")
    profiles_folder: str = _setting("", "Folder of definitions; empty: the ones shipped.", unit="path")
    terminology_folder: str = _setting("", "Folder of terminology; empty: the one shipped.", unit="path")
    trusted_proxies: str = _setting("", "Proxies believed about who asks for /metrics.", unit="CIDR, comma separated")
    update_as_create: bool = _setting(True, "A PUT to an id that does not exist creates it.")
    reference_integrity: bool = _setting(False, "Refuse references to resources of this server that do not exist.")
    second_opinion: bool = _setting(False, "Also check single writes with the fhir.resources models.")
    max_issues: int = _setting(100, "Problems reported for one body before the rest are only counted.", unit="issues")
    max_body_bytes: int = _setting(10_000_000, "Largest request body, also after unpacking.", unit="bytes")
    max_depth: int = _setting(64, "Deepest nesting of a request body.", unit="levels")
    max_entries: int = _setting(2_000, "Most entries in a batch or transaction.", unit="entries")
    page_size: int = _setting(100, "Entries of a page when _count is absent.", unit="entries")
    max_page_size: int = _setting(1_000, "Largest page.", unit="entries")
    max_includes: int = _setting(5_000, "Most resources included in one page.", unit="entries")
    max_chain_links: int = _setting(4, "Most links of one chained search parameter.", unit="links")
    unknown_parameters: str = _setting("refuse", "Search parameters nobody knows.", choices=("refuse", "ignore"))
    total_cap: int = _setting(1_000, "How far _total=estimate counts.", unit="entries")
    database_timeout_ms: int = _setting(10_000, "Database time of one request, retries included.", unit="ms")
    search_timeout_ms: int = _setting(
        5_000, "Database time of one search, all its statements together; no other read takes longer.", unit="ms"
    )
    cursor_key: str = _setting(
        "", "Key that signs page links; all workers share it. Empty: kept in the database.", secret=True
    )
    audit_sink: str = _setting("journal", "Where records of reads go first.", choices=("journal", "database"))
    journal_folder: str = _setting(
        "", "Folder of the audit journals; empty: DATABASE-journals, or ./fhir-server-journals.", unit="path"
    )
    journal_sync: str = _setting("interval", "When a journal line reaches the disk.", choices=("interval", "always"))
    journal_sync_ms: int = _setting(200, "How often a journal is synced.", unit="ms")
    journal_max_bytes: int = _setting(
        16_000_000, "Size after which a journal is closed and a new one begun.", unit="bytes"
    )
    worker_interval_ms: int = _setting(1_000, "How often the background worker looks for work.", unit="ms")
    token_cache_ms: int = _setting(1_000, "How long a checked token is not looked up again.", unit="ms")
    metrics_token: str = _setting("", "Bearer token for /metrics from elsewhere than loopback.", secret=True)
    drain_seconds: int = _setting(20, "How long running requests may take after SIGTERM.", unit="s")
    log_level: str = _setting("info", "Least level that is logged.", choices=("debug", "info", "warning", "error"))

    @property
    def root_url(self) -> str:
        """The public root, without a slash at its end."""
        return (self.base_url or f"http://{self.bind}").rstrip("/")

    @property
    def fhir_base(self) -> str:
        """The FHIR base that every link starts with."""
        return f"{self.root_url}/fhir"

    @property
    def is_loopback(self) -> bool:
        """Whether only this machine can reach the server."""
        host = self.bind.rpartition(":")[0].strip("[]")
        if host == "localhost":
            return True
        try:
            return ipaddress.ip_address(host).is_loopback
        except ValueError:
            return False

    @property
    def journals(self) -> Path:
        """The folder of the audit journals."""
        if self.journal_folder:
            return Path(self.journal_folder)
        if self.database.startswith("sqlite:///"):
            return Path(self.database.removeprefix("sqlite:///") + "-journals")
        return Path("fhir-server-journals")


def load(overrides: Mapping[str, Any] | None = None, environment: Mapping[str, str] | None = None) -> Settings:
    """Settings from command line values, the environment and the TOML file; raises SettingsError."""
    environment = os.environ if environment is None else environment
    raw: dict[str, Any] = _from_file(environment.get(PREFIX + "CONFIG", ""))
    names = {f.name for f in fields(Settings)}
    for key, value in environment.items():
        name = key.removeprefix(PREFIX).lower()
        if key.startswith(PREFIX) and name != "config":
            raw[name] = value
    raw.update({k: v for k, v in (overrides or {}).items() if v is not None})
    unknown = sorted(set(raw) - names)
    if unknown:
        raise SettingsError(f"unknown setting {unknown[0]!r}; `fhir-server settings` lists all")
    settings = Settings(**{f.name: _converted(f, raw[f.name]) for f in fields(Settings) if f.name in raw})
    _check(settings)
    return settings


def proxy_networks(text: str) -> tuple[Network, ...]:
    """The networks of a comma separated list; raises ValueError for what is none."""
    return tuple(ipaddress.ip_network(part.strip(), strict=False) for part in text.split(",") if part.strip())


def as_environment(settings: Settings) -> dict[str, str]:
    """The settings as environment variables, for worker processes."""
    return {PREFIX + f.name.upper(): str(getattr(settings, f.name)) for f in fields(Settings)}


def _from_file(path: str) -> dict[str, Any]:
    if not path:
        return {}
    try:
        return tomllib.loads(Path(path).read_text(encoding="utf-8"))
    except (OSError, tomllib.TOMLDecodeError) as error:
        raise SettingsError(f"settings file {path}: {error}") from error


def _converted(declared: Any, value: Any) -> Any:
    kind = type(declared.default)
    choices = declared.metadata["choices"]
    try:
        if kind is bool and isinstance(value, str):
            result: Any = {"true": True, "1": True, "yes": True, "false": False, "0": False, "no": False}[value.lower()]
        else:
            result = kind(value)
    except (KeyError, ValueError, TypeError) as error:
        raise SettingsError(
            f"setting {declared.name}: expected {kind.__name__}, {declared.metadata['unit']}"
        ) from error
    if choices and result not in choices:
        raise SettingsError(f"setting {declared.name}: expected one of {', '.join(choices)}")
    return result


def _check(settings: Settings) -> None:
    host, _, port = settings.bind.rpartition(":")
    if not host or not (port.isdecimal() and port.isascii()) or int(port) > _LAST_PORT:
        raise SettingsError("setting bind: expected HOST:PORT")
    if settings.base_url and not settings.base_url.startswith(("http://", "https://")):
        raise SettingsError("setting base_url: expected https://... or http://...")
    if settings.access == "open" and not settings.is_loopback:
        raise SettingsError("setting access: open is allowed on a loopback address only; use token")
    if not settings.database.startswith(("sqlite:///", "postgresql://", "postgresql+psycopg://")):
        raise SettingsError("setting database: expected sqlite:///FILE or postgresql://...")
    if settings.database in {"sqlite:///", "sqlite:///:memory:"}:
        raise SettingsError("setting database: expected a file, which the processes of a server share")
    try:
        proxy_networks(settings.trusted_proxies)
    except ValueError as error:
        raise SettingsError("setting trusted_proxies: expected addresses or networks, such as 10.0.0.0/8") from error
    for declared in fields(Settings):
        least = 0 if declared.name in _MAY_BE_ZERO else 1
        if type(declared.default) is int and getattr(settings, declared.name) < least:
            raise SettingsError(f"setting {declared.name}: expected at least {least}")
