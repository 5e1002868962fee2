"""Audit records that can be told apart."""

from pathlib import Path
from typing import Any

from fhir_server.audit.record import AuditRecord, parse


def record(number: int, **changes: Any) -> AuditRecord:
    """The record of one read, with its number as request id."""
    values: dict[str, Any] = {
        "recorded": 1_795_305_600_000_000 + number,
        "interaction": "read",
        "status": 200,
        "request_id": str(number),
        "principal": "token:clinic",
        "type_name": "Patient",
        "resource_id": f"patient-{number}",
    }
    return AuditRecord(**{**values, **changes})


def numbers_in(path: Path) -> list[int]:
    """The numbers of the whole records in a journal file; raises ValueError when one is damaged."""
    text = path.read_bytes()
    return [int(parse(line).request_id) for line in text[: text.rfind(b"\n") + 1].splitlines()]


def numbers_in_folder(folder: Path) -> list[list[int]]:
    """The same of all files, in the order of their names."""
    return [numbers_in(path) for path in sorted(folder.glob("*.ndjson"))]
