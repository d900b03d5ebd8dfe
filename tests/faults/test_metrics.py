"""The metrics of several workers, however they end."""

import os
import re
import signal
import socket
import tempfile
from pathlib import Path
from typing import Any

import httpx
from django.conf import settings
from prometheus_client.parser import text_string_to_metric_families

from tests.faults.processes import await_new_workers, children
from tests.faults.service import VALID, WITHIN, Server, ServiceTestCase, at_once, wait_until

TOKEN = "of-the-tests"
CALLERS, RECYCLED = 40, 15
FILES = 3  # of a worker that has served a request
REQUESTS = "goatfish_requests_total"
LIST = {"route": "/api/simulations", "method": "GET"}


class MetricsTests(ServiceTestCase):
    variables = {**ServiceTestCase.variables, "METRICS_TOKEN": TOKEN, "WEB_CONCURRENCY": "2"}

    def setUp(self) -> None:
        self.counts = Path(self.enterContext(tempfile.TemporaryDirectory()))

    def serve(self, *options: str) -> Server:
        """Start a gunicorn that counts in the test's folder."""
        return self.launch(GUNICORN_CMD_ARGS=" ".join([f"--worker-tmp-dir={self.counts}", *options]))

    def folders(self) -> list[Path]:
        return list(self.counts.glob("goatfish-*"))

    def files(self) -> list[Path]:
        (folder,) = self.folders()
        return list(folder.iterdir())

    def gauges(self) -> int:
        """Count the workers that have started."""
        return sum(file.name.startswith("gauge") for file in self.files())

    def list_at_once(self, server: Server) -> None:
        """Send many requests to all workers."""
        responses = at_once(CALLERS, lambda number: call(server, "GET", "/api/simulations"))
        self.assertEqual([response.status_code for response in responses], [200] * CALLERS)

    def test_the_counts_of_two_workers_add_up(self) -> None:
        server = self.serve()
        self.list_at_once(server)
        for _ in range(3):
            created = call(server, "POST", "/api/simulations", json=VALID)
            call(server, "GET", created.headers["Location"])
        call(server, "GET", "/api/me", headers={"X-API-Key": "gf_wrong"})
        for path in ("/nowhere", "/metrics", "/static/goatfish.css"):
            call(server, "GET", path)
        shown = Shown(server)
        self.assertEqual(
            {labels: count for (name, labels), count in shown.values.items() if name == REQUESTS},
            {
                key(**LIST, status="200"): CALLERS,
                key(route="/api/simulations", method="POST", status="201"): 3,
                key(route="/api/simulations/<id>", method="GET", status="200"): 3,
                key(route="/api/me", method="GET", status="401"): 1,
                key(route="unknown", method="GET", status="404"): 2,
                key(route="/static/", method="GET", status="200"): 1,
            },
        )
        self.assertEqual(shown.value("goatfish_request_duration_seconds_count", **LIST), CALLERS)
        self.assertGreaterEqual(shown.value("goatfish_database_queries_total", **LIST), 2 * CALLERS)
        self.assertGreater(shown.value("goatfish_database_seconds_total", **LIST), 0)
        self.assertEqual(shown.value("goatfish_requests_in_flight"), 0)
        self.assertEqual(shown.value("goatfish_ready"), 1)
        # One worker may serve all of this while the other is still starting.
        wait_until(lambda: Shown(server).value("goatfish_workers") == 2)

    def test_the_dashboard_and_the_alerts_use_existing_metrics(self) -> None:
        server = self.serve()
        call(server, "GET", "/api/simulations")
        shown = Shown(server)
        named = re.compile(r"\bgoatfish_[a-z_]+")
        for file in ("alerts.yml", "grafana.json"):
            names = set(named.findall((settings.BASE_DIR / "deploy" / file).read_text()))
            self.assertGreater(len(names), 5)
            self.assertLessEqual(names, {name for name, _ in shown.values}, file)

    def test_killed_workers_keep_their_counts_but_not_their_requests_in_flight(self) -> None:
        server = self.serve()
        self.list_at_once(server)
        with unfinished_request(server):
            wait_until(lambda: Shown(server).value("goatfish_requests_in_flight") == 1)
            before = Shown(server)
            old = children(server.process.pid)
            for pid in old:
                os.kill(pid, signal.SIGKILL)
            await_new_workers(server.process.pid, old)
        after = Shown(server)
        self.assertEqual(after.value("goatfish_requests_in_flight"), 0)
        self.assertEqual(after.counters(), before.counters())
        self.list_at_once(server)
        self.assertEqual(Shown(server).requests(), 2 * CALLERS)
        # A new worker may still be starting, and one that serves nothing has a gauge alone.
        wait_until(lambda: self.gauges() == 2)
        self.assertLessEqual(len(self.files()), 2 * FILES)

    def test_a_worker_that_is_killed_while_it_creates_a_file_hides_no_metrics(self) -> None:
        server = self.serve()
        self.list_at_once(server)
        (folder,) = self.folders()
        (folder / "counter_9.db").touch()
        self.assertEqual(Shown(server).requests(), CALLERS)

    def test_replaced_workers_lose_no_count_and_leave_no_files(self) -> None:
        server = self.serve("--max-requests=3")
        seen = set(children(server.process.pid))
        for _ in range(RECYCLED):
            self.assertEqual(call(server, "GET", "/api/simulations").status_code, 200)
            seen.update(children(server.process.pid))
        shown = Shown(server)
        self.assertEqual(shown.requests(), RECYCLED)
        self.assertGreater(len(seen), 3)
        self.assertLessEqual(len(self.files()), 2 * FILES)

    def test_a_reload_loses_no_count_and_reuses_the_files(self) -> None:
        server = self.serve()
        for turn in (1, 2):
            self.list_at_once(server)
            old = children(server.process.pid)
            server.process.send_signal(signal.SIGHUP)
            await_new_workers(server.process.pid, old)
            self.assertEqual(Shown(server).requests(), turn * CALLERS)
            wait_until(lambda: self.gauges() == 2)
        self.assertLessEqual(len(self.files()), 4 * FILES)  # there are four workers while it reloads

    def test_the_folder_is_deleted_by_the_server_or_the_next_one(self) -> None:
        server = self.serve()
        self.assertEqual(len(self.folders()), 1)
        other = self.serve()
        self.assertEqual(len(self.folders()), 2)
        other.process.terminate()
        self.assertEqual(other.process.wait(WITHIN), 0)
        self.assertEqual(len(self.folders()), 1)
        left = self.folders()
        server.kill()
        self.assertEqual(self.folders(), left)
        self.serve()
        self.assertEqual(len(self.folders()), 1)
        self.assertNotEqual(self.folders(), left)


