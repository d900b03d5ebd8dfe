"""A Redis of a test's own."""

import shutil
import subprocess
import tempfile
from pathlib import Path
from unittest import TestCase, skipUnless

import redis

from tests.faults.service import wait_until
from tests.live import kill

needs_redis = skipUnless(shutil.which("redis-server"), "needs a redis-server to start")


class RedisServer:
    """Forgets everything when it ends, and listens on a Unix socket in its folder."""

    def __init__(self, folder: Path) -> None:
        """Start it."""
        self.folder = folder
        self.url = f"unix://{folder / 'redis.sock'}"
        self.start()

    def start(self) -> None:
        """Start it, and wait until it answers."""
        listen = f"--port 0 --unixsocket {self.folder}/redis.sock".split()
        self.process = subprocess.Popen(
            ["redis-server", *listen, "--save", "", "--dir", self.folder],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            start_new_session=True,
        )
        with redis.Redis.from_url(self.url) as client:
            wait_until(lambda: answers(client))

    def kill(self) -> None:
        """End it at once."""
        kill(self.process)


def start_redis(case: type[TestCase]) -> RedisServer:
    """Start a Redis that ends with a class of tests."""
    server = RedisServer(Path(case.enterClassContext(tempfile.TemporaryDirectory())))
    case.addClassCleanup(server.kill)
    return server


def answers(client: redis.Redis) -> bool:
    """Tell whether a Redis is there."""
    try:
        return bool(client.ping())
    except redis.ConnectionError:
        return False
