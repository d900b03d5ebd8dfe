"""A Redis server for one test class."""

import shutil
import subprocess
import tempfile
from pathlib import Path
from unittest import TestCase, skipUnless

import redis

from tests.faults.service import wait_until
from tests.live import kill

needs_redis = skipUnless(shutil.which("redis-server"), "redis-server is not installed")


class RedisServer:
    """Stores nothing on disk, and listens on a Unix socket in its folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.url = f"unix://{folder / 'redis.sock'}"
        self.start()

    def start(self) -> None:
        """Start Redis, and wait until it responds."""
        listen = f"--port 0 --unixsocket {self.folder}/redis.sock".split()
        self.process = subprocess.Popen(
            ["redis-server", *listen, "--save", "", "--dir", self.folder],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            start_new_session=True,
        )
        with redis.Redis.from_url(self.url) as client:
            wait_until(lambda: responds(client))

    def kill(self) -> None:
        kill(self.process)


def start_redis(case: type[TestCase]) -> RedisServer:
    """Start a Redis server, and stop it after the test class."""
    server = RedisServer(Path(case.enterClassContext(tempfile.TemporaryDirectory())))
    case.addClassCleanup(server.kill)
    return server


def responds(client: redis.Redis) -> bool:
    """Return whether Redis responds."""
    try:
        return bool(client.ping())
    except redis.ConnectionError:
        return False
