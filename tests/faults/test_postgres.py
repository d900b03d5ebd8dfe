"""PostgreSQL stops, rejects connections or writes, or is hard to reach, while clients write."""

from contextlib import ExitStack
from threading import Event

import psycopg

from tests.faults.figures import times
from tests.faults.postgres import NAME, ROLE, PostgresTestCase
from tests.faults.service import Server
from tests.faults.wire import Wire


class PostgresTests(PostgresTestCase):
    server: Server
    remote: Server  # connects to PostgreSQL through the wire
    wire: Wire

    @classmethod
    def setUpClass(cls) -> None:
        super().setUpClass()
        cls.server = cls.launch()
        cls.wire = Wire(cls.cluster.port)
        cls.addClassCleanup(cls.wire.close)
        cls.remote = cls.launch(DATABASE_URL=f"postgres://{ROLE}@127.0.0.1:{cls.wire.port}/{NAME}")

    def test_a_crash_of_postgresql_loses_no_acknowledged_writes(self) -> None:
        with self.load("PostgreSQL stopped (immediate), started again", self.server.address) as load:
            for _ in range(times(20, 2)):
                self.cluster.stop()
                load.await_failures()
                self.cluster.start()
                load.recover()

    def test_terminated_sessions_are_replaced(self) -> None:
        with self.load("all sessions terminated (pg_terminate_backend)", self.server.address) as load:
            for _ in range(times(50, 5)):
                self.terminate_sessions()
                load.recover()

    def test_requests_recover_when_postgresql_has_free_connections_again(self) -> None:
        with self.load("all connections in use by other clients", self.server.address) as load:
            for _ in range(times(10, 1)):
                with ExitStack() as taken:
                    self.take_all(taken)
                    load.await_failures()
                load.recover()

    def test_reads_continue_while_postgresql_is_read_only_and_writes_resume_afterwards(self) -> None:
        self.addCleanup(self.set_read_only, "off")
        with self.load("read-only (default_transaction_read_only)", self.server.address) as load:
            for _ in range(times(10, 1)):
                self.set_read_only("on")
                load.await_failures()
                self.assertEqual(self.server.client.get("/api/simulations").status_code, 200)
                self.set_read_only("off")
                load.recover()

    def test_broken_connections_are_replaced(self) -> None:
        with self.load("all connections to PostgreSQL reset", self.remote.address) as load:
            for _ in range(times(50, 5)):
                self.wire.reset()
                load.recover()

    def test_requests_recover_after_a_network_stall(self) -> None:
        with self.load("network to PostgreSQL stalled for 3 s", self.remote.address) as load:
            for _ in range(times(10, 1)):
                self.wire.stall()
                Event().wait(3)  # the fault itself
                self.wire.resume()
                load.recover()

    def test_no_request_fails_on_a_slow_network(self) -> None:
        with self.load("network to PostgreSQL delayed by 50 ms", self.remote.address, graceful=True) as load:
            self.wire.delay = 0.05
            load.keep_working()
            self.wire.delay = 0.0

    def test_transactions_of_a_lost_machine_are_rolled_back(self) -> None:
        """Their locks are released once PostgreSQL notices. Only requests that need these locks wait."""
        with self.load("all connections lost without notice to PostgreSQL", self.remote.address) as load:
            for _ in range(times(10, 1)):
                # With a delay, some connections are idle in the middle of a transaction.
                self.wire.delay = 0.05
                load.work(1)
                self.wire.vanish()
                self.wire.delay = 0.0
                load.keep_working()

    def take_all(self, taken: ExitStack) -> None:
        """Open connections and terminate those of the service, until it has none."""
        while True:
            try:
                taken.enter_context(
                    psycopg.connect(self.environment["DATABASE_URL"], application_name="other clients")
                )
            except psycopg.OperationalError:
                if not self.terminate_sessions():
                    return

    def set_read_only(self, value: str) -> None:
        """Turn read-only mode of the server on or off."""
        self.cluster.execute(f"ALTER SYSTEM SET default_transaction_read_only = {value}")
        self.cluster.execute("SELECT pg_reload_conf()")
