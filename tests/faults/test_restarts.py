"""Restarts of services while clients write."""

import os
import signal
import socket
import tempfile
from pathlib import Path

from tests.faults.experiments import ExperimentTestCase
from tests.faults.figures import LONG, times
from tests.faults.nginx import Nginx, needs_nginx
from tests.faults.processes import await_exit, await_new_master, await_new_workers, children
from tests.faults.service import WITHIN, Server, wait_until


class RestartTests(ExperimentTestCase):
    def test_a_reload_fails_no_request(self) -> None:
        server = self.serve()
        master = server.process.pid
        with self.load("reload (SIGHUP)", server.address, graceful=True) as load:
            for _ in range(times(20, 1)):
                before = children(master)
                os.kill(master, signal.SIGHUP)
                await_new_workers(master, before)
                load.keep_working()

    def test_an_in_place_upgrade_fails_no_request(self) -> None:
        server = self.serve()
        master = server.process.pid
        with self.load("new master (SIGUSR2, SIGTERM)", server.address, graceful=True) as load:
            for number in range(times(10, 1)):
                old = master
                os.kill(old, signal.SIGUSR2)
                master = await_new_master(old)
                os.kill(old, signal.SIGTERM)
                await_exit(old)
                # The new master ignores SIGUSR2 until it has noticed the exit of the old one, in a second.
                wait_until(lambda number=number: promotions(server) > number)  # type: ignore[misc]
                load.keep_working()

    def test_a_restart_under_a_socket_unit_fails_no_request(self) -> None:
        with socket.create_server(("127.0.0.1", 0), backlog=2048) as listener:
            server = self.serve(listener)
            with self.load("restart under a socket unit (SIGTERM)", server.address, graceful=True) as load:
                for _ in range(times(10, 1)):
                    server.process.terminate()
                    self.assertEqual(server.process.wait(WITHIN), 0)
                    server = self.serve(listener)
                    load.keep_working()

    def test_a_request_in_progress_is_finished_before_shutdown(self) -> None:
        server = self.serve()
        body = b'{"name": "Slow", "start_date": "2026-06-01", "end_date": "2026-09-30"}'
        fields = {
            "Host": "127.0.0.1",
            "X-API-Key": self.key,
            "Content-Type": "application/json",
            "Content-Length": str(len(body)),
            "Expect": "100-continue",
        }
        head = "".join(f"{name}: {value}\r\n" for name, value in fields.items())
        with socket.create_connection(("127.0.0.1", server.port), WITHIN) as connection:
            connection.sendall(f"POST /api/simulations HTTP/1.1\r\n{head}\r\n".encode() + body[:10])
            self.assertEqual(
                connection.recv(100), b"HTTP/1.1 100 Continue\r\n\r\n"
            )  # a worker has accepted it
            server.process.terminate()
            wait_until(lambda: "Handling signal: term" in server.log.read_text())
            connection.sendall(body[10:])
            with connection.makefile("rb") as response:
                self.assertEqual(response.readline(), b"HTTP/1.1 201 Created\r\n")
                self.assertIn(b'"name":"Slow"', response.read())  # until the server closes the connection
        self.assertEqual(server.process.wait(WITHIN), 0)

    @needs_nginx
    def test_a_rolling_restart_fails_no_request(self) -> None:
        self.roll("rolling restart behind nginx, drained first", keep_alive=False, graceful=True)

    if LONG:  # these may fail requests

        @needs_nginx
        def test_other_rolling_restarts_are_measured(self) -> None:
            self.roll("the same, clients keep connections to nginx", keep_alive=True)
            self.roll("the same, nginx keeps connections to the services", keep_alive=True, upstream=True)
            self.roll("rolling restart behind nginx, not drained", keep_alive=False, drained=False)
            self.roll("the same, with kept connections", keep_alive=True, upstream=True, drained=False)

    def roll(
        self,
        title: str,
        *,
        keep_alive: bool,
        upstream: bool = False,
        drained: bool = True,
        graceful: bool = False,
    ) -> None:
        """Restart two services in turn. With `upstream`, nginx keeps connections to them open."""
        pair = [self.serve(), self.serve()]
        folder = Path(self.enterContext(tempfile.TemporaryDirectory()))
        nginx = Nginx(folder, pair, upstream)
        self.addCleanup(nginx.kill)
        with self.load(title, nginx.address, graceful, keep_alive) as load:
            for number in range(times(6, 1)):
                old, other = pair[number % 2], pair[1 - number % 2]
                new = self.restart(old, other, nginx if drained else None)
                pair[number % 2] = new
                nginx.send_to(pair)
                load.keep_working()

    def restart(self, old: Server, other: Server, nginx: Nginx | None) -> Server:
        """Replace a service. With `nginx`, first remove the old one from its configuration."""
        if nginx:
            nginx.send_to([other])
        old.process.terminate()
        self.assertEqual(old.process.wait(WITHIN), 0)
        return self.serve()

    def serve(self, listener: socket.socket | None = None) -> Server:
        """Start a service, and kill it after the test."""
        server = self.launch(listener)
        self.addCleanup(server.kill)
        return server


def promotions(server: Server) -> int:
    """Return how often a new master has noticed that the old one has exited."""
    return server.log.read_text().count("Master has been promoted.")
