"""A primary that crashes under load, and its synchronous standby, which replaces it."""

from tests.faults.figures import times
from tests.faults.postgres import NAME, ROLE, PostgresTestCase
from tests.faults.service import wait_until
from tests.postgresql.cluster import Cluster

IN_SYNC = "SELECT count(*) FROM pg_stat_replication WHERE sync_state = 'sync' AND state = 'streaming'"


class FailoverTests(PostgresTestCase):
    standby: Cluster

    @classmethod
    def database(cls) -> str:
        """Start a primary and a standby, and return a URL with both hosts."""
        super().database()
        cls.start_standby()
        hosts = f"127.0.0.1:{cls.cluster.port},127.0.0.1:{cls.standby.port}"
        return f"postgres://{ROLE}@{hosts}/{NAME}?target_session_attrs=read-write"

    @classmethod
    def start_standby(cls, port: int | None = None) -> None:
        """Start a synchronous standby: from then on, the primary acknowledges nothing without it."""
        primary, cls.standby = cls.cluster, cls.cluster.standby(port=port)
        cls.addClassCleanup(cls.standby.remove)
        primary.execute("ALTER SYSTEM SET synchronous_standby_names = '*'")
        primary.execute("SELECT pg_reload_conf()")
        wait_until(lambda: primary.execute(IN_SYNC) == [(1,)])

    def test_a_promoted_standby_has_every_acknowledged_write(self) -> None:
        server = self.launch()
        with self.load("primary stopped (immediate), standby promoted", server.address) as load:
            for _ in range(times(5, 1)):
                self.cluster.stop()
                load.await_failures()
                self.standby.promote()
                load.recover()
                type(self).cluster, old = self.standby, self.cluster
                self.start_standby(old.port)
                load.work(1)
