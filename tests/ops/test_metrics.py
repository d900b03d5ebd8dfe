"""`/metrics` in one process; `tests/faults/test_metrics.py` tests several."""

from concurrent.futures import CancelledError
from typing import Any

from django.conf import settings
from django.core.signals import request_finished
from django.db import DatabaseError, close_old_connections, connection, connections
from django.db.backends.signals import connection_created
from django.http import HttpRequest, HttpResponse
from django.test import Client, RequestFactory, override_settings
from django.test.utils import CaptureQueriesContext
from prometheus_client import REGISTRY
from prometheus_client.parser import text_string_to_metric_families

from ops.metrics.middleware import MetricsMiddleware, time_statement, time_statements
from tests.base import VALID, ApiTestCase

TOKEN = "of-the-tests"
BEARER = {"Authorization": f"Bearer {TOKEN}"}
METRICS = "ops.metrics.middleware.MetricsMiddleware"
WITHOUT = [name for name in settings.MIDDLEWARE if name != METRICS]
PLACE = WITHOUT.index("ops.health.HealthMiddleware") + 1
LIST = {"route": "/api/simulations", "method": "GET"}
BULK = {"route": "/api/simulations/bulk", "method": "POST"}
EXPORT = {"route": "/api/simulations/export", "method": "GET"}


def broken(*args: object) -> None:
    raise DatabaseError


class CountingTestCase(ApiTestCase):
    """The counters of a process are never reset, so tests compare them with their values at the start."""

    def setUp(self) -> None:
        super().setUp()
        self.enterContext(
            override_settings(METRICS_TOKEN=TOKEN, MIDDLEWARE=[*WITHOUT[:PLACE], METRICS, *WITHOUT[PLACE:]])
        )
        time_statements(connection)  # it was opened before the middleware was installed
        self.addCleanup(connection.execute_wrappers.remove, time_statement)
        self.addCleanup(vars(connections["default"]).pop, "commit")
        self.addCleanup(connection_created.disconnect, dispatch_uid="metrics")
        self.before: dict[Any, float] = {}
        self.before = {key: self.added(*key) for key in self.samples()}

    def samples(self) -> list[tuple[str, frozenset[tuple[str, str]]]]:
        return [(s.name, frozenset(s.labels.items())) for m in REGISTRY.collect() for s in m.samples]

    def added(self, name: str, labels: Any = frozenset()) -> float:
        """Return by how much a value has grown since the start of the test."""
        key = name, frozenset(labels.items() if isinstance(labels, dict) else labels)
        return (REGISTRY.get_sample_value(name, dict(key[1])) or 0) - self.before.get(key, 0)

    def requests(self, **labels: str) -> float:
        return self.added("goatfish_requests_total", {**LIST, "status": "200", **labels})


class ShownTests(CountingTestCase):
    def shown(self, **options: Any) -> dict[str, float]:
        """Return the values that have no labels, after checking the format of all."""
        response = self.client.get("/metrics", headers=BEARER, **options)
        self.assertEqual(response.status_code, 200)
        self.assertTrue(response["Content-Type"].startswith("text/plain; version=0.0.4"))
        families = list(text_string_to_metric_families(response.content.decode()))
        self.assertEqual({f.name for f in families if not f.documentation}, set())
        return {s.name: s.value for family in families for s in family.samples if not s.labels}

    def test_it_is_an_unknown_path_without_the_token(self) -> None:
        unknown = self.client.get("/nowhere")
        sent = [
            "",
            TOKEN,
            "Bearer",
            "Bearer ",
            "Bearer wrong",
            f"Basic {TOKEN}",
            f"Bearer {TOKEN}x",
            "Bearer é",
        ]
        for authorization in sent:
            with self.subTest(authorization):
                response = self.client.get("/metrics", headers={"Authorization": authorization})
                self.assertEqual((response.status_code, response.content), (404, unknown.content))
                self.assertEqual(set(response.headers), set(unknown.headers))

    @override_settings(METRICS_TOKEN="", MIDDLEWARE=WITHOUT)
    def test_it_is_an_unknown_path_if_no_token_is_set(self) -> None:
        for authorization in ("", "Bearer", "Bearer ", f"Bearer {TOKEN}"):
            response = Client().get("/metrics", headers={"Authorization": authorization})
            self.assertEqual(response.status_code, 404)

    def test_it_ignores_the_host_header(self) -> None:
        response = Client(headers={"Host": "10.0.0.7", **BEARER}).get("/metrics")
        self.assertEqual((response.status_code, response["Cache-Control"]), (200, "no-store"))

    @override_settings(SECURE_SSL_REDIRECT=True)
    def test_it_is_served_on_plain_http(self) -> None:
        self.assertEqual(Client(headers=BEARER).get("/metrics").status_code, 200)

    def test_it_allows_only_get_and_head(self) -> None:
        self.assertEqual(self.client.post("/metrics", headers=BEARER).status_code, 405)

    def test_it_has_the_version_and_the_readiness(self) -> None:
        self.assertEqual(self.shown()["goatfish_ready"], 1)
        with connection.execute_wrapper(broken):
            self.assertEqual(self.shown()["goatfish_ready"], 0)
        version = f'goatfish_build_info{{version="{settings.VERSION}"}} 1.0'
        self.assertContains(self.client.get("/metrics", headers=BEARER), version)

    def test_probes_and_metrics_requests_are_not_counted(self) -> None:
        for path in ("/healthz", "/readyz", "/metrics"):
            self.client.get(path, headers=BEARER)
        added = {name for name, labels in self.samples() if self.added(name, labels)}
        self.assertEqual({name for name in added if name.startswith("goatfish_")}, set())


