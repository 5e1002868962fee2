"""One log line and two metrics a request, without PHI: no path, no id of a resource, no query, no content."""

import traceback
from dataclasses import dataclass

from fhir_server.telemetry import logger, metrics, request_logger


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
            method=seen.method[:10],
            interaction=seen.interaction,
            type=seen.type_name,
            status=seen.status,
            principal=seen.principal,
            ms=round(seen.seconds * 1000, 2),
        )

    @staticmethod
    def fault(request_id: str, error: Exception) -> None:
        """A fault of ours: where it happened, not what was in it."""
        frames = traceback.extract_tb(error.__traceback__)[-8:]
        where = [f"{frame.filename.rpartition('/')[2]}:{frame.lineno} {frame.name}" for frame in frames]
        logger().error("internal_error", request_id=request_id, error=type(error).__name__, where=where)
