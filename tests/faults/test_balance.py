"""Kept-alive connections are shared evenly by the workers."""

import socket
from contextlib import ExitStack

from tests.faults.processes import children, clients
from tests.faults.service import WITHIN, Server, ServiceTestCase, at_once, wait_until

# Nearly always, each worker gets half, but one that others keep from the CPU may be late. Without balance,
# all connections often go to one worker.
CLIENTS, FAIR, ROUNDS = 16, 10, 6


class BalanceTests(ServiceTestCase):
    variables = {**ServiceTestCase.variables, "WEB_CONCURRENCY": "2"}

    def setUp(self) -> None:
        self.server = self.launch()
        self.server.client.close()  # whose connection would count
        self.opened = self.enterContext(ExitStack())
        wait_until(lambda: len(self.workers()) == 2)
        for pid in self.workers():
            wait_until(lambda pid=pid: self.is_accepting(pid))  # type: ignore[misc]
        wait_until(lambda: sum(self.shares()) == 0)

    def workers(self) -> list[int]:
        return children(self.server.process.pid)

    def is_accepting(self, pid: int) -> bool:
        """Return whether a worker has accepted a new connection; the other may be first."""
        with connect(self.server):
            return bool(clients(pid, self.server.port))

    def shares(self) -> list[int]:
        """Return how many connections each worker has."""
        return [len(clients(pid, self.server.port)) for pid in self.workers()]

    def open(self, count: int) -> list[socket.socket]:
        return [self.opened.enter_context(connect(self.server)) for _ in range(count)]

    def test_connections_that_are_opened_at_once_are_shared(self) -> None:
        largest = []
        for _ in range(ROUNDS):
            wait_until(lambda: sum(self.shares()) == 0)
            opened = at_once(CLIENTS, lambda number: connect(self.server))
            largest.append(max(self.shares()))
            for client in opened:
                client.close()
        self.assertLessEqual(sum(largest), FAIR * ROUNDS, largest)

    def test_new_connections_go_to_an_idle_worker(self) -> None:
        first = self.open(2 * CLIENTS)
        idle = self.workers()[0]
        mine = clients(idle, self.server.port)
        for client in first:
            if client.getsockname()[1] in mine:
                client.close()
        wait_until(lambda: not clients(idle, self.server.port))
        self.open(len(mine))
        self.assertGreater(len(clients(idle, self.server.port)), len(mine) * FAIR / CLIENTS)


def connect(server: Server) -> socket.socket:
    """Open a connection, and send a request on it."""
    client = socket.create_connection(("127.0.0.1", server.port), WITHIN)
    client.sendall(f"GET /api/me HTTP/1.1\r\nHost: localhost\r\nX-API-Key: {server.key}\r\n\r\n".encode())
    assert client.recv(2**16).startswith(b"HTTP/1.1 200 ")
    return client
