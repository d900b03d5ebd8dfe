"""The service on a PostgreSQL server of a test's own, to be stopped, filled and promoted."""

from unittest import skipUnless

from tests.faults.experiments import ExperimentTestCase
from tests.postgresql.cluster import BINARIES, Cluster

ROLE = NAME = "goatfish"  # no superuser: to one, PostgreSQL grants what it refuses to others
MOST = 40  # connections


@skipUnless(BINARIES, "needs PostgreSQL's programs")
class PostgresTestCase(ExperimentTestCase):
    """What the server acknowledges is on its disk: fsync is on, as shipped."""

    cluster: Cluster

    @classmethod
    def database(cls) -> str:
        """Make the server, and return the URL of its one database."""
        cls.cluster = Cluster.primary(f"max_connections={MOST}")
        cls.addClassCleanup(cls.cluster.remove)
        cls.cluster.execute(f"CREATE ROLE {ROLE} LOGIN")
        cls.cluster.execute(f"CREATE DATABASE {NAME} OWNER {ROLE}")
        return f"postgres://{ROLE}@127.0.0.1:{cls.cluster.port}/{NAME}"

    def end_sessions(self) -> int:
        """End all sessions of the service, and return how many there were."""
        mine = f"usename = '{ROLE}' AND application_name = ''"
        return len(
            self.cluster.execute(f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE {mine}")
        )
