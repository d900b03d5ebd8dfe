"""The middleware that counts requests and serves `/metrics`; installed only if METRICS_TOKEN is set."""

from collections.abc import Callable
from contextvars import ContextVar
from dataclasses import dataclass
from functools import partial
from hmac import compare_digest
from time import perf_counter
from typing import Any

from django.conf import settings
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.backends.signals import connection_created
from django.http import FileResponse, HttpRequest, HttpResponse, HttpResponseNotAllowed
from django.http.response import HttpResponseBase
from prometheus_client import CONTENT_TYPE_PLAIN_0_0_4

from ops.health import Readiness
from ops.metrics.series import DATABASE_QUERIES, DATABASE_SECONDS, DURATION, IN_FLIGHT, REQUESTS, exposition
from ops.wrappers import watched

METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})


@dataclass
class Tally:
    """The database use of one request."""

    seconds: float = 0.0
    queries: int = 0


current_tally: ContextVar[Tally] = ContextVar("tally")


class MetricsMiddleware:
    """Counts each request, and serves the counts to callers with the token."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response
        self.readiness = Readiness()
        connection_created.connect(time_statements, dispatch_uid="metrics")

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        if request.path_info == "/metrics" and has_token(request):
            return self.show(request)
        started, tally = perf_counter(), Tally()
        current_tally.set(tally)
        IN_FLIGHT.inc()
        try:
            response = self.get_response(request)
        except BaseException:  # an ASGI server cancels the requests of clients that hang up
            IN_FLIGHT.dec()
            raise
        done = partial(count, request, response, started, tally)
        if response.streaming and not isinstance(response, FileResponse):
            response.close = partial(close_and_count, response.close, done)  # type: ignore[method-assign]
        else:
            done()
        return response

    def show(self, request: HttpRequest) -> HttpResponse:
        """Return the metrics. This request is not counted."""
        if request.method not in ("GET", "HEAD"):
            return HttpResponseNotAllowed(["GET", "HEAD"])
        body = exposition(ready=self.readiness.fault() is None)
        headers = {"Cache-Control": "no-store", "Content-Length": str(len(body))}
        return HttpResponse(body, content_type=CONTENT_TYPE_PLAIN_0_0_4, headers=headers)


def has_token(request: HttpRequest) -> bool:
    """Return whether a request carries METRICS_TOKEN, in a time that reveals nothing about it."""
    scheme, _, token = request.META.get("HTTP_AUTHORIZATION", "").partition(" ")
    return scheme.lower() == "bearer" and compare_digest(token.encode(), settings.METRICS_TOKEN.encode())


def count(request: HttpRequest, response: HttpResponseBase, started: float, tally: Tally) -> None:
    """Count a request, its duration and its database use."""
    labels = route_of(request, response), request.method if request.method in METHODS else "other"
    REQUESTS.labels(*labels, response.status_code).inc()
    DURATION.labels(*labels).observe(perf_counter() - started)
    DATABASE_SECONDS.labels(*labels).inc(tally.seconds)
    DATABASE_QUERIES.labels(*labels).inc(tally.queries)
    IN_FLIGHT.dec()


def close_and_count(close: Callable[[], None], done: Callable[[], None]) -> None:
    """Close a stream, which the server does at its end or when the client hangs up, and count it."""
    close()
    done()


def route_of(request: HttpRequest, response: HttpResponseBase) -> str:
    """Return the URL pattern of a request: unlike the path, no client can add new ones."""
    if request.resolver_match is not None:
        return f"/{request.resolver_match.route}"
    static = request.path_info.startswith(settings.STATIC_URL) and response.status_code < 400
    return settings.STATIC_URL if static else "unknown"


def time_statements(connection: BaseDatabaseWrapper, **kwargs: Any) -> None:
    """Time the statements of a new connection."""
    if time_statement not in connection.execute_wrappers:  # a connection that is opened again has it
        connection.execute_wrappers.append(time_statement)
        # Django executes no statement for it, and a write waits for the disk here.
        connection.commit = partial(watched, connection, "COMMIT", connection.commit)  # type: ignore[method-assign]


def time_statement(execute: Callable[..., Any], *arguments: Any) -> Any:
    """Execute a statement and add its time to the request's; a nested statement's time counts once."""
    tally = current_tally.get(None)
    if tally is None:
        return execute(*arguments)
    before, started = tally.seconds, perf_counter()
    try:
        return execute(*arguments)
    finally:
        tally.seconds = before + perf_counter() - started
        tally.queries += 1
