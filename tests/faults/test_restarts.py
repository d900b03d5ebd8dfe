"""Services that are restarted while clients write."""

import os
import signal
import socket
import tempfile
from pathlib import Path

from tests.faults.experiments import ExperimentTestCase
from tests.faults.figures import LONG, times
from tests.faults.nginx import Nginx, needs_nginx
from tests.faults.processes import await_end, await_new_master, await_new_workers, children
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
                load.go_on()

    def test_an_in_place_upgrade_fails_no_request(self) -> None:
        server = self.serve()
        master = server.process.pid
        with self.load("new master (SIGUSR2, SIGTERM)", server.address, graceful=True) as load:
            for number in range(times(10, 1)):
                old = master
                os.kill(old, signal.SIGUSR2)
                master = await_new_master(old)
                os.kill(old, signal.SIGTERM)
                await_end(old)
                # Before it has noticed, within a second, a master takes no SIGUSR2.
                wait_until(lambda number=number: promotions(server) > number)  # type: ignore[misc]
                load.go_on()

    def test_a_restart_under_a_socket_unit_fails_no_request(self) -> None:
        with socket.create_server(("127.0.0.1", 0), backlog=2048) as listener:
            server = self.serve(listener)
            with self.load("restart under a socket unit (SIGTERM)", server.address, graceful=True) as load:
                for _ in range(times(10, 1)):
                    server.process.terminate()
                    self.assertEqual(server.process.wait(WITHIN), 0)
                    server = self.serve(listener)
                    load.go_on()

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
            self.assertEqual(connection.recv(100), b"HTTP/1.1 100 Continue\r\n\r\n")  # a worker has it
            server.process.terminate()
            wait_until(lambda: "Handling signal: term" in server.log.read_text())
            connection.sendall(body[10:])
            with connection.makefile("rb") as answer:
                self.assertEqual(answer.readline(), b"HTTP/1.1 201 Created\r\n")
                self.assertIn(b'"name":"Slow"', answer.read())  # up to where the server closes
        self.assertEqual(server.process.wait(WITHIN), 0)

    @needs_nginx
    def test_a_rolling_restart_fails_no_request(self) -> None:
        self.roll("rolling restart behind nginx, drained first", keep_alive=False, graceful=True)

    if LONG:  # of these, nothing is promised

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
        """Restart two services in turns; `upstream` lets nginx keep connections to them open."""
        pair = [self.serve(), self.serve()]
        folder = Path(self.enterContext(tempfile.TemporaryDirectory()))
        nginx = Nginx(folder, pair, upstream)
        self.addCleanup(nginx.end)
        with self.load(title, nginx.address, graceful, keep_alive) as load:
            for number in range(times(6, 1)):
                old, other = pair[number % 2], pair[1 - number % 2]
                new = self.restart(old, other, nginx if drained else None)
                pair[number % 2] = new
                nginx.send_to(pair)
                load.go_on()

    def restart(self, old: Server, other: Server, nginx: Nginx | None) -> Server:
        """Stop one and start another in its place, which nginx is told of first where there is one."""
        if nginx:
            nginx.send_to([other])
        old.process.terminate()
        self.assertEqual(old.process.wait(WITHIN), 0)
        return self.serve()

    def serve(self, listener: socket.socket | None = None) -> Server:
        """Start a service that ends with the test."""
        server = self.launch(listener)
        self.addCleanup(server.kill)
        return server


def promotions(server: Server) -> int:
    """Return how often a new master has noticed that the old one is gone."""
    return server.log.read_text().count("Master has been promoted.")
