"""Clients that stop halfway, without a proxy: nothing is partly written, and no other client has to wait."""

import json
import socket
import subprocess
from contextlib import closing

import httpx

from tests.base import VALID
from tests.live import LiveTestCase

HEAD = "POST {} HTTP/1.1\r\nHost: localhost\r\nX-API-Key: {}\r\nContent-Type: {}\r\n{}\r\n\r\n"
BULK, NDJSON = "/api/simulations/bulk", "application/x-ndjson"
LINE = json.dumps(VALID).encode() + b"\n"
THREADS = 8  # of the one worker


class ClientsThatStopTests(LiveTestCase):
    variables = {
        "GUNICORN_CMD_ARGS": "--worker-class tests.impatient.Worker --graceful-timeout 3600",
        "WEB_CONCURRENCY": "1",
    }

    server: subprocess.Popen[bytes]
    service: httpx.Client

    def setUp(self) -> None:
        self.server, self.service = self.start()

    def tearDown(self) -> None:
        self.assertNotIn("Traceback", (self.folder / f"{self.service.base_url.port}.log").read_text())

    def test_an_incomplete_body_is_not_stored(self) -> None:
        incomplete = "Content-Length: 1000", LINE
        incomplete_chunks = "Transfer-Encoding: chunked", b"%x\r\n%s\r\n" % (len(LINE), LINE)
        malformed_chunk = "Transfer-Encoding: chunked", b"12 bytes\r\n" + LINE
        for field, sent in (incomplete, incomplete_chunks, malformed_chunk):
            with self.subTest(sent), closing(self.begin(field, sent)) as connection:
                connection.shutdown(socket.SHUT_WR)
                self.assert_rejected(connection)
        self.assertEqual(self.service.get("/api/simulations").json()["items"], [])

    def test_clients_that_stall_while_sending_a_body_are_disconnected(self) -> None:
        connections = [self.begin("Content-Length: 1000", LINE) for _ in range(THREADS)]
        connections += [self.begin("Transfer-Encoding: chunked", b"5\r\nabcde\r\n") for _ in range(THREADS)]
        self.assertEqual(self.service.get("/api/simulations").json()["items"], [])
        for connection in connections:
            self.assert_rejected(connection)

    def test_clients_that_stall_while_sending_headers_are_disconnected(self) -> None:
        connections = [self.connect(b"GET /healthz HTTP/1.1\r\nHost: ") for _ in range(THREADS)]
        self.assertEqual(self.service.get("/healthz").status_code, 200)
        for connection in connections:
            self.assertEqual(connection.recv(1), b"")

    def test_idle_connections_do_not_occupy_a_thread(self) -> None:
        connections = [self.connect(b"") for _ in range(THREADS)]
        with httpx.Client(base_url=self.service.base_url, timeout=30) as another:
            self.assertEqual(another.get("/healthz").status_code, 200)
        connections[0].sendall(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n")
        self.assertTrue(connections[0].recv(100).startswith(b"HTTP/1.1 200 "))

    def test_idle_connections_do_not_block_worker_shutdown(self) -> None:
        self.connect(b"")
        with httpx.Client(base_url=self.service.base_url, timeout=30) as another:
            self.assertEqual(
                another.get("/healthz").status_code, 200
            )  # so the idle connection was accepted, too
        self.server.terminate()
        self.assertEqual(self.server.wait(60), 0)

    def test_clients_that_do_not_read_a_stream_are_disconnected(self) -> None:
        lines = b"".join(json.dumps({**VALID, "name": f"{n:x<250}"}).encode() + b"\n" for n in range(10_000))
        key = self.manage("issue_key", "bob", "--create-user").strip()
        headers = {"X-API-Key": key, "Content-Type": NDJSON}
        for _ in range(5):
            self.service.post(BULK, content=lines, headers=headers).raise_for_status()
        request = f"GET /api/simulations/export HTTP/1.1\r\nHost: localhost\r\nX-API-Key: {key}\r\n\r\n"
        for connection in [self.connect(request.encode()) for _ in range(THREADS)]:
            connection.recv(1)
        self.assertEqual(self.service.get("/healthz").status_code, 200)

    def test_clients_that_do_not_read_a_file_are_disconnected(self) -> None:
        file = "/static/ninja/swagger-ui-bundle.js"
        self.assertGreater(len(self.service.get(file).content), 2**20)
        request = f"GET {file} HTTP/1.1\r\nHost: localhost\r\n\r\n" * 9  # more than the socket buffers hold
        for connection in [self.connect(request.encode()) for _ in range(THREADS)]:
            self.assertEqual(connection.recv(12), b"HTTP/1.1 200")
        self.assertEqual(self.service.get("/healthz").status_code, 200)

    def test_clients_that_do_not_close_a_finished_connection_block_nobody(self) -> None:
        connections = [
            self.connect(b"GET /healthz HTTP/1.0\r\nHost: localhost\r\n\r\n") for _ in range(THREADS - 1)
        ]
        for connection in connections:
            self.assertIn(b" 200 OK", connection.recv(100))
        self.assertEqual(self.service.get("/healthz").status_code, 200)

    def connect(self, sent: bytes) -> socket.socket:
        """Send bytes on a new connection, which is closed after the test."""
        connection = socket.socket()
        self.addCleanup(connection.close)
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2**12)  # so that the server has to wait
        connection.settimeout(30)
        connection.connect((self.service.base_url.host, self.service.base_url.port))
        connection.sendall(sent)
        return connection

    def begin(self, field: str, body: bytes) -> socket.socket:
        """Send the headers of a bulk create and a part of its body."""
        return self.connect(HEAD.format(BULK, self.key, NDJSON, field).encode() + body)

    def assert_rejected(self, connection: socket.socket) -> None:
        """Check that the response is a problem and that the connection is closed."""
        response = b"".join(iter(lambda: connection.recv(2**16), b""))
        self.assertTrue(response.startswith(b"HTTP/1.1 400 "), response)
        self.assertIn(b'"/problems/malformed-request"', response)
