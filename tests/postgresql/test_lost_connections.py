import socket
from concurrent.futures import ThreadPoolExecutor
from typing import ClassVar

import psycopg
from django.conf import settings
from django.db import OperationalError, connections
from django.test import SimpleTestCase
from psycopg.conninfo import conninfo_to_dict

from accounts.models import User
from config.databases import Limits, database
from owned.compiled import Compiled
from tests.base import VALID
from tests.databases import remove_database
from tests.live import LiveTestCase


class LostConnectionTests(LiveTestCase):
    """PostgreSQL closes the connections of all threads, as in a restart."""

    variables = {"RATE_LIMIT": "off"}

    def terminate_connections(self) -> int:
        """Terminate all connections to this class's database, and return their number."""
        name = conninfo_to_dict(self.environment["DATABASE_URL"])["dbname"]
        query = "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE datname = %s"
        with psycopg.connect(settings.DATABASE_URL, dbname="postgres", autocommit=True) as other:
            return len(other.execute(query, [name]).fetchall())

    def test_no_request_fails_when_all_connections_are_closed(self) -> None:
        _, client = self.start()
        created = client.post("/api/simulations", json=VALID)
        url = created.headers["Location"]

        def send_all(_: int) -> list[int]:
            return [
                client.get(url).status_code,
                client.get("/api/simulations?q=monsoon").status_code,
                client.post("/api/simulations", json=VALID).status_code,
                client.get("/readyz").status_code,
                client.get("/simulations/", headers={"Cookie": f"sessionid={'x' * 32}"}).status_code,
            ]

        with ThreadPoolExecutor(16) as threads:
            for _ in range(3):
                self.assertEqual(
                    set(map(tuple, threads.map(send_all, range(32)))), {(200, 200, 201, 200, 302)}
                )
                self.assertGreater(self.terminate_connections(), 2)


class NewConnectionTests(SimpleTestCase):
    """A server that accepts connections but never responds."""

    databases = {"silent"}
    listener: ClassVar[socket.socket]

    @classmethod
    def setUpClass(cls) -> None:
        cls.listener = cls.enterClassContext(socket.create_server(("127.0.0.1", 0)))
        url = (
            f"postgres://127.0.0.1:{cls.listener.getsockname()[1]}/silent?sslmode=disable&gssencmode=disable"
        )
        entry = database(url, Limits(connect=2, statement=None))
        entries = {"default": entry, "silent": entry}
        connections.settings["silent"] = connections.configure_settings(entries)["silent"]
        cls.addClassCleanup(remove_database, "silent")
        super().setUpClass()

    def test_a_failed_connection_attempt_is_not_repeated(self) -> None:
        with self.assertRaises(OperationalError):
            Compiled(User.objects.all).rows("silent")
        self.listener.setblocking(False)
        self.listener.accept()[0].close()
        with self.assertRaises(BlockingIOError):
            self.listener.accept()