def key(**labels: str) -> frozenset[tuple[str, str]]:
    return frozenset(labels.items())


class Shown:
    """The content of `/metrics` at one time."""

    def __init__(self, server: Server) -> None:
        """Request it."""
        response = call(server, "GET", "/metrics", headers={"Authorization": f"Bearer {TOKEN}"})
        assert response.status_code == 200, response.text
        families = text_string_to_metric_families(response.text)
        self.values = {(s.name, key(**s.labels)): s.value for family in families for s in family.samples}

    def value(self, name: str, **labels: str) -> float:
        return self.values[name, key(**labels)]

    def requests(self) -> float:
        """Return the number of list requests."""
        return self.value(REQUESTS, **LIST, status="200")

    def counters(self) -> dict[Any, float]:
        """Return the values that must never fall."""
        counted = re.compile("goatfish_.*_(total|count|bucket|sum)")
        return {key: value for key, value in self.values.items() if counted.fullmatch(key[0])}


def call(server: Server, method: str, path: str, **options: Any) -> httpx.Response:
    """Send a request on a new connection, which any worker may accept."""
    headers = {"Connection": "close", **options.pop("headers", {})}
    return server.client.request(method, path, headers=headers, **options)


def unfinished_request(server: Server) -> socket.socket:
    """Send a request without its body."""
    connection = socket.create_connection(("127.0.0.1", server.port), WITHIN)
    sent = f"Host: localhost\r\nX-API-Key: {server.key}\r\nContent-Type: application/json"
    connection.sendall(f"POST /api/simulations HTTP/1.1\r\n{sent}\r\nContent-Length: 9\r\n\r\n".encode())
    return connection
