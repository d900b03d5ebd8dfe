"""Hostile or broken clients behind nginx do not affect the others."""

import resource
import socket
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from http.client import parse_headers
from io import BufferedReader
from pathlib import Path
from threading import Event

import httpx

from accounts.keys import new_key
from tests.faults.experiments import ExperimentTestCase
from tests.faults.figures import times
from tests.faults.nginx import Nginx, needs_nginx
from tests.faults.service import WITHIN, at_once

HEAD = b"POST /api/simulations HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
GUESS = b"GET /api/me HTTP/1.1\r\nHost: localhost\r\nX-API-Key: %s\r\n\r\n"
GUESSERS, PER_SECOND, BATCH = 4, 1000, 25


@needs_nginx
class HostileTests(ExperimentTestCase):
    variables = {"RATE_LIMIT": "off", "RATE_LIMIT_ANONYMOUS": "60/minute"}
    nginx: Nginx

    @classmethod
    def setUpClass(cls) -> None:
        super().setUpClass()
        folder = Path(cls.enterClassContext(tempfile.TemporaryDirectory()))
        cls.nginx = Nginx(folder, [cls.launch()])
        cls.addClassCleanup(cls.nginx.kill)

    def test_idle_connections_do_not_affect_other_clients(self) -> None:
        self.keep_open("idle connections", times(10_000, 300), b"")

    def test_unfinished_headers_do_not_affect_other_clients(self) -> None:
        self.keep_open("requests with unfinished headers", times(1_000, 100), HEAD)

    def test_unfinished_bodies_do_not_affect_other_clients(self) -> None:
        key = f"X-API-Key: {self.key}\r\n".encode()
        chunked = HEAD + key + b"Transfer-Encoding: chunked\r\n\r\n5\r\n{    \r\n"
        self.keep_open("requests with an unfinished body", times(1_000, 100), chunked)

    def test_huge_bodies_are_rejected(self) -> None:
        def post(number: int) -> int:
            """Send 100 MB, alternately with a Content-Length and chunked."""
            body = b" " * 10**6
            content: bytes | Iterator[bytes] = body * 100 if number % 2 else iter([body] * 100)
            headers = {"X-API-Key": self.key, "Content-Type": "application/json"}
            try:
                url = f"{self.nginx.address}/api/simulations"
                return httpx.post(url, content=content, headers=headers, timeout=WITHIN).status_code
            except httpx.WriteError:
                return 413  # nginx closed the connection before everything was sent

        with self.load("bodies of 100 MB", self.nginx.address, graceful=True) as load:
            for _ in range(times(10, 1)):
                self.assertEqual(at_once(4, post), [413] * 4)
                load.keep_working()

    def test_huge_headers_are_rejected(self) -> None:
        fields = b"".join(b"X-Field-%d: %s\r\n" % (number, b"x" * 4000) for number in range(200))

        def send(_: int) -> int:
            with socket.create_connection(("127.0.0.1", self.nginx.port), WITHIN) as connection:
                try:
                    connection.sendall(HEAD + fields + b"\r\n")
                    return int(connection.recv(100).split()[1])
                except ConnectionError:
                    return 400

        with self.load("800 KB of headers", self.nginx.address, graceful=True) as load:
            for _ in range(times(100, 5)):
                self.assertEqual(at_once(10, send), [400] * 10)
                load.keep_working()

    def test_a_thousand_invalid_keys_per_second_do_not_affect_other_clients(self) -> None:
        started = time.monotonic()
        with (
            self.load("1,000 invalid keys per second", self.nginx.address, graceful=True) as load,
            guessing(self.nginx.port) as responses,
        ):
            for second in range(times(30, 2)):
                load.wait(lambda second=second: responses.total() > second * PER_SECOND)  # type: ignore[misc]
                load.keep_working()
        self.assertEqual(responses.keys(), {401, 429})
        windows = 2 + (time.monotonic() - started) // 60
        self.assertLessEqual(responses[401], 60 * windows * 2)  # two workers count separately

    def keep_open(self, title: str, count: int, sent: bytes) -> None:
        """Open connections, send these bytes on each, and keep them open under load."""
        _, limit = resource.getrlimit(resource.RLIMIT_NOFILE)
        resource.setrlimit(resource.RLIMIT_NOFILE, (limit, limit))
        with (
            self.load(f"{count:,} {title}", self.nginx.address, graceful=True) as load,
            ExitStack() as held,
        ):
            for _ in range(count):
                connection = socket.create_connection(("127.0.0.1", self.nginx.port), WITHIN)
                held.enter_context(connection).sendall(sent)
            load.keep_working()


@contextmanager
def guessing(port: int) -> Iterator[Counter[int]]:
    """Try well-formed keys, a thousand per second, and count the responses by status."""
    responses, stop = Counter[int](), Event()

    def guess(_: int) -> None:
        with (
            socket.create_connection(("127.0.0.1", port), WITHIN) as connection,
            connection.makefile("rb") as lines,
        ):
            while not stop.wait(GUESSERS * BATCH / PER_SECOND):
                connection.sendall(b"".join(GUESS % new_key().encode() for _ in range(BATCH)))
                responses.update([read_status(lines) for _ in range(BATCH)])

    with ThreadPoolExecutor(GUESSERS) as threads:
        guessers = threads.map(guess, range(GUESSERS))
        try:
            yield responses
        finally:
            stop.set()
    list(guessers)  # raises the exceptions of the threads


def read_status(lines: BufferedReader) -> int:
    """Read a response, and return its status."""
    status = int(lines.readline().split()[1])
    lines.read(int(parse_headers(lines)["Content-Length"]))
    return status
