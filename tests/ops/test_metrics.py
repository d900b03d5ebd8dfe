"""What `/metrics` shows, to whom, and what one process counts; `tests/faults/test_metrics.py` has several."""

from typing import Any

from django.conf import settings
from django.core.signals import request_finished
from django.db import DatabaseError, close_old_connections, connection, connections
from django.db.backends.signals import connection_created
from django.test import Client, override_settings
from django.test.utils import CaptureQueriesContext
from prometheus_client.parser import text_string_to_metric_families

from ops.metrics.middleware import count_connections, tally, time_statement, time_statements
from ops.metrics.processes import ProcessTree
from ops.metrics.series import COUNTED
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
    """Counts, as one process does. The counters of a process are never reset: tests look at differences."""

    def setUp(self) -> None:
        super().setUp()
        self.enterContext(
            override_settings(METRICS_TOKEN=TOKEN, MIDDLEWARE=[*WITHOUT[:PLACE], METRICS, *WITHOUT[PLACE:]])
        )
        default = connections["default"]
        time_statements(default)  # it was there before the middleware was
        self.addCleanup(default.execute_wrappers.remove, time_statement)
        self.addCleanup(vars(default).pop, "commit")
        self.addCleanup(self.forget_connections)
        self.addCleanup(connection_created.disconnect, dispatch_uid="metrics")
        self.addCleanup(request_finished.disconnect, dispatch_uid="metrics")
        count_connections()
        self.before: dict[Any, float] = {}
        self.before = {key: self.added(*key) for key in self.samples()}

    def forget_connections(self) -> None:
        tally.connections.clear()
        count_connections()

    def samples(self) -> list[tuple[str, frozenset[tuple[str, str]]]]:
        return [(s.name, frozenset(s.labels.items())) for m in COUNTED.collect() for s in m.samples]

    def added(self, name: str, labels: Any = frozenset()) -> float:
        """Return what a test has added to a value."""
        key = name, frozenset(labels.items() if isinstance(labels, dict) else labels)
        return (COUNTED.get_sample_value(name, dict(key[1])) or 0) - self.before.get(key, 0)

    def requests(self, **labels: str) -> float:
        return self.added("goatfish_requests_total", {**LIST, "status": "200", **labels})


class ShownTests(CountingTestCase):
    def shown(self, **options: Any) -> dict[str, float]:
        """Return the values without labels that are shown, and check the form of all."""
        response = self.client.get("/metrics", headers=BEARER, **options)
        self.assertEqual(response.status_code, 200)
        self.assertTrue(response["Content-Type"].startswith("text/plain; version=0.0.4"))
        families = list(text_string_to_metric_families(response.content.decode()))
        self.assertEqual({f.name for f in families if not f.documentation}, set())
        return {s.name: s.value for family in families for s in family.samples if not s.labels}

    def test_without_the_token_it_is_an_unknown_path(self) -> None:
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
    def test_where_no_token_is_set_it_is_an_unknown_path(self) -> None:
        for authorization in ("", "Bearer", "Bearer ", f"Bearer {TOKEN}"):
            response = Client().get("/metrics", headers={"Authorization": authorization})
            self.assertEqual(response.status_code, 404)

    def test_it_is_shown_whatever_the_host(self) -> None:
        response = Client(headers={"Host": "10.0.0.7", **BEARER}).get("/metrics")
        self.assertEqual((response.status_code, response["Cache-Control"]), (200, "no-store"))

    @override_settings(SECURE_SSL_REDIRECT=True)
    def test_it_is_shown_to_a_plain_request_from_within(self) -> None:
        self.assertEqual(Client(headers=BEARER).get("/metrics").status_code, 200)

    def test_it_takes_no_other_method(self) -> None:
        self.assertEqual(self.client.post("/metrics", headers=BEARER).status_code, 405)

    def test_it_tells_the_version_and_whether_requests_can_be_served(self) -> None:
        self.assertEqual(self.shown()["goatfish_ready"], 1)
        with connection.execute_wrapper(broken):
            self.assertEqual(self.shown()["goatfish_ready"], 0)
        version = f'goatfish_build_info{{version="{settings.VERSION}"}} 1.0'
        self.assertContains(self.client.get("/metrics", headers=BEARER), version)

    def test_what_has_not_happened_is_zero_and_not_missing(self) -> None:
        shown = self.client.get("/metrics", headers=BEARER).content.decode()
        self.assertIn("goatfish_keys_refused_total ", shown)
        for kind in ("key", "address", "sign-in"):
            self.assertIn(f'goatfish_rate_limited_total{{kind="{kind}"}} ', shown)

    def test_probes_and_itself_are_not_counted(self) -> None:
        for path in ("/healthz", "/readyz", "/metrics"):
            self.client.get(path, headers=BEARER)
        names = {name for name, labels in self.samples() if self.added(name, labels)}
        self.assertEqual(names, set())


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

    def test_no_client_can_make_labels(self) -> None:
        self.client.raise_request_exception = False
        before = len(self.samples())
        self.call("BREW", "/api/nope")
        first = len(self.samples()) - before
        for number in range(5):
            for path in ("/api/nope", "/nowhere", "/static/nope", "/metrics"):
                self.call(f"BREW{number}", f"{path}{number}")
        self.assertEqual(self.requests(route="unknown", method="other", status="404"), 21)
        self.assertEqual(len(self.samples()) - before, first)

    def test_a_refused_key_is_counted(self) -> None:
        for key in (None, "gf_wrong"):
            self.call("GET", "/api/me", key=key)
        self.assertEqual(self.added("goatfish_keys_refused_total"), 2)

    @override_settings(RATE_LIMIT=(1, 86400), RATE_LIMIT_ANONYMOUS=(1, 86400))
    def test_what_is_past_a_limit_is_counted_by_kind(self) -> None:
        for key, count in (("", 3), (None, 4)):
            statuses = [self.call("GET", "/api/me", key=key).status_code for _ in range(count)]
            self.assertEqual(statuses[1:], [429] * (count - 1))
        self.assertEqual(self.limited("key"), 2)
        self.assertEqual(self.limited("address"), 3)
        self.assertEqual(self.added("goatfish_keys_refused_total"), 1)

    @override_settings(PASSWORD_HASHERS=["django.contrib.auth.hashers.MD5PasswordHasher"])  # quick
    def test_a_locked_name_is_counted(self) -> None:
        for _ in range(6):
            self.client.post("/accounts/login/", {"username": "alice", "password": "wrong"})
        self.assertEqual(self.limited("sign-in"), 2)  # the fifth failure locks

    def limited(self, kind: str) -> float:
        return self.added("goatfish_rate_limited_total", {"kind": kind})


