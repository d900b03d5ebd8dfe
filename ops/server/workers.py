"""gunicorn's threads, none of which waits for a client for long."""

import errno
import socket
import struct
from concurrent.futures import Future
from contextlib import suppress
from typing import Any

from gunicorn.http.unreader import SocketUnreader
from gunicorn.workers.gthread import _DEFER, STOP_KEEPALIVE_LINGER, ThreadWorker


class Worker(ThreadWorker):  # type: ignore[misc]
    """No connection holds a thread on which nothing has come yet, and none for ever that has half a request.

    gunicorn's own keeps a thread for a client that vanished from its network until the worker ends, and keeps
    everybody waiting while a client leaves a connection open that has ended.
    """

    STALLED = 60  # seconds in which nothing moves, as in nginx's client_body_timeout and send_timeout

    def handle(self, conn: Any) -> Any:
        """Serve a request, in a thread. Where there is none yet, the main loop waits for it."""
        if not conn.initialized:
            if not conn.wait_for_data(0):
                if self.alive:
                    return _DEFER
                if not conn.wait_for_data(STOP_KEEPALIVE_LINGER):
                    return False
            for option in (socket.SO_RCVTIMEO, socket.SO_SNDTIMEO):
                conn.sock.setsockopt(socket.SOL_SOCKET, option, struct.pack("@ll", self.STALLED, 0))
            conn.init()
            conn.parser.unreader = Unreader(conn.sock)
        return super().handle(conn)

    def handle_request(self, req: Any, conn: Any) -> Any:
        """Answer a request. Raises ConnectionResetError for a client that does not read the answer."""
        try:
            return super().handle_request(req, conn)
        except BlockingIOError:
            raise given_up(conn.sock) from None

    def finish_request(self, conn: Any, fs: Future[Any]) -> None:
        """Go on with a connection, in the main loop."""
        result = None if fs.cancelled() or fs.exception() else fs.result()
        if result is False:
            self.nr_conns -= 1
            self.tpool.submit(conn.close, graceful=True)  # which takes until the client has closed its side
        elif result is _DEFER and not self.alive:  # it was told to stop since
            self.enqueue_req(conn)
        else:
            super().finish_request(conn, fs)

    def _cap_keepalive(self, deadline: float) -> None:
        """Close connections without a request by a deadline, when the worker stops."""
        super()._cap_keepalive(deadline)
        for conn in self.pending_conns:
            conn.timeout = min(conn.timeout, deadline)


class Unreader(SocketUnreader):  # type: ignore[misc]
    """Raises ConnectionResetError at the end: gunicorn's own lets a part of a body pass for the whole."""

    def chunk(self, size_hint: int | None = None) -> bytes:
        """Return what came next."""
        try:
            data: bytes = super().chunk(size_hint)
        except BlockingIOError:
            data = b""
        if not data:
            raise given_up(self.sock)
        return data


def given_up(client: socket.socket) -> ConnectionResetError:
    """Return the error for a client that has hung up, or might as well have; gunicorn passes over it."""
    with suppress(OSError):
        client.shutdown(socket.SHUT_RD)  # nobody waits for its end, and an answer can still be sent
    return ConnectionResetError(errno.ECONNRESET, "The client has hung up, or does not go on.")
