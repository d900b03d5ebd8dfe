"""The nginx configuration without the service: what nginx forwards, and its own responses."""

import json
import os
import ssl
from contextlib import ExitStack
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from tempfile import TemporaryDirectory
from threading import Event
from typing import Any
from unittest import skipUnless

import httpx
from django.test import SimpleTestCase

from api.problems.types import PROBLEM_TYPES
from tests.deploy.front import NGINX, Nginx, Upstream
from tests.faults.service import WITHIN, wait_until

PART = b"%x\r\n%b\r\n" % (
    2**18,
    os.urandom(2**17).hex().encode(),
)  # of a stream, and of no use to compression


@skipUnless(NGINX, "nginx is not installed")
class NginxTestCase(SimpleTestCase):
    """Starts one nginx for all tests of a class."""

    nginx: Nginx

    @classmethod
    def setUpClass(cls) -> None:
        super().setUpClass()
        folder = Path(cls.enterClassContext(TemporaryDirectory()))
        cls.nginx = Nginx(folder)
        cls.addClassCleanup(cls.nginx.kill)
        wait_until(cls.nginx.listens)

    def setUp(self) -> None:
        self.http = self.enterContext(self.nginx.client())

    def assert_problem(self, response: httpx.Response, status: int, slug: str) -> None:
        """Check that a problem of nginx has all members of the service's problems."""
        self.assertEqual(response.status_code, status, response.text)
        self.assertEqual(response.headers["Content-Type"], "application/problem+json")
        problem = response.json()
        self.assertEqual((problem["type"], problem["status"]), (f"/problems/{slug}", status))
        self.assertEqual((PROBLEM_TYPES[slug].status, PROBLEM_TYPES[slug].title), (status, problem["title"]))
        self.assertEqual(response.headers["X-Request-ID"], problem["request_id"])
        self.assertTrue(problem["instance"].startswith("/api"), problem)


class NoServiceTests(NginxTestCase):
    def test_api_requests_get_a_problem_while_the_service_is_down(self) -> None:
        for path in ("/api/simulations", "/api", "/api/no%22such%0a"):
            with self.subTest(path):
                response = self.http.get(path, headers={"X-Request-ID": "known"})
                self.assert_problem(response, 503, "unavailable")
                self.assertEqual(
                    (response.json()["request_id"], response.headers["Retry-After"]), ("known", "5")
                )
        self.assertEqual(self.http.get("/api/simulations?q=x").json()["instance"], "/api/simulations")

    def test_other_requests_get_a_page_while_the_service_is_down(self) -> None:
        response = self.http.get("/simulations/")
        self.assertEqual(response.status_code, 503)
        self.assertEqual(response.headers["Content-Type"], "text/html; charset=utf-8")
        self.assertIn("Try again", response.text)

    def test_a_body_over_20_mebibytes_is_refused_unread(self) -> None:
        headers = {"Content-Type": "text/csv", "X-Request-ID": 'not "well" formed'}
        response = self.http.post("/api/simulations/bulk", content=b" " * (20 * 2**20 + 1), headers=headers)
        self.assert_problem(response, 413, "body-too-large")
        self.assertRegex(response.headers["X-Request-ID"], "^[0-9a-f]{32}$")

    def test_malformed_requests_get_a_problem(self) -> None:
        for line, status, slug in (
            (f"GET /api/{'x' * 20_000} HTTP/1.1", 400, "malformed-request"),
            (f"GET /api HTTP/1.1\r\nX-Long: {'x' * 20_000}", 400, "malformed-request"),
            ("GET /api HTTP/1.1\r\nHost: localhost\r\nHost: b", 400, "malformed-request"),
            ("TRACE /api/me HTTP/1.1\r\nHost: localhost", 405, "method-not-allowed"),
        ):
            with self.subTest(line[:40]), self.nginx.connect() as connection:
                connection.sendall(f"{line}\r\n\r\n".encode())
                head, _, body = connection.makefile("rb").read().partition(b"\r\n\r\n")
                self.assertIn(f" {status} ".encode(), head.splitlines()[0])
                self.assertIn(b"application/problem+json", head)
                self.assertEqual(json.loads(body)["type"], f"/problems/{slug}")

    def test_an_address_may_have_100_concurrent_requests(self) -> None:
        request = b"POST /api/simulations HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1\r\n\r\n"
        with ExitStack() as stack:
            for _ in range(100):
                connection = stack.enter_context(self.nginx.connect())
                connection.sendall(request)  # without its body
            wait_until(lambda: self.http.get("/api/me").status_code == 429)
            refused = self.http.get("/api/me")
        self.assert_problem(refused, 429, "rate-limited")
        self.assertEqual(refused.headers["Retry-After"], "1")

    def test_http_2_is_offered_and_other_host_names_are_refused(self) -> None:
        with self.nginx.connect(protocols=("h2", "http/1.1")) as connection:
            self.assertEqual(connection.selected_alpn_protocol(), "h2")
            self.assertEqual(connection.version(), "TLSv1.3")
        with self.assertRaisesRegex(ssl.SSLError, "unrecognized name"):
            self.nginx.connect("elsewhere.example.org")
        self.assertEqual(self.http.get("/", headers={"Host": "elsewhere.example.org"}).status_code, 421)

    def test_plain_http_is_redirected_with_its_method_and_query(self) -> None:
        response = httpx.post(
            f"http://127.0.0.1:{self.nginx.plain_port}/a?b=c", headers={"Host": "localhost"}
        )
        self.assertEqual(response.status_code, 308)
        self.assertEqual(response.headers["Location"], "https://localhost/a?b=c")

    def test_metrics_are_not_public(self) -> None:
        self.assertEqual(self.http.get("/metrics").status_code, 404)