class DatabaseTests(CountingTestCase):
    def queries(self, labels: dict[str, str]) -> float:
        return self.added("goatfish_database_queries_total", labels)

    def test_the_statements_of_a_request_are_counted_and_timed(self) -> None:
        self.call("GET", "/api/simulations")  # which notes the key's use
        first = self.queries(LIST)
        with CaptureQueriesContext(connection) as captured:
            self.call("GET", "/api/simulations")
            sent = len(captured)
        self.assertEqual(self.queries(LIST) - first, sent)
        for _ in range(3):  # by the kept cursor, which one that is logged is not
            self.call("GET", "/api/simulations")
        self.assertEqual(self.queries(LIST) - first, sent * 4)
        self.assertGreater(self.added("goatfish_database_seconds_total", LIST), 0)

    def test_a_copy_is_one(self) -> None:
        self.call("POST", "/api/simulations/bulk", {"items": [VALID]})
        statements: list[str] = []

        def note(execute: Any, sql: str, *arguments: Any) -> Any:
            statements.append(sql)
            return execute(sql, *arguments)

        before = self.queries(BULK)
        with connection.execute_wrapper(note):
            self.call("POST", "/api/simulations/bulk", {"items": [VALID] * 100})
        self.assertEqual(self.queries(BULK) - before, len(statements))
        way = "COPY" if connection.vendor == "postgresql" else "INSERT INTO"
        self.assertEqual(sum(sql.startswith(f'{way} "simulations_simulation"') for sql in statements), 1)

    def test_a_stream_is_counted_at_its_end_with_what_it_read(self) -> None:
        self.simulation()
        headers = {"X-API-Key": self.key}
        response: Any = self.client.get(EXPORT["route"], headers=headers)
        self.assertEqual((self.requests(**EXPORT), self.added("goatfish_requests_in_flight")), (0, 1))
        b"".join(response)
        self.assertEqual((self.requests(**EXPORT), self.added("goatfish_requests_in_flight")), (1, 0))
        # The key is looked up, its use is noted, rows are selected, and fetched until there are no more.
        self.assertGreaterEqual(self.queries(EXPORT), 4)

    def test_a_stream_that_nobody_reads_on_is_counted(self) -> None:
        request_finished.disconnect(close_old_connections)  # as the client does, in whose transaction this is
        self.addCleanup(request_finished.connect, close_old_connections)
        self.client.get(EXPORT["route"], headers={"X-API-Key": self.key}).close()
        self.assertEqual((self.requests(**EXPORT), self.added("goatfish_requests_in_flight")), (1, 0))

    def test_a_connection_is_counted_while_it_is_open(self) -> None:
        count_connections()
        self.assertEqual(COUNTED.get_sample_value("goatfish_database_connections"), 1)
        default = connections["default"]
        opened, default.connection = default.connection, None
        count_connections()
        default.connection = opened
        self.assertEqual(COUNTED.get_sample_value("goatfish_database_connections"), 0)


class ProcessTests(CountingTestCase):
    def test_a_server_and_its_workers_are_one(self) -> None:
        values = {s.name: s.value for family in ProcessTree().collect() for s in family.samples}
        self.assertGreaterEqual(values["goatfish_workers"], 1)
        self.assertGreater(values["process_cpu_seconds_total"], 0)
        self.assertGreater(values["process_resident_memory_bytes"], 2**20)
