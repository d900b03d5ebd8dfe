"""`/metrics`, and the middleware that counts what it shows; not installed where METRICS_TOKEN is not set."""

from collections.abc import Callable, Iterator
from functools import partial
from threading import local
from time import perf_counter
from typing import Any, cast

from django.conf import settings
from django.core.signals import request_finished
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.backends.signals import connection_created
from django.http import FileResponse, HttpRequest, HttpResponse, HttpResponseNotAllowed, StreamingHttpResponse
from django.http.response import HttpResponseBase
from django.utils.crypto import constant_time_compare
from prometheus_client import CONTENT_TYPE_PLAIN_0_0_4

from ops.health import Readiness
from ops.metrics.series import CONNECTIONS, IN_FLIGHT, KEYS_REFUSED, LIMITS, Answered, exposition
from ops.paths import is_api
from ops.wrappers import watched

METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})


class Tally(local):
    """What this thread has asked of the database for the request that it answers, and what it holds open."""

    def __init__(self) -> None:
        """Begin, once in each thread."""
        self.seconds, self.queries, self.open = 0.0, 0, 0
        self.connections: list[BaseDatabaseWrapper] = []  # its own, open or not; Django's look-up takes 5 µs


tally = Tally()


class MetricsMiddleware:
    """Counts each answer, and shows the counts to those who know the token."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response
        self.readiness = Readiness()
        # One entry a route, method and status, and no client can add to those.
        self.kept: dict[tuple[str, str, int], Answered] = {}
        connection_created.connect(time_statements, dispatch_uid="metrics")
        request_finished.connect(count_connections, dispatch_uid="metrics")

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        if request.path_info == "/metrics" and knows_the_token(request):
            return self.show(request)
        started, tally.seconds, tally.queries = perf_counter(), 0.0, 0
        IN_FLIGHT.inc()
        response = self.get_response(request)
        done = partial(self.count, request, response, started)
        if isinstance(response, StreamingHttpResponse) and not isinstance(response, FileResponse):
            response.streaming_content = Parts(cast(Iterator[bytes], response.streaming_content), done)
        else:
            done()
        return response

    def count(self, request: HttpRequest, response: HttpResponseBase, started: float) -> None:
        """Add an answer to the counts, and what it took."""
        method = request.method if request.method in METHODS else "other"
        labels = route_of(request, response), str(method), response.status_code
        answered = self.kept.get(labels)
        if answered is None:
            answered = self.kept[labels] = Answered.labelled(*labels)
        answered.requests.inc()
        answered.duration.observe(perf_counter() - started)
        answered.database_seconds.inc(tally.seconds)
        answered.database_queries.inc(tally.queries)
        IN_FLIGHT.dec()
        if response.status_code == 401:
            KEYS_REFUSED.inc()
        elif response.status_code == 429:
            LIMITS[limit_of(request)].inc()

    def show(self, request: HttpRequest) -> HttpResponse:
        """Answer with the counts. The answer itself is not one of them."""
        if request.method not in ("GET", "HEAD"):
            return HttpResponseNotAllowed(["GET", "HEAD"])
        body = exposition(ready=self.readiness.fault() is None)
        headers = {"Cache-Control": "no-store", "Content-Length": str(len(body))}
        return HttpResponse(body, content_type=CONTENT_TYPE_PLAIN_0_0_4, headers=headers)


class Parts:
    """The parts of a streamed answer; the server closes it once they are sent, or nobody reads on."""

    def __init__(self, parts: Iterator[bytes], done: Callable[[], None]) -> None:
        """Keep what is called at the end."""
        self.parts, self.close = parts, done

    def __iter__(self) -> Iterator[bytes]:
        return self.parts


def knows_the_token(request: HttpRequest) -> bool:
    """Tell whether a request carries METRICS_TOKEN; how long that takes tells nothing of it."""
    scheme, _, token = request.META.get("HTTP_AUTHORIZATION", "").partition(" ")
    return scheme.lower() == "bearer" and constant_time_compare(token, settings.METRICS_TOKEN)


def route_of(request: HttpRequest, response: HttpResponseBase) -> str:
    """Return the route that answered: one of a few, where paths are as many as clients like."""
    if request.resolver_match is not None:
        return f"/{request.resolver_match.route}"
    static = request.path_info.startswith(settings.STATIC_URL) and response.status_code < 400
    return settings.STATIC_URL if static else "unknown"


def limit_of(request: HttpRequest) -> str:
    """Return the kind of limit that a refused request met."""
    if getattr(request, "auth", None) is not None:
        return "key"
    return "address" if is_api(request.path_info) else "sign-in"


def time_statements(connection: BaseDatabaseWrapper, **kwargs: Any) -> None:
    """Have a new connection add to its thread's tally, and count it there."""
    if time_statement in connection.execute_wrappers:  # it is made anew, after a failure
        return
    tally.connections.append(connection)
    connection.execute_wrappers.append(time_statement)
    # No statement of Django's, and where a write waits for the disk.
    connection.commit = partial(watched, connection, "COMMIT", connection.commit)  # type: ignore[method-assign]


def time_statement(execute: Callable[..., Any], *arguments: Any) -> Any:
    """Execute a statement, and note how long that took; what it executes in turn is a part of that."""
    before, started = tally.seconds, perf_counter()
    try:
        return execute(*arguments)
    finally:
        tally.seconds = before + perf_counter() - started
        tally.queries += 1


def count_connections(**kwargs: Any) -> None:
    """Note what the request has opened or closed; Django has by now closed what failed."""
    now = sum(connection.connection is not None for connection in tally.connections)
    if now != tally.open:
        CONNECTIONS.inc(now - tally.open)
        tally.open = now
