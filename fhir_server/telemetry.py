"""What operators watch: one JSON line an event on standard error, and Prometheus metrics.

https://prometheus.io/docs/instrumenting/exposition_formats/  Neither carries PHI: no bodies, no ids, no query values.
The libraries are imported at first use, so that a command that watches nothing starts quickly; worker processes share
their metrics through the folder that PROMETHEUS_MULTIPROC_DIR names, which `serve` prepares.
"""

import contextlib
import functools
import logging
import os
import time
import traceback
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import msgspec

if TYPE_CHECKING:
    from prometheus_client import Counter, Gauge, Histogram
    from structlog.typing import FilteringBoundLogger

STANDARD_ERROR = 2
BUCKETS_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
STATUS_CLASSES = ("0xx", "1xx", "2xx", "3xx", "4xx", "5xx")

_encode = msgspec.json.Encoder(enc_hook=str).encode


def configure_logging(level: str) -> None:
    """Send our lines and those of every library to standard error; `level` is debug, info, warning or error."""
    import structlog

    least = getattr(logging, level.upper())
    structlog.configure(
        processors=[structlog.processors.add_log_level, _timed, _line],
        wrapper_class=structlog.make_filtering_bound_logger(least),
        logger_factory=_Lines,
        cache_logger_on_first_use=False,
    )
    root = logging.getLogger()
    root.handlers = [_FromLibraries()]
    root.setLevel(max(least, logging.INFO))


def logger() -> "FilteringBoundLogger":
    """The logger of whoever has something to say: `logger().warning("journal_torn", journal=name)`."""
    import structlog

    made: FilteringBoundLogger = structlog.get_logger()
    return made


def request_logger() -> Callable[..., None]:
    """A function that writes the line of one request, from its fields; keep it, and call it once a request."""
    write: Callable[..., None] = functools.partial(logger().bind().info, "request")
    return write


def log_fault(request_id: str, error: Exception) -> None:
    """A fault of ours: where it happened, not what was in it."""
    frames = traceback.extract_tb(error.__traceback__)[-8:]
    where = [f"{frame.filename.rpartition('/')[2]}:{frame.lineno} {frame.name}" for frame in frames]
    logger().error("internal_error", request_id=request_id, error=type(error).__name__, where=where)


@dataclass(frozen=True, slots=True)
class Metrics:
    """The metrics, with the label children that were used before."""

    requests: "Counter"
    request_seconds: "Histogram"
    database_retries: "Counter"
    journal_lag_bytes: "Gauge"
    outbox_rows: "Gauge"
    children: dict[tuple[str, int], tuple[Callable[[], None], Callable[[float], None]]] = field(default_factory=dict)

    def observe_request(self, interaction: str, status: int, seconds: float) -> None:
        """Count one answered request."""
        key = (interaction, status // 100)
        known = self.children.get(key)
        if known is None:
            counter = self.requests.labels(interaction, STATUS_CLASSES[status // 100])
            known = (counter.inc, self.request_seconds.labels(interaction).observe)
            self.children[key] = known
        known[0]()
        known[1](seconds)


@functools.cache
def metrics() -> Metrics:
    """The metrics of this process."""
    from prometheus_client import Counter, Gauge, Histogram

    return Metrics(
        requests=Counter("fhir_requests", "Requests answered.", ["interaction", "status"]),
        request_seconds=Histogram(
            "fhir_request_seconds", "Time to answer a request.", ["interaction"], buckets=BUCKETS_SECONDS
        ),
        database_retries=Counter(
            "fhir_database_retries", "Units of work run again after a deadlock or a busy database."
        ),
        journal_lag_bytes=Gauge(
            "fhir_audit_journal_lag_bytes",
            "Audit records in journals that are not in the database yet.",
            multiprocess_mode="mostrecent",
        ),
        outbox_rows=Gauge("fhir_outbox_rows", "Rows in the outbox.", multiprocess_mode="mostrecent"),
    )


def render_metrics() -> bytes:
    """All metrics as Prometheus reads them: of all worker processes where they share a folder, else of this one."""
    from prometheus_client import REGISTRY, CollectorRegistry, generate_latest, multiprocess

    metrics()
    shared = CollectorRegistry()
    try:
        multiprocess.MultiProcessCollector(shared)  # type: ignore[no-untyped-call]
    except ValueError:
        return generate_latest(REGISTRY)
    return generate_latest(shared)


class _Lines:
    """The end of structlog's chain: writes to the file descriptor, which outlives every replaced sys.stderr."""

    def __init__(self, *_: Any) -> None: ...

    def msg(self, line: bytes) -> None:
        # A log that cannot be written (a closed pipe) must not fail what it tells about.
        with contextlib.suppress(OSError):
            os.write(STANDARD_ERROR, line)

    debug = info = warning = error = critical = msg


class _FromLibraries(logging.Handler):
    """Lines of libraries, in our form; no traceback's values, only where it happened."""

    def emit(self, record: logging.LogRecord) -> None:
        event = {"event": record.name, "message": record.getMessage(), "level": record.levelname.lower()}
        if record.exc_info and record.exc_info[0] is not None:
            event["exception"] = record.exc_info[0].__name__
        _Lines().msg(_line(None, "", _timed(None, "", event)))


def _timed(_: Any, __: str, event: Any) -> Any:
    seconds = time.time()
    stamp = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(seconds))
    event["time"] = f"{stamp}.{int(seconds % 1 * 1000):03d}Z"
    return event


def _line(_: Any, __: str, event: Mapping[str, Any]) -> bytes:
    return _encode(event) + b"\n"
