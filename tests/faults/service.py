"""The service as a process, and concurrent callers."""

import socket
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from threading import Barrier
from typing import Any, ClassVar, TypeVar
from urllib.parse import unquote
from uuid import uuid4

import httpx
import psycopg
from django.conf import settings

from tests.live import LiveTestCase, free_port, is_ready, kill

T = TypeVar("T")

# What systemd does for a service with a socket unit: pass the listener as file descriptor 3.
PASS_LISTENER = """
import os, sys
os.dup2(int(sys.argv[1]), 3)
os.environ.update(LISTEN_FDS="1", LISTEN_PID=str(os.getpid()))
os.execv(sys.argv[2], sys.argv[2:])
"""
VALID = {"name": "Monsoon season", "start_date": "2026-06-01", "end_date": "2026-09-30"}
WITHIN = 60.0  # seconds before a test gives up; everything normally takes a fraction of this


class ServiceTestCase(LiveTestCase):
    """Runs gunicorn on a database of its own; `variables` are environment variables."""

    variables: ClassVar[dict[str, str]] = {"RATE_LIMIT": "off"}

    @classmethod
    def launch(cls, listener: socket.socket | None = None, **variables: str) -> "Server":
        """Start gunicorn on a free port, or with this listener, and wait for `/readyz`.

        It is killed after the test class at the latest.
        """
        server = Server(cls.folder, {**cls.environment, **variables}, cls.key, listener)
        cls.addClassCleanup(server.kill)
        wait_until(server.is_ready)
        return server

    def row_count(self) -> int:
        """Count the simulations directly in the database."""
        query, url = "SELECT count(*) FROM simulations_simulation", self.environment["DATABASE_URL"]
        if settings.ON_SQLITE:
            with closing(sqlite3.connect(unquote(url.removeprefix("sqlite:///")))) as file:
                return int(file.execute(query).fetchone()[0])
        with psycopg.connect(url) as connection:
            row = connection.execute(query).fetchone()
            assert row is not None
            return int(row[0])


class Server:
    """A gunicorn process and its workers, in a process group of their own. `client` sends alice's key."""

    def __init__(
        self, folder: Path, environment: dict[str, str], key: str, listener: socket.socket | None = None
    ) -> None:
        self.port, self.key = listener.getsockname()[1] if listener else free_port(), key
        self.log = folder / f"{uuid4().hex}.log"
        gunicorn = [str(Path(sys.executable).with_name("gunicorn"))]
        files = [listener.fileno()] if listener else []
        with self.log.open("wb") as output:
            self.process = subprocess.Popen(
                [sys.executable, "-c", PASS_LISTENER, *map(str, files), *gunicorn] if files else gunicorn,
                pass_fds=files,
                cwd=settings.BASE_DIR,
                env={**environment, "PORT": str(self.port)},
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                start_new_session=True,
            )
        self.address = f"http://127.0.0.1:{self.port}"
        self.client = httpx.Client(
            base_url=self.address,
            headers={"X-API-Key": key},
            timeout=WITHIN,
            limits=httpx.Limits(),  # no limits
        )

    def is_ready(self) -> bool:
        """Return whether it is ready. Fail if it has exited."""
        assert self.process.poll() is None, self.log.read_text()
        return is_ready(self.client)

    def kill(self) -> None:
        """Kill it and its workers, as a power cut would."""
        kill(self.process)
        self.client.close()


def wait_until(condition: Callable[[], Any]) -> None:
    """Poll until a condition is true. Raise AssertionError on timeout."""
    deadline = time.monotonic() + WITHIN
    while not condition():
        assert time.monotonic() < deadline, "timed out"
        time.sleep(0.01)


def at_once(count: int, act: Callable[[int], T]) -> list[T]:
    """Call `act` in this many threads, which all start together. Return the results."""
    start = Barrier(count, timeout=WITHIN)

    def run(number: int) -> T:
        start.wait()
        return act(number)

    with ThreadPoolExecutor(count) as threads:
        return list(threads.map(run, range(count)))
