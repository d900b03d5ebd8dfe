"""A network that can be slow, silent or cut: what goes to a port passes through here."""

import asyncio
import socket
from collections.abc import Coroutine
from contextlib import suppress
from threading import Thread
from typing import Any, TypeVar

from tests.live import free_port

T = TypeVar("T")

SIZE = 2**16  # bytes that are passed on at once
TCP_REPAIR = 19  # Linux's, with which a connection that is closed is forgotten, and the other end not told


class Wire:
    """Passes bytes on between a port of its own and another, in a thread of its own, until it is closed."""

    def __init__(self, target: int) -> None:
        """Listen."""
        self.target, self.port = target, free_port()
        self.delay = 0.0  # seconds for which each piece is on its way
        self.flowing = asyncio.Event()
        self.flowing.set()
        self.links: list[tuple[asyncio.StreamWriter, asyncio.StreamWriter]] = []
        self.loop = asyncio.new_event_loop()
        self.thread = Thread(target=self.loop.run_forever, daemon=True)
        self.thread.start()
        self.server = self.call(asyncio.start_server(self.link, "127.0.0.1", self.port))

    def call(self, act: Coroutine[Any, Any, T]) -> T:
        """Run something in the thread of the wire, and return its result."""
        return asyncio.run_coroutine_threadsafe(act, self.loop).result(60)

    async def link(self, near: asyncio.StreamReader, client: asyncio.StreamWriter) -> None:
        """Connect a client, and pass on what either side sends until one of them closes."""
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
        with suppress(ValueError):  # it was cut
            self.links.remove((client, server))

    async def pump(self, source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
        """Pass on what comes from one side."""
        while data := await source.read(SIZE):
            await asyncio.sleep(self.delay)
            await self.flowing.wait()
            sink.write(data)
            await sink.drain()
        sink.close()

    def stall(self) -> None:
        """Let nothing through, and close nothing."""
        self.call(self.set_flowing(False))

    def resume(self) -> None:
        """Let through what waited, and all that comes."""
        self.call(self.set_flowing(True))

    async def set_flowing(self, flowing: bool) -> None:
        """Stall or resume."""
        self.flowing.set() if flowing else self.flowing.clear()

    def cut(self) -> None:
        """Reset all connections, at both ends."""
        self.call(self.abort())

    def vanish(self) -> None:
        """Reset the clients' ends, and tell the other nothing, as when the clients' machine is switched off.

        That takes the rights of root; without them, the other end is reset too.
        """
        self.call(self.abort(silently=True))

    async def abort(self, silently: bool = False) -> None:
        """Cut or vanish."""
        for client, server in self.links:
            if silently:
                with suppress(OSError):  # no rights, or it is closed already
                    server.get_extra_info("socket").setsockopt(socket.IPPROTO_TCP, TCP_REPAIR, 1)
            server.transport.abort()
            client.transport.abort()
        self.links.clear()

    def close(self) -> None:
        """End it and all that goes through it."""
        self.cut()
        self.call(self.end())
        self.loop.call_soon_threadsafe(self.loop.stop)
        self.thread.join(60)
        self.loop.close()

    async def end(self) -> None:
        """Listen no more, and end what still waits."""
        self.server.close()
        tasks = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
