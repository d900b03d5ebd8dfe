"""A TCP proxy that simulates a network that is slow, stalls or breaks connections."""

import asyncio
import socket
from collections.abc import Coroutine
from contextlib import suppress
from threading import Thread
from typing import Any, TypeVar

from tests.live import free_port

T = TypeVar("T")

SIZE = 2**16  # bytes that are forwarded at a time
TCP_REPAIR = 19  # a Linux socket option: closing the connection sends nothing to the other end


class Wire:
    """Forwards a port of its own to another, in a thread of its own, until it is closed."""

    def __init__(self, target: int) -> None:
        """Forward a new port to the port `target`."""
        self.target, self.port = target, free_port()
        self.delay = 0.0  # seconds by which each chunk is delayed
        self.flowing = asyncio.Event()
        self.flowing.set()
        self.links: list[tuple[asyncio.StreamWriter, asyncio.StreamWriter]] = []
        self.loop = asyncio.new_event_loop()
        self.thread = Thread(target=self.loop.run_forever, daemon=True)
        self.thread.start()
        self.server = self.call(asyncio.start_server(self.link, "127.0.0.1", self.port))

    def call(self, act: Coroutine[Any, Any, T]) -> T:
        """Run a coroutine in the thread of the wire, and return its result."""
        return asyncio.run_coroutine_threadsafe(act, self.loop).result(60)

    async def link(self, near: asyncio.StreamReader, client: asyncio.StreamWriter) -> None:
        """Connect a client, and forward in both directions until one side closes."""
        try:
            far, server = await asyncio.open_connection("127.0.0.1", self.target)
        except OSError:
            client.transport.abort()
            return
        self.links.append((client, server))
        try:
            with suppress(asyncio.CancelledError):
                await asyncio.gather(self.pump(near, server), self.pump(far, client))
        except OSError:
            client.transport.abort()
            server.transport.abort()
        with suppress(ValueError):  # after a reset
            self.links.remove((client, server))

    async def pump(self, source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
        """Forward what one side sends."""
        while data := await source.read(SIZE):
            await asyncio.sleep(self.delay)
            await self.flowing.wait()
            sink.write(data)
            await sink.drain()
        sink.close()

    def stall(self) -> None:
        """Forward nothing, and keep all connections open."""
        self.call(self.set_flowing(False))

    def resume(self) -> None:
        """Forward again, starting with what has accumulated."""
        self.call(self.set_flowing(True))

    async def set_flowing(self, flowing: bool) -> None:
        self.flowing.set() if flowing else self.flowing.clear()

    def reset(self) -> None:
        """Reset all connections at both ends."""
        self.call(self.abort())

    def vanish(self) -> None:
        """Reset the clients' ends without notifying the server, as when the clients' machine loses power.

        This requires root. Without it, the server's ends are reset too.
        """
        self.call(self.abort(silently=True))

    async def abort(self, silently: bool = False) -> None:
        for client, server in self.links:
            if silently:
                with suppress(OSError):  # not root, or already closed
                    server.get_extra_info("socket").setsockopt(socket.IPPROTO_TCP, TCP_REPAIR, 1)
            server.transport.abort()
            client.transport.abort()
        self.links.clear()

    def close(self) -> None:
        """Stop forwarding, and reset all connections."""
        self.reset()
        self.call(self.shut_down())
        self.loop.call_soon_threadsafe(self.loop.stop)
        self.thread.join(60)
        self.loop.close()

    async def shut_down(self) -> None:
        """Close the listener, and cancel all other tasks."""
        self.server.close()
        tasks = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
