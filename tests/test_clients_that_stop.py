"""Clients that stop halfway, without a proxy: nothing is half done, and no other client waits."""

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

    def test_a_body_that_breaks_off_is_not_stored(self) -> None:
        cut = "Content-Length: 1000", LINE
        cut_chunks = "Transfer-Encoding: chunked", b"%x\r\n%s\r\n" % (len(LINE), LINE)
        broken_chunk = "Transfer-Encoding: chunked", b"12 bytes\r\n" + LINE
        for field, sent in (cut, cut_chunks, broken_chunk):
            with self.subTest(sent), closing(self.begin(field, sent)) as connection:
                connection.shutdown(socket.SHUT_WR)
                self.assert_refused(connection)
        self.assertEqual(self.service.get("/api/simulations").json()["items"], [])

    def test_clients_that_stall_in_a_body_are_given_up(self) -> None:
        begun = [self.begin("Content-Length: 1000", LINE) for _ in range(THREADS)]
        begun += [self.begin("Transfer-Encoding: chunked", b"5\r\nabcde\r\n") for _ in range(THREADS)]
        self.assertEqual(self.service.get("/api/simulations").json()["items"], [])
        for connection in begun:
            self.assert_refused(connection)

    def test_clients_that_stall_in_a_head_are_given_up(self) -> None:
        begun = [self.connect(b"GET /healthz HTTP/1.1\r\nHost: ") for _ in range(THREADS)]
        self.assertEqual(self.service.get("/healthz").status_code, 200)
        for connection in begun:
            self.assertEqual(connection.recv(1), b"")

    def test_silent_clients_occupy_no_thread(self) -> None:
        begun = [self.connect(b"") for _ in range(THREADS)]
        with httpx.Client(base_url=self.service.base_url, timeout=30) as another:
            self.assertEqual(another.get("/healthz").status_code, 200)
        begun[0].sendall(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n")
        self.assertTrue(begun[0].recv(100).startswith(b"HTTP/1.1 200 "))

    def test_silent_clients_do_not_delay_the_shutdown(self) -> None:
        self.connect(b"")
        with httpx.Client(base_url=self.service.base_url, timeout=30) as another:
            self.assertEqual(another.get("/healthz").status_code, 200)  # so the silent one was accepted, too
        self.server.terminate()
        self.assertEqual(self.server.wait(60), 0)

    def test_clients_that_do_not_read_are_given_up(self) -> None:
        lines = b"".join(json.dumps({**VALID, "name": f"{n:x<250}"}).encode() + b"\n" for n in range(10_000))
        key = self.manage("issue_key", "bob", "--create-user").strip()
        headers = {"X-API-Key": key, "Content-Type": NDJSON}
        for _ in range(5):
            self.service.post(BULK, content=lines, headers=headers).raise_for_status()
        ask = f"GET /api/simulations/export HTTP/1.1\r\nHost: localhost\r\nX-API-Key: {key}\r\n\r\n"
        for connection in [self.connect(ask.encode()) for _ in range(THREADS)]:
            connection.recv(1)
        self.assertEqual(self.service.get("/healthz").status_code, 200)

    def test_clients_that_do_not_read_a_file_are_given_up(self) -> None:
        file = "/static/ninja/swagger-ui-bundle.js"
        self.assertGreater(len(self.service.get(file).content), 2**20)
        ask = f"GET {file} HTTP/1.1\r\nHost: localhost\r\n\r\n" * 9  # more than the socket buffers hold
        for connection in [self.connect(ask.encode()) for _ in range(THREADS)]:
            self.assertEqual(connection.recv(12), b"HTTP/1.1 200")
        self.assertEqual(self.service.get("/healthz").status_code, 200)

    def test_clients_that_keep_an_ended_connection_open_block_nobody(self) -> None:
        begun = [
            self.connect(b"GET /healthz HTTP/1.0\r\nHost: localhost\r\n\r\n") for _ in range(THREADS - 1)
        ]
        for connection in begun:
            self.assertIn(b" 200 OK", connection.recv(100))
        self.assertEqual(self.service.get("/healthz").status_code, 200)

    def connect(self, sent: bytes) -> socket.socket:
        """Send bytes on a new connection, which the end of the test closes."""
        connection = socket.socket()
        self.addCleanup(connection.close)
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2**12)  # so that the server has to wait
        connection.settimeout(30)
        connection.connect((self.service.base_url.host, self.service.base_url.port))
        connection.sendall(sent)
        return connection

    def begin(self, field: str, body: bytes) -> socket.socket:
        """Send the head and a part of the body of a bulk create."""
        return self.connect(HEAD.format(BULK, self.key, NDJSON, field).encode() + body)

    def assert_refused(self, connection: socket.socket) -> None:
        """Check that the response is a problem, and the connection closed."""
        answer = b"".join(iter(lambda: connection.recv(2**16), b""))
        self.assertTrue(answer.startswith(b"HTTP/1.1 400 "), answer)
        self.assertIn(b'"/problems/malformed-request"', answer)
