"""The Prometheus metrics of the service (docs/watching.md lists them)."""

import os
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

from django.conf import settings
from prometheus_client import REGISTRY, CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.core import GaugeMetricFamily, InfoMetricFamily, Metric
from prometheus_client.multiprocess import MultiProcessCollector
from prometheus_client.registry import Collector

from ops.server.worker_metrics import FOLDER

# Each about twice the last, from a millisecond (a get takes two) to ten seconds.
BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10)

REQUESTS = Counter("goatfish_requests_total", "Requests by response status.", ["route", "method", "status"])
DURATION = Histogram(
    "goatfish_request_duration_seconds",
    "Time from a request's arrival to its response, or to the end of a stream.",
    ["route", "method"],
    buckets=BUCKETS,
)
DATABASE_SECONDS = Counter(
    "goatfish_database_seconds_total", "Time that requests waited for the database.", ["route", "method"]
)
DATABASE_QUERIES = Counter(
    "goatfish_database_queries_total", "Statements that requests sent to the database.", ["route", "method"]
)
IN_FLIGHT = Gauge(
    "goatfish_requests_in_flight", "Requests that are being served.", multiprocess_mode="livesum"
)
WORKERS = Gauge("goatfish_workers", "Worker processes.", multiprocess_mode="livesum")
WORKERS.set(1)


class Instance(Collector):
    """Metrics that are read when Prometheus asks; prometheus-client cannot share them between workers."""

    def __init__(self, *, ready: bool) -> None:
        self.ready = ready

    def collect(self) -> Iterable[Metric]:
        yield InfoMetricFamily("goatfish_build", "The running version.", value={"version": settings.VERSION})
        yield GaugeMetricFamily("goatfish_ready", "1 if /readyz succeeds, else 0.", value=int(self.ready))


class Workers(Collector):
    """The metrics of all workers, from their files."""

    def collect(self) -> Iterable[Metric]:
        # prometheus-client fails on a file that a worker is just creating, or was when it was killed.
        whole = []
        for file in Path(os.environ[FOLDER]).glob("*.db"):
            with suppress(FileNotFoundError):  # of a worker that has just ended
                whole += [str(file)] if file.stat().st_size else []
        yield from MultiProcessCollector.merge(whole)


def exposition(*, ready: bool) -> bytes:
    """Return all metrics in Prometheus's text format: of all workers under gunicorn, else of this process."""
    registry = REGISTRY
    if FOLDER in os.environ:  # set by ops/server/worker_metrics.py
        registry = CollectorRegistry()
        registry.register(Workers())
    return generate_latest(registry) + generate_latest(Instance(ready=ready))
