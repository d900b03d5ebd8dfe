"""A primary that dies under load, and its synchronous standby, which takes its place."""

from tests.faults.figures import times
from tests.faults.postgres import NAME, ROLE, PostgresTestCase
from tests.faults.service import wait_until
from tests.postgresql.cluster import Cluster

IN_STEP = "SELECT count(*) FROM pg_stat_replication WHERE sync_state = 'sync' AND state = 'streaming'"


class FailoverTests(PostgresTestCase):
    standby: Cluster

    @classmethod
    def database(cls) -> str:
        """Make a primary and a standby, and name both in the URL."""
        super().database()
        cls.follow()
        hosts = f"127.0.0.1:{cls.cluster.port},127.0.0.1:{cls.standby.port}"
        return f"postgres://{ROLE}@{hosts}/{NAME}?target_session_attrs=read-write"

    @classmethod
    def follow(cls, port: int | None = None) -> None:
        """Make a standby, without which the primary acknowledges nothing from then on."""
        primary, cls.standby = cls.cluster, cls.cluster.standby(port=port)
        cls.addClassCleanup(cls.standby.remove)
        primary.execute("ALTER SYSTEM SET synchronous_standby_names = '*'")
        primary.execute("SELECT pg_reload_conf()")
        wait_until(lambda: primary.execute(IN_STEP) == [(1,)])

    def test_a_promoted_standby_has_every_acknowledged_write(self) -> None:
        server = self.launch()
        with self.load("primary stopped (immediate), standby promoted", server.address) as load:
            for _ in range(times(5, 1)):
                self.cluster.stop()
                load.await_failures()
                self.standby.promote()
                load.recover()
                type(self).cluster, gone = self.standby, self.cluster
                self.follow(gone.port)
                load.work(1)
