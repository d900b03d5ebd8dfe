"""A server that is killed after it wrote and before it answered, and the client that tries again."""

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

# A commit that writes a kept answer waits, in the database, for whoever holds the test's lock: here a server
# can be killed that has written, and has not learned so.
HOLD_COMMITS = """
    CREATE FUNCTION wait_for_the_test() RETURNS trigger LANGUAGE plpgsql AS
        'BEGIN PERFORM pg_advisory_xact_lock_shared(1, 1); RETURN NULL; END';
    CREATE CONSTRAINT TRIGGER hold_commits AFTER INSERT ON api_keptanswer
        DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION wait_for_the_test();
"""
HELD_COMMITS = """
    SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()
    AND wait_event_type = 'Lock' AND wait_event = 'advisory' AND query = 'COMMIT'
"""


class KillTests(ServiceTestCase):
    def test_a_create_is_replayed_if_its_response_was_lost(self) -> None:
        self.assert_replayed_after_a_kill("/api/simulations", VALID, rows=1)

    def test_a_bulk_create_is_replayed_if_its_response_was_lost(self) -> None:
        self.assert_replayed_after_a_kill("/api/simulations/bulk", {"items": [VALID] * 500}, rows=500)

    def assert_replayed_after_a_kill(self, path: str, body: Any, rows: int) -> None:
        """Kill a server that has written; another answers the retry in its place, and writes nothing."""
        request = Request(path, json.dumps(body).encode(), uuid4().hex)
        before = self.row_count()
        kill = self.kill_after_the_write if settings.ON_SQLITE else self.kill_at_the_commit
        kill(request, before + rows)

        server = self.launch()
        retried = request.through(server)
        self.assertEqual((retried.status_code, retried.headers.get("Idempotent-Replayed")), (201, "true"))
        ids = retried.json().get("ids") or [retried.json()["id"]]
        self.assertEqual(len(set(ids)), rows)
        self.assertEqual(server.client.get(f"/api/simulations/{ids[-1]}").status_code, 200)
        self.assertEqual(self.row_count(), before + rows)

    def kill_after_the_write(self, request: "Request", rows: int) -> None:
        """Kill the server as soon as others see what it wrote; if it came to an answer, nobody reads it."""
        server, deadline = self.launch(), time.monotonic() + WITHIN
        file = unquote(self.environment["DATABASE_URL"].removeprefix("sqlite:///"))
        with closing(sqlite3.connect(file)) as reader, request.alone(server):
            # Without a pause: what the server does after its commit takes a millisecond.
            while reader.execute("SELECT count(*) FROM simulations_simulation").fetchone() != (rows,):
                self.assertLess(time.monotonic(), deadline)
            server.kill()

    def kill_at_the_commit(self, request: "Request", rows: int) -> None:
        """Kill the server while the database commits, which it does all the same, and nobody is told.

        A retry that comes before it is through learns that the first is still running.
        """
        server = self.launch()
        with psycopg.connect(self.environment["DATABASE_URL"], autocommit=True) as holder:
            holder.execute(HOLD_COMMITS)
            self.addCleanup(self.administer, "DROP FUNCTION wait_for_the_test CASCADE")
            holder.execute("SELECT pg_advisory_lock(1, 1)")
            with request.alone(server) as connection:
                wait_until(lambda: holder.execute(HELD_COMMITS).fetchone() == (1,))
                server.kill()
                self.assertEqual(what_came(connection), b"")
            early = request.through(self.launch())
            self.assertEqual((early.status_code, early.headers["Retry-After"]), (409, "1"))
            self.assertLess(self.row_count(), rows)
        wait_until(lambda: self.row_count() == rows)

    def administer(self, statement: LiteralString) -> None:
        with psycopg.connect(self.environment["DATABASE_URL"], autocommit=True) as connection:
            connection.execute(statement)


class Request(NamedTuple):
    """A POST that is safe to send again."""

    path: str
    body: bytes
    retry_key: str

    def through(self, server: Server) -> httpx.Response:
        """Send it, and read the answer."""
        headers = {"Content-Type": "application/json", "Idempotency-Key": self.retry_key}
        return server.client.post(self.path, content=self.body, headers=headers)

    def alone(self, server: Server) -> socket.socket:
        """Send it on a connection of its own, of which nothing has been read."""
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


def what_came(connection: socket.socket) -> bytes:
    """Return what can be read of a connection whose other end is dead."""
    try:
        return connection.recv(1)
    except ConnectionResetError:
        return b""
