"""One log line and two metrics a request, without PHI: no path, no id of a resource, no query, no content."""

from dataclasses import dataclass

from fhir_server.telemetry import metrics, request_logger

_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})


@dataclass(frozen=True, slots=True)
class Observed:
    """What operators may see of a request."""

    request_id: str
    method: str
    interaction: str
    type_name: str
    status: int
    principal: str
    seconds: float


class Observer:
    """Writes the line and counts the request; made once for each process."""

    __slots__ = ("_line", "_metrics")

    def __init__(self) -> None:
        self._line = request_logger()
        self._metrics = metrics()

    def request(self, seen: Observed) -> None:
        """After the answer is ready."""
        self._metrics.observe_request(seen.interaction, seen.status, seen.seconds)
        self._line(
            request_id=seen.request_id,
            method=seen.method if seen.method in _METHODS else "other",
            interaction=seen.interaction,
            type=seen.type_name,
            status=seen.status,
            principal=seen.principal,
            ms=round(seen.seconds * 1000, 2),
        )
