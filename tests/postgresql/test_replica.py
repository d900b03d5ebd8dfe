from typing import Any, ClassVar
from unittest import skipUnless

import httpx

from tests.base import VALID
from tests.faults.redis_server import RedisServer, needs_redis, start_redis
from tests.faults.service import wait_until
from tests.live import LiveTestCase
from tests.postgresql.cluster import BINARIES, Cluster


@needs_redis
@skipUnless(BINARIES, "PostgreSQL's programs are not installed")
class ReplicaTests(LiveTestCase):
    """A primary and a standby, whose replay is paused to tell which of them a response comes from."""

    primary: ClassVar[Cluster]
    standby: ClassVar[Cluster]
    redis: ClassVar[RedisServer]
    bobs_key: ClassVar[str]

    @classmethod
    def setUpClass(cls) -> None:
        cls.primary = Cluster.primary()
        cls.addClassCleanup(cls.primary.remove)
        cls.standby = cls.primary.standby()
        cls.addClassCleanup(cls.standby.remove)
        cls.redis = start_redis(cls)
        cls.variables = {"REPLICA_URL": cls.standby.url, "REDIS_URL": cls.redis.url, "RATE_LIMIT": "off"}
        super().setUpClass()
        cls.bobs_key = cls.manage("issue_key", "bob", "--create-user").strip()

    @classmethod
    def database(cls) -> str:
        return cls.primary.url

    def setUp(self) -> None:
        self.primary.execute("DELETE FROM simulations_simulation")
        self.resume_standby()
        self.server, self.alice = self.start()
        self.alice.get("/api/simulations")  # connects to the standby
        self.bob = self.enterContext(
            httpx.Client(base_url=self.alice.base_url, headers={"X-API-Key": self.bobs_key}, timeout=30)
        )

    def resume_standby(self) -> None:
        ((place,),) = self.primary.execute("SELECT pg_current_wal_insert_lsn()")
        self.standby.execute("SELECT pg_wal_replay_resume()")
        caught_up = f"SELECT pg_last_wal_replay_lsn() >= '{place}'"
        wait_until(lambda: self.standby.execute(caught_up) == [(True,)])

    def pause_standby(self) -> None:
        """Pause replay once the standby has caught up."""
        self.resume_standby()
        self.standby.execute("SELECT pg_wal_replay_pause()")
        state = "SELECT pg_get_wal_replay_pause_state()"
        wait_until(lambda: self.standby.execute(state) == [("paused",)])

    def insert_directly(self, name: str, owner: str) -> None:
        """Insert a row into the primary without the service's knowledge."""
        self.primary.execute(
            "INSERT INTO simulations_simulation (id, owner_id, name, start_date, end_date, version,"
            " created_at, updated_at, changed_by, changed_key, changed_via, changed_request) "
            f"SELECT '{name:x<20}', id, '{name}', '2026-01-01', '2026-01-02', 1, now(), now(), '', '', '', ''"
            f" FROM accounts_user WHERE username = '{owner}'"
        )

    def test_writers_read_the_primary_until_the_standby_has_caught_up(self) -> None:
        self.pause_standby()
        self.insert_directly("hidden", "bob")
        for number in range(20):
            created = self.alice.post("/api/simulations", json=VALID).json()["id"]
            listed = self.alice.get("/api/simulations?count=true").json()
            self.assertEqual((listed["count"], listed["items"][0]["id"]), (number + 1, created))
            self.assertIn(created, self.alice.get("/api/simulations/export").text)
        self.assertEqual(self.bob.get("/api/simulations").json()["items"], [])
        self.assertNotIn("hidden", self.bob.get("/api/simulations/export").text)

        self.pause_standby()
        self.assertEqual(names(self.bob), ["hidden"])
        self.insert_directly("unseen", "alice")
        self.assertNotIn("unseen", names(self.alice))

    def test_users_read_their_own_writes_of_every_kind(self) -> None:
        url = self.alice.post("/api/simulations", json=VALID).headers["Location"]
        self.pause_standby()
        self.alice.patch(url, json={"name": "changed"})
        self.assertEqual(names(self.alice), ["changed"])
        self.pause_standby()
        self.alice.post("/api/simulations/bulk", json={"items": [VALID]})
        self.assertEqual(len(names(self.alice)), 2)
        self.pause_standby()
        self.alice.delete(url)
        self.assertEqual(len(names(self.alice)), 1)
        self.pause_standby()
        retried = {"headers": {"Idempotency-Key": "once"}, "json": {**VALID, "name": "once"}}
        self.alice.post("/api/simulations", **retried)  # type: ignore[arg-type]
        self.assertIn("once", names(self.alice))

    def test_reads_use_the_primary_while_the_standby_is_down(self) -> None:
        self.standby.stop()
        self.addCleanup(self.standby.start)
        self.insert_directly("shown", "bob")
        for _ in range(20):
            self.assertEqual(names(self.bob), ["shown"])

    def test_reads_use_the_primary_while_redis_is_down(self) -> None:
        self.pause_standby()
        self.insert_directly("shown", "bob")
        self.assertEqual(names(self.bob), [])
        self.redis.kill()
        self.addCleanup(self.redis.start)
        self.assertEqual(self.alice.post("/api/simulations", json=VALID).status_code, 201)
        self.assertEqual(names(self.bob), ["shown"])


def names(client: httpx.Client) -> list[Any]:
    """Return the names of a client's simulations."""
    return [item["name"] for item in client.get("/api/simulations").json()["items"]]
