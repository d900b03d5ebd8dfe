"""The service under ASGI: `gunicorn -k asgi config.asgi`."""

import json
import socket
from typing import Any

from prometheus_client.parser import text_string_to_metric_families

from tests import test_document, test_live
from tests.base import VALID
from tests.live import LiveTestCase

# Before it exits, an ASGI worker also waits for idle connections.
ASGI = "-k", "asgi", "--graceful-timeout", "2", "config.asgi"
TOKEN = "of-the-tests"
BULK = "/api/simulations/bulk"


class AsgiLiveTests(test_live.LiveTests):
    arguments = ASGI

    def test_requests_rejected_by_gunicorn_get_a_problem_and_a_log_line(self) -> None:
        """Under ASGI, gunicorn sends plain text instead, and logs nothing."""
        _, client = self.start()
        for rejected, status in test_live.REJECTED.items():
            response = self.send(rejected, client.base_url.port or 0)
            self.assertTrue(response.startswith(b"HTTP/1.1 %d " % status), response)
            self.assertIn(b"\r\nConnection: close\r\n", response)


class AsgiDocumentTests(test_document.SchemathesisTests):
    arguments = ASGI


class AsgiTests(LiveTestCase):
    arguments = ASGI
    variables = {"METRICS_TOKEN": TOKEN, "WEB_CONCURRENCY": "1"}

    def test_an_incomplete_body_is_not_stored(self) -> None:
        _, client = self.start()
        before = client.get("/api/simulations").json()["items"]
        head = f"POST {BULK} HTTP/1.1\r\nX-API-Key: {self.key}\r\nContent-Type: application/x-ndjson\r\n"
        line = json.dumps(VALID).encode() + b"\n"
        for field, body in (
            ("Content-Length: 1000", line),
            ("Transfer-Encoding: chunked", b"%x\r\n%s\r\n" % (len(line), line)),
            ("Transfer-Encoding: chunked", b"12 bytes\r\n" + line),
        ):
            with self.subTest(body):
                response = self.send_and_stop(
                    f"{head}{field}\r\n\r\n".encode() + body, client.base_url.port or 0
                )
                self.assertNotIn(b"HTTP/1.1 2", response)
        self.assertEqual(client.get("/api/simulations").json()["items"], before)

    def test_a_head_request_has_the_headers_of_a_get_and_no_body(self) -> None:
        _, client = self.start()
        url = client.post("/api/simulations", json=VALID).headers["Location"]
        head, get = client.head(url), client.get(url)
        self.assertEqual((head.status_code, head.content), (200, b""))
        for name in ("ETag", "Content-Length", "Content-Type"):
            self.assertEqual(head.headers[name], get.headers[name])

    def test_metrics_count_requests_streams_and_statements(self) -> None:
        _, client = self.start()
        client.post("/api/simulations", json=VALID).raise_for_status()
        client.get("/api/simulations/export").raise_for_status()
        values = self.metrics(client)
        for route, method, status in (
            ("/api/simulations", "POST", "201"),
            ("/api/simulations/export", "GET", "200"),
        ):
            counted = {"route": route, "method": method}
            self.assertEqual(
                values["goatfish_requests_total", *sorted({**counted, "status": status}.items())], 1
            )
            self.assertGreater(values["goatfish_database_queries_total", *sorted(counted.items())], 1)
        self.assertEqual(values["goatfish_requests_in_flight",], 0)

    def send_and_stop(self, request: bytes, port: int) -> bytes:
        """Send bytes, close the sending side, and return everything that the server sends."""
        with socket.create_connection(("127.0.0.1", port), timeout=30) as connection:
            connection.sendall(request)
            connection.shutdown(socket.SHUT_WR)
            return b"".join(iter(lambda: connection.recv(2**16), b""))

    def metrics(self, client: Any) -> dict[Any, float]:
        """Return the value of each metric by its name and sorted labels."""
        text = client.get("/metrics", headers={"Authorization": f"Bearer {TOKEN}"}).raise_for_status().text
        samples = [sample for family in text_string_to_metric_families(text) for sample in family.samples]
        return {(s.name, *sorted(s.labels.items())): s.value for s in samples}
