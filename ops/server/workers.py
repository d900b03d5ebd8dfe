"""gunicorn's threaded worker, in which no client occupies a thread for long."""

import errno
import selectors
import socket
import struct
from contextlib import suppress
from functools import partial
from typing import Any

from gunicorn.workers.gthread import ThreadWorker

from ops.server.balance import NO_WORKER, let_others_accept, tell


class Worker(ThreadWorker):  # type: ignore[misc]
    """Leaves new connections to workers with fewer, and waits for a client's first byte in the main loop.

    gunicorn's own worker has a thread wait for that byte, as its main loop does only between two requests.
    It also blocks the main loop while it closes a connection.
    """

    def notify(self) -> None:
        """Tell the master that this worker runs, and the other workers how many connections it has."""
        super().notify()
        tell(self.slot, self.nr_conns if self.alive else NO_WORKER)

    def accept(self, listener: Any) -> None:
        """Accept a connection, unless a worker with fewer takes it."""
        let_others_accept(self.nr_conns)
        super().accept(listener)
        tell(self.slot, self.nr_conns)

    def enqueue_req(self, conn: Any) -> None:
        """Pass a connection to the threads; wait in the main loop first if it is new."""
        if conn.timeout is not None:
            super().enqueue_req(conn)
            return
        conn.sock = ClientSocket(fileno=conn.sock.detach())
        conn.sock.setblocking(False)
        conn.close = partial(self.tpool.submit, conn.close)
        conn.set_timeout()
        self.keepalived_conns.append(conn)
        readable = partial(self.on_client_socket_readable, conn)
        self.poller.register(conn.sock, selectors.EVENT_READ, readable)


class ClientSocket(socket.socket):
    """Raises ConnectionResetError when the client hangs up, or neither sends nor reads for a minute.

    gunicorn would otherwise wait forever, and take the part of a body that has arrived for all of it.
    """

    STALLED = 60  # seconds, as nginx's client_body_timeout and send_timeout

    def __init__(self, fileno: int) -> None:
        """Take over a connected socket. Each system call may take STALLED seconds."""
        super().__init__(fileno=fileno)
        for option in (socket.SO_RCVTIMEO, socket.SO_SNDTIMEO):
            self.setsockopt(socket.SOL_SOCKET, option, struct.pack("@ll", self.STALLED, 0))

    def recv(self, size: int, flags: int = 0) -> bytes:
        """Receive at least one byte."""
        try:
            data = super().recv(size, flags)
        except BlockingIOError:
            data = b""
        return data or self.give_up()

    def sendall(self, data: Any, flags: int = 0) -> None:
        """Send all of the data."""
        try:
            super().sendall(data, flags)
        except BlockingIOError:
            self.give_up()

    def give_up(self) -> bytes:
        """Raise the error that gunicorn passes over. A response can still be sent."""
        with suppress(OSError):
            self.shutdown(socket.SHUT_RD)
        raise ConnectionResetError(errno.ECONNRESET, "The client hung up or stalled.")