class RequestTests(CountingTestCase):
    def test_a_request_is_counted_by_route_method_and_status(self) -> None:
        for path, status in (("", 200), ("", 200), ("?limit=0", 422)):
            self.assertEqual(self.call("GET", f"/api/simulations{path}").status_code, status)
        self.assertEqual((self.requests(), self.requests(status="422")), (2, 1))
        self.assertEqual(self.added("goatfish_request_duration_seconds_count", LIST), 3)
        self.assertGreater(self.added("goatfish_request_duration_seconds_sum", LIST), 0)
        self.assertEqual(self.added("goatfish_requests_in_flight"), 0)

    def test_an_object_is_counted_by_its_route(self) -> None:
        for _ in range(2):
            self.call("HEAD", f"/api/simulations/{self.simulation().pk}")
        self.assertEqual(self.requests(route="/api/simulations/<id>", method="HEAD"), 2)

    def test_a_page_is_counted_by_its_route(self) -> None:
        for path in ("/", "/problems/not-found"):
            self.client.get(path)
        for route in ("/", "/problems/<slug:slug>"):
            self.assertEqual(self.requests(route=route), 1, route)

    def test_clients_cannot_add_labels(self) -> None:
        self.client.raise_request_exception = False
        before = len(self.samples())
        self.call("BREW", "/api/nope")
        first = len(self.samples()) - before
        for number in range(5):
            for path in ("/api/nope", "/nowhere", "/static/nope", "/metrics"):
                self.call(f"BREW{number}", f"{path}{number}")
        self.assertEqual(self.requests(route="unknown", method="other", status="404"), 21)
        self.assertEqual(len(self.samples()) - before, first)

    def test_refused_and_rate_limited_requests_are_counted_by_status(self) -> None:
        for _ in range(2):
            self.call("GET", "/api/me", key="gf_wrong")
        with override_settings(RATE_LIMIT=(1, 86400)):
            for _ in range(3):
                self.call("GET", "/api/me")
        counted = {status: self.requests(route="/api/me", status=status) for status in ("200", "401", "429")}
        self.assertEqual(counted, {"200": 1, "401": 2, "429": 2})

    def test_a_request_that_is_cancelled_is_no_longer_in_flight(self) -> None:
        def cancelled(request: HttpRequest) -> HttpResponse:
            raise CancelledError  # as a client does that hangs up on an ASGI server

        with self.assertRaises(CancelledError):
            MetricsMiddleware(cancelled)(RequestFactory().get("/"))
        self.assertEqual(self.added("goatfish_requests_in_flight"), 0)


class DatabaseTests(CountingTestCase):
    def queries(self, labels: dict[str, str]) -> float:
        return self.added("goatfish_database_queries_total", labels)

    def test_the_statements_of_a_request_are_counted_and_timed(self) -> None:
        self.call("GET", "/api/simulations")  # which records that the key is used
        first = self.queries(LIST)
        with CaptureQueriesContext(connection) as captured:
            self.call("GET", "/api/simulations")
            sent = len(captured)
        self.assertEqual(self.queries(LIST) - first, sent)
        for _ in range(3):  # without CaptureQueriesContext, by the cursor that is kept
            self.call("GET", "/api/simulations")
        self.assertEqual(self.queries(LIST) - first, sent * 4)
        self.assertGreater(self.added("goatfish_database_seconds_total", LIST), 0)

    def test_a_copy_is_one_statement(self) -> None:
        self.call("POST", "/api/simulations/bulk", {"items": [VALID]})
        statements: list[str] = []

        def note(execute: Any, sql: str, *arguments: Any) -> Any:
            statements.append(sql)
            return execute(sql, *arguments)

        before = self.queries(BULK)
        with connection.execute_wrapper(note):
            self.call("POST", "/api/simulations/bulk", {"items": [VALID] * 100})
        self.assertEqual(self.queries(BULK) - before, len(statements))
        # SQLite takes 999 values in a statement.
        way, times = ("COPY", 1) if connection.vendor == "postgresql" else ("INSERT INTO", 2)
        self.assertEqual(sum(sql.startswith(f'{way} "simulations_simulation"') for sql in statements), times)

    def test_a_stream_is_counted_at_its_end_with_its_queries(self) -> None:
        self.simulation()
        headers = {"X-API-Key": self.key}
        response: Any = self.client.get(EXPORT["route"], headers=headers)
        self.assertEqual((self.requests(**EXPORT), self.added("goatfish_requests_in_flight")), (0, 1))
        b"".join(response)
        self.assertEqual((self.requests(**EXPORT), self.added("goatfish_requests_in_flight")), (1, 0))
        # The key is looked up, its use is recorded, rows are selected, and fetched until there are no more.
        self.assertGreaterEqual(self.queries(EXPORT), 4)

    def test_a_stream_that_is_not_read_to_the_end_is_counted(self) -> None:
        request_finished.disconnect(
            close_old_connections
        )  # as the client does, because the test is in a transaction
        self.addCleanup(request_finished.connect, close_old_connections)
        self.client.get(EXPORT["route"], headers={"X-API-Key": self.key}).close()
        self.assertEqual((self.requests(**EXPORT), self.added("goatfish_requests_in_flight")), (1, 0))
