from concurrent.futures import ThreadPoolExecutor

import psycopg
from django.conf import settings
from psycopg.conninfo import conninfo_to_dict

from tests.base import VALID
from tests.live import LiveTestCase


class LostConnectionTests(LiveTestCase):
    """What requests do after PostgreSQL closed the connections of all threads, as at a restart."""

    variables = {"RATE_LIMIT": "off"}

    def lose(self) -> int:
        """End all connections to this class's database from the other side; returns how many there were."""
        name = conninfo_to_dict(self.environment["DATABASE_URL"])["dbname"]
        query = "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE datname = %s"
        with psycopg.connect(settings.DATABASE_URL, dbname="postgres", autocommit=True) as other:
            return len(other.execute(query, [name]).fetchall())

    def test_no_request_fails(self) -> None:
        _, client = self.start()
        created = client.post("/api/simulations", json=VALID)
        address = created.headers["Location"]

        def every(_: int) -> list[int]:
            return [
                client.get(address).status_code,
                client.get("/api/simulations?q=monsoon").status_code,
                client.post("/api/simulations", json=VALID).status_code,
                client.get("/readyz").status_code,
                client.get("/simulations/", headers={"Cookie": f"sessionid={'x' * 32}"}).status_code,
            ]

        with ThreadPoolExecutor(16) as threads:
            for _ in range(3):
                self.assertEqual(set(map(tuple, threads.map(every, range(32)))), {(200, 200, 201, 200, 302)})
                self.assertGreater(self.lose(), 2)
