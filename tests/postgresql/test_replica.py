from typing import Any, ClassVar
from unittest import skipUnless

import httpx

from tests.base import VALID
from tests.faults.redis_server import RedisServer, needs_redis, start_redis
from tests.faults.service import wait_until
from tests.live import LiveTestCase
from tests.postgresql.cluster import BINARIES, Cluster


@needs_redis
@skipUnless(BINARIES, "needs PostgreSQL's programs")
class ReplicaTests(LiveTestCase):
    """A primary and a standby, which is held up so that one can tell from which of them an answer comes."""

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
        self.let_the_standby_catch_up()
        self.server, self.alice = self.start()
        self.alice.get("/api/simulations")  # which connects to the standby
        self.bob = self.enterContext(
            httpx.Client(base_url=self.alice.base_url, headers={"X-API-Key": self.bobs_key}, timeout=30)
        )

    def let_the_standby_catch_up(self) -> None:
        ((place,),) = self.primary.execute("SELECT pg_current_wal_insert_lsn()")
        self.standby.execute("SELECT pg_wal_replay_resume()")
        caught_up = f"SELECT pg_last_wal_replay_lsn() >= '{place}'"
        wait_until(lambda: self.standby.execute(caught_up) == [(True,)])

    def hold_the_standby(self) -> None:
        """Keep it as it is now, whatever is written."""
        self.let_the_standby_catch_up()
        self.standby.execute("SELECT pg_wal_replay_pause()")
        state = "SELECT pg_get_wal_replay_pause_state()"
        wait_until(lambda: self.standby.execute(state) == [("paused",)])

    def write_past_the_service(self, name: str, owner: str) -> None:
        """Make a row of which the service's processes do not know that it was written."""
        self.primary.execute(
            "INSERT INTO simulations_simulation (id, created_at, updated_at, version, name, "
            "start_date, end_date, owner_id, changed_by, changed_key, changed_via, changed_request) "
            f"SELECT '{name:x<20}', now(), now(), 1, '{name}', "
            "'2026-01-01', '2026-01-02', id, '', '', '', '' "
            f"FROM accounts_user WHERE username = '{owner}'"
        )

    def test_others_read_the_standby_and_who_wrote_the_primary_until_it_has_what_they_wrote(self) -> None:
        self.hold_the_standby()
        self.write_past_the_service("hidden", "bob")
        for number in range(20):
            made = self.alice.post("/api/simulations", json=VALID).json()["id"]
            listed = self.alice.get("/api/simulations?count=true").json()
            self.assertEqual((listed["count"], listed["items"][0]["id"]), (number + 1, made))
            self.assertIn(made, self.alice.get("/api/simulations/export").text)
        self.assertEqual(self.bob.get("/api/simulations").json()["items"], [])
        self.assertNotIn("hidden", self.bob.get("/api/simulations/export").text)

        self.hold_the_standby()  # again, as it is now
        self.assertEqual(names(self.bob), ["hidden"])
        self.write_past_the_service("unseen", "alice")
        self.assertNotIn("unseen", names(self.alice))

    def test_each_kind_of_write_is_read_at_once(self) -> None:
        address = self.alice.post("/api/simulations", json=VALID).headers["Location"]
        self.hold_the_standby()
        self.alice.patch(address, json={"name": "changed"})
        self.assertEqual(names(self.alice), ["changed"])
        self.hold_the_standby()
        self.alice.post("/api/simulations/bulk", json={"items": [VALID]})
        self.assertEqual(len(names(self.alice)), 2)
        self.hold_the_standby()
        self.alice.delete(address)
        self.assertEqual(len(names(self.alice)), 1)
        self.hold_the_standby()
        again = {"headers": {"Idempotency-Key": "once"}, "json": {**VALID, "name": "once"}}
        self.alice.post("/api/simulations", **again)  # type: ignore[arg-type]
        self.assertIn("once", names(self.alice))

    def test_all_is_read_from_the_primary_while_the_standby_is_gone(self) -> None:
        self.standby.stop()
        self.addCleanup(self.standby.start)
        self.write_past_the_service("shown", "bob")
        for _ in range(20):
            self.assertEqual(names(self.bob), ["shown"])

    def test_all_is_read_from_the_primary_while_redis_is_gone(self) -> None:
        self.hold_the_standby()
        self.write_past_the_service("shown", "bob")
        self.assertEqual(names(self.bob), [])
        self.redis.kill()
        self.addCleanup(self.redis.start)
        self.assertEqual(self.alice.post("/api/simulations", json=VALID).status_code, 201)
        self.assertEqual(names(self.bob), ["shown"])


def names(client: httpx.Client) -> list[Any]:
    """Return the names of all that a client has."""
    return [item["name"] for item in client.get("/api/simulations").json()["items"]]
