"""Error reports, as a server of the test receives them."""

import gzip
import json
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from queue import Queue
from tempfile import TemporaryDirectory
from threading import Thread
from typing import Any

from django.conf import settings
from django.test import SimpleTestCase

from accounts.keys import new_key
from ops.error_reports import without_secrets
from tests.config.test_environment import gunicorn, manage, start
from tests.faults.service import VALID, WITHIN, ServiceTestCase

# An invalid value that bypasses all checks, so that reading it fails.
NO_DATE = "2026-99-99" if settings.ON_SQLITE else "infinity"
CORRUPT = f"""
from django.db import connection
connection.cursor().execute("UPDATE simulations_simulation SET end_date = '{NO_DATE}'")
"""


class Host(BaseHTTPRequestHandler):
    """Receives reports, as Sentry does."""

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        if self.headers.get("Content-Encoding") == "gzip":
            body = gzip.decompress(body)
        self.server.arrived.put(body)  # type: ignore[attr-defined]
        self.send_response(200)
        self.send_header("Content-Length", "2")
        self.end_headers()
        self.wfile.write(b"{}")

    def log_message(self, *arguments: Any) -> None:
        """Log nothing."""


class ErrorReportTests(ServiceTestCase):
    arrived: "Queue[bytes]"

    @classmethod
    def setUpClass(cls) -> None:
        host = ThreadingHTTPServer(("127.0.0.1", 0), Host)
        cls.arrived = host.arrived = Queue()  # type: ignore[attr-defined]
        Thread(target=host.serve_forever).start()
        cls.addClassCleanup(host.server_close)
        cls.addClassCleanup(host.shutdown)
        dsn = f"http://public@127.0.0.1:{host.server_port}/1"
        cls.variables = {**ServiceTestCase.variables, "SENTRY_DSN": dsn}
        super().setUpClass()

    def test_a_report_has_the_request_id_and_no_data_of_the_request(self) -> None:
        client = self.launch().client
        path = client.post("/api/simulations", json=VALID).headers["Location"]
        self.manage("shell", "-c", CORRUPT)
        headers = {"Cookie": "sessionid=from-a-cookie", "Authorization": "Bearer from-a-header"}
        for method, query, body in (("GET", "?sort=-end_date", None), ("PATCH", "", {"name": "from-a-body"})):
            with self.subTest(method):
                address = path.rpartition("/")[0] + query if query else path
                answer = client.request(method, address, json=body, headers=headers)
                self.assertEqual(answer.status_code, 500, answer.text)
                arrived = self.arrived.get(timeout=WITHIN)
                event = self.event(arrived)
                self.assertEqual(event["tags"]["request_id"], answer.headers["X-Request-ID"])
                self.assertEqual(event["request"]["method"], method)
                self.assertTrue(event["request"]["url"].startswith("http://127.0.0.1"), event["request"])
                self.assertEqual(event["release"], f"goatfish@{settings.VERSION}")
                self.assertTrue(event["exception"]["values"][-1]["stacktrace"]["frames"])
                for secret in (self.key, "from-a-", "sort=", self.environment["SECRET_KEY"]):
                    self.assertNotIn(secret, arrived.decode())

    def event(self, envelope: bytes) -> dict[str, Any]:
        """Return the event of an envelope, in which each item follows its header, in lines of JSON."""
        lines = [json.loads(line) for line in envelope.splitlines()]
        at = next(n for n, line in enumerate(lines) if line.get("type") == "event" and "length" in line)
        event: dict[str, Any] = lines[at + 1]
        return event


class ErrorReportStartTests(SimpleTestCase):
    def test_no_part_of_a_report_has_a_key(self) -> None:
        key = new_key()
        event: Any = {
            "request": {"method": "GET", "url": f"http://127.0.0.1/{key}", "headers": {"X-Api-Key": key}},
            "exception": {"values": [{"type": "ValueError", "value": f"{key} is none"}]},
        }
        sent: Any = without_secrets(event, {})
        self.assertNotIn(key, json.dumps(sent))
        self.assertEqual(sent["exception"]["values"][0]["value"], "gf_… is none")

    def test_the_package_is_not_imported_without_a_dsn(self) -> None:
        program = "import sys; from config import settings; print('sentry_sdk' in sys.modules)"
        self.assertEqual(start([sys.executable, "-c", program]).stdout.strip(), "False")

    def test_a_dsn_without_the_package_stops_the_start_with_one_line(self) -> None:
        folder = self.enterContext(TemporaryDirectory())
        with open(f"{folder}/sentry_sdk.py", "w") as module:
            module.write("raise ImportError")
        for command in (manage, gunicorn):
            result = command(SENTRY_DSN="https://public@example.org/1", PYTHONPATH=folder)
            self.assertNotEqual(result.returncode, 0)
            self.assertIn("SENTRY_DSN is set, but the package sentry-sdk is missing", result.stderr)
            self.assertEqual(len(result.stderr.splitlines()), 1, result.stderr)

    def test_an_invalid_dsn_is_not_repeated(self) -> None:
        for dsn in ("secret", "https://example.org/1", "https://secret@example.org/x", "https://secret@[h/1"):
            with self.subTest(dsn):
                result = manage(SENTRY_DSN=dsn)
                self.assertNotEqual(result.returncode, 0)
                self.assertEqual(
                    result.stderr.strip(), "SENTRY_DSN is invalid; it must be https://KEY@HOST/PROJECT."
                )