class SentOnTests(NginxTestCase):
    """What nginx does with requests and responses; the test controls the upstream server."""

    def serve(self, act: Any) -> None:
        """Respond to requests with `act` until the test ends."""
        upstream = Upstream(self.nginx.socket, act)
        self.addCleanup(self.nginx.socket.unlink)
        self.addCleanup(upstream.server_close)
        self.addCleanup(upstream.shutdown)

    def echo(self, request: BaseHTTPRequestHandler) -> None:
        """Respond with the headers of the request."""
        body = json.dumps(dict(request.headers.items())).encode()
        request.send_response(200)
        request.send_header("Content-Length", str(len(body)))
        request.end_headers()
        request.wfile.write(body)

    def test_a_client_cannot_forge_its_address(self) -> None:
        self.serve(self.echo)
        forged = {"X-Forwarded-For": "6.6.6.6", "X-Forwarded-Proto": "http", "X-Request-ID": "my.own-1"}
        sent = self.http.get("/", headers=forged).json()
        self.assertEqual((sent["X-Forwarded-For"], sent["X-Forwarded-Proto"]), ("127.0.0.1", "https"))
        self.assertEqual((sent["X-Request-ID"], sent["Host"]), ("my.own-1", f"localhost:{self.nginx.port}"))

    def test_metrics_are_available_on_this_machine(self) -> None:
        self.serve(self.echo)
        at = f"http://127.0.0.1:{self.nginx.metrics_port}"
        sent = httpx.get(f"{at}/metrics", headers={"Authorization": "Bearer x"}).json()
        self.assertEqual((sent["Authorization"], sent["X-Forwarded-Proto"]), ("Bearer x", "https"))
        self.assertEqual(httpx.get(f"{at}/api/me").status_code, 404)

    def test_the_start_of_an_export_arrives_before_its_end_is_sent(self) -> None:
        arrived = Event()

        def act(request: BaseHTTPRequestHandler) -> None:
            begin_stream(request)
            assert arrived.wait(WITHIN)
            request.wfile.write(b"0\r\n\r\n")

        self.serve(act)
        with self.http.stream("GET", "/api/simulations/export") as response:
            parts = response.iter_bytes()
            size = len(next(parts))
            arrived.set()
            self.assertEqual(size + sum(len(part) for part in parts), 2**18)

    def test_a_stalled_reader_does_not_block_the_service(self) -> None:
        made = Event()

        def act(request: BaseHTTPRequestHandler) -> None:
            begin_stream(request)
            for _ in range(64):
                request.wfile.write(PART)
            request.wfile.write(b"0\r\n\r\n")
            made.set()

        self.serve(act)
        with self.http.stream("GET", "/api/simulations/export") as response:
            self.assertTrue(made.wait(WITHIN))
            self.assertEqual(len(response.read()), 65 * 2**18)

    def test_a_truncated_export_is_an_error_for_the_client(self) -> None:
        self.serve(begin_stream)
        with self.assertRaises(httpx.RemoteProtocolError):
            self.http.get("/api/simulations/export")


def begin_stream(request: BaseHTTPRequestHandler) -> None:
    """Send the first part of a stream, in the size of the service's parts. Without more, it is truncated."""
    request.send_response(200)
    request.send_header("Content-Type", "text/csv; charset=utf-8")
    if request.request_version == "HTTP/1.1":
        request.send_header("Transfer-Encoding", "chunked")
    request.end_headers()
    request.wfile.write(PART)
    request.close_connection = True
