"""A server that is killed between its write and its response, and a client that retries."""

import json
import socket
import sqlite3
import time
from contextlib import closing
from typing import Any, LiteralString, NamedTuple
from urllib.parse import unquote
from uuid import uuid4

import httpx
import psycopg
from django.conf import settings

from tests.faults.service import VALID, WITHIN, Server, ServiceTestCase, wait_until

# A commit that stores a response waits in the database for the test's lock. Meanwhile, the test can kill the
# server, which has written but doesn't know that yet.
BLOCK_COMMITS = """
    CREATE FUNCTION wait_for_the_test() RETURNS trigger LANGUAGE plpgsql AS
        'BEGIN PERFORM pg_advisory_xact_lock_shared(1, 1); RETURN NULL; END';
    CREATE CONSTRAINT TRIGGER block_commits AFTER INSERT ON api_storedresponse
        DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION wait_for_the_test();
"""
BLOCKED_COMMITS = """
    SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()
    AND wait_event_type = 'Lock' AND wait_event = 'advisory' AND query = 'COMMIT'
"""


class KillTests(ServiceTestCase):
    def test_a_create_is_replayed_if_its_response_was_lost(self) -> None:
        self.assert_replayed_after_a_kill("/api/simulations", VALID, rows=1)

    def test_a_bulk_create_is_replayed_if_its_response_was_lost(self) -> None:
        self.assert_replayed_after_a_kill("/api/simulations/bulk", {"items": [VALID] * 500}, rows=500)

    def assert_replayed_after_a_kill(self, path: str, body: Any, rows: int) -> None:
        """Kill a server that has written. Another one replays the response to a retry, and writes nothing."""
        request = Request(path, json.dumps(body).encode(), uuid4().hex)
        before = self.row_count()
        kill = self.kill_after_the_write if settings.ON_SQLITE else self.kill_at_the_commit
        kill(request, before + rows)

        server = self.launch()
        retried = request.send(server)
        self.assertEqual((retried.status_code, retried.headers.get("Idempotent-Replayed")), (201, "true"))
        ids = retried.json().get("ids") or [retried.json()["id"]]
        self.assertEqual(len(set(ids)), rows)
        self.assertEqual(server.client.get(f"/api/simulations/{ids[-1]}").status_code, 200)
        self.assertEqual(self.row_count(), before + rows)

    def kill_after_the_write(self, request: "Request", rows: int) -> None:
        """Kill the server as soon as its write is visible. Nobody reads its response, if it sent one."""
        server, deadline = self.launch(), time.monotonic() + WITHIN
        file = unquote(self.environment["DATABASE_URL"].removeprefix("sqlite:///"))
        with closing(sqlite3.connect(file)) as reader, request.send_only(server):
            # Poll without a pause: the server needs only a millisecond after its commit.
            while reader.execute("SELECT count(*) FROM simulations_simulation").fetchone() != (rows,):
                self.assertLess(time.monotonic(), deadline)
            server.kill()

    def kill_at_the_commit(self, request: "Request", rows: int) -> None:
        """Kill the server while the database commits. The commit still succeeds.

        A retry before the end of the commit gets a 409.
        """
        server = self.launch()
        with psycopg.connect(self.environment["DATABASE_URL"], autocommit=True) as blocker:
            blocker.execute(BLOCK_COMMITS)
            self.addCleanup(self.administer, "DROP FUNCTION wait_for_the_test CASCADE")
            blocker.execute("SELECT pg_advisory_lock(1, 1)")
            with request.send_only(server) as connection:
                wait_until(lambda: blocker.execute(BLOCKED_COMMITS).fetchone() == (1,))
                server.kill()
                self.assertEqual(remaining_bytes(connection), b"")
            early = request.send(self.launch())
            self.assertEqual((early.status_code, early.headers["Retry-After"]), (409, "1"))
            self.assertLess(self.row_count(), rows)
        wait_until(lambda: self.row_count() == rows)

    def administer(self, statement: LiteralString) -> None:
        with psycopg.connect(self.environment["DATABASE_URL"], autocommit=True) as connection:
            connection.execute(statement)


class Request(NamedTuple):
    """A POST that is safe to retry."""

    path: str
    body: bytes
    retry_key: str

    def send(self, server: Server) -> httpx.Response:
        """Send it, and return the response."""
        headers = {"Content-Type": "application/json", "Idempotency-Key": self.retry_key}
        return server.client.post(self.path, content=self.body, headers=headers)

    def send_only(self, server: Server) -> socket.socket:
        """Send it on a connection of its own, and return the connection without reading from it."""
        fields = {
            "Host": "127.0.0.1",
            "X-API-Key": server.key,
            "Content-Type": "application/json",
            "Content-Length": str(len(self.body)),
            "Idempotency-Key": self.retry_key,
        }
        head = "".join(f"{name}: {value}\r\n" for name, value in fields.items())
        connection = socket.create_connection(("127.0.0.1", server.port), WITHIN)
        connection.sendall(f"POST {self.path} HTTP/1.1\r\n{head}\r\n".encode() + self.body)
        return connection


def remaining_bytes(connection: socket.socket) -> bytes:
    """Return what can still be read from a connection whose server was killed."""
    try:
        return connection.recv(1)
    except ConnectionResetError:
        return b""
