"""What is counted of the service, as Prometheus reads it (docs/watching.md has the list)."""

from collections.abc import Iterable
from typing import NamedTuple

from django.conf import settings
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest, values
from prometheus_client.metrics_core import GaugeMetricFamily, InfoMetricFamily, Metric
from prometheus_client.multiprocess import MultiProcessCollector
from prometheus_client.registry import Collector

from ops.metrics.processes import ProcessTree

# Doubling or so from a millisecond to ten seconds: what a get takes, and what nobody waits for.
BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10)

COUNTED = CollectorRegistry()

REQUESTS = Counter(
    "goatfish_requests_total", "Requests that were answered.", ["route", "method", "status"], registry=COUNTED
)
DURATION = Histogram(
    "goatfish_request_duration_seconds",
    "From a request's arrival to its answer, or to the end of a stream.",
    ["route", "method"],
    buckets=BUCKETS,
    registry=COUNTED,
)
DATABASE_SECONDS = Counter(
    "goatfish_database_seconds_total",
    "Time that requests waited for the database.",
    ["route", "method"],
    registry=COUNTED,
)
DATABASE_QUERIES = Counter(
    "goatfish_database_queries_total",
    "Statements that requests sent to the database.",
    ["route", "method"],
    registry=COUNTED,
)
KEYS_REFUSED = Counter("goatfish_keys_refused_total", "Requests without a valid key.", registry=COUNTED)
RATE_LIMITED = Counter(
    "goatfish_rate_limited_total", "Requests past a limit, by what was counted.", ["kind"], registry=COUNTED
)
IN_FLIGHT = Gauge(
    "goatfish_requests_in_flight",
    "Requests that are being answered.",
    multiprocess_mode="livesum",
    registry=COUNTED,
)
CONNECTIONS = Gauge(
    "goatfish_database_connections",
    "Open connections to the database.",
    multiprocess_mode="livesum",
    registry=COUNTED,
)

# A rate begins with a zero: a counter that appears with its first event hides that event.
LIMITS = {kind: RATE_LIMITED.labels(kind) for kind in ("key", "address", "sign-in")}


class Answered(NamedTuple):
    """The values that an answer of one route, method and status adds to."""

    requests: Counter
    duration: Histogram
    database_seconds: Counter
    database_queries: Counter

    @classmethod
    def labelled(cls, route: str, method: str, status: int) -> "Answered":
        """Look them up, or make them: that takes longer than all else here, and is kept by the caller."""
        return cls(
            REQUESTS.labels(route, method, status),
            DURATION.labels(route, method),
            DATABASE_SECONDS.labels(route, method),
            DATABASE_QUERIES.labels(route, method),
        )


class Instance(Collector):
    """What is not counted but looked at, when somebody asks."""

    def __init__(self, *, ready: bool) -> None:
        """Keep what the caller knows: whether requests can be served."""
        self.ready = ready

    def collect(self) -> Iterable[Metric]:
        """Return the version, and whether requests can be served."""
        yield InfoMetricFamily("goatfish_build", "What is running.", value={"version": settings.VERSION})
        yield GaugeMetricFamily("goatfish_ready", "What /readyz says: 1 or 0.", value=int(self.ready))


def exposition(*, ready: bool) -> bytes:
    """Return all series in Prometheus's text form: of all workers where there are several, else of this."""
    registry = COUNTED
    if values.ValueClass is not values.MutexValue:  # ops/server/worker_metrics.py has said so
        registry = CollectorRegistry()
        MultiProcessCollector(registry)
        registry.register(ProcessTree())
    return generate_latest(registry) + generate_latest(Instance(ready=ready))
