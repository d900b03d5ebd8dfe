"""The service on its own PostgreSQL server, which tests can stop, overload and promote."""

from unittest import skipUnless

from tests.faults.experiments import ExperimentTestCase
from tests.postgresql.cluster import BINARIES, Cluster

ROLE = NAME = "goatfish"  # not a superuser, to whom several of PostgreSQL's limits do not apply
MAX_CONNECTIONS = 40


@skipUnless(BINARIES, "PostgreSQL's programs are not installed")
class PostgresTestCase(ExperimentTestCase):
    """The server stores what it acknowledges: `fsync` is on, as by default."""

    cluster: Cluster

    @classmethod
    def database(cls) -> str:
        """Start the server, and return the URL of its only database."""
        cls.cluster = Cluster.primary(f"max_connections={MAX_CONNECTIONS}")
        cls.addClassCleanup(cls.cluster.remove)
        cls.cluster.execute(f"CREATE ROLE {ROLE} LOGIN")
        cls.cluster.execute(f"CREATE DATABASE {NAME} OWNER {ROLE}")
        return f"postgres://{ROLE}@127.0.0.1:{cls.cluster.port}/{NAME}"

    def terminate_sessions(self) -> int:
        """Terminate all sessions of the service, and return their number."""
        mine = f"usename = '{ROLE}' AND application_name = ''"
        return len(
            self.cluster.execute(f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE {mine}")
        )
