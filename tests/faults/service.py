"""The service as a process, and many callers at once."""

import os
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from threading import Barrier
from typing import Any, TypeVar
from urllib.parse import quote, unquote, urlencode
from uuid import uuid4

import httpx
import psycopg
from django.conf import settings
from django.test import SimpleTestCase
from psycopg.conninfo import conninfo_to_dict
from psycopg.sql import SQL, Identifier

from tests.test_live import administer, free_port, is_ready, kill

T = TypeVar("T")

VALID = {"name": "Monsoon season", "start_date": "2026-06-01", "end_date": "2026-09-30"}
WITHIN = 60.0  # seconds that anything may take before a test gives up; all of it takes a fraction of that


class ServiceTestCase(SimpleTestCase):
    """Gunicorn on a database of the class's own, which `variables` sets up."""

    variables: dict[str, str] = {"RATE_LIMIT": "off"}
    environment: dict[str, str]
    folder: Path
    key: str

    # ---- As in tests/test_live.py: to be merged with it. ----

    @classmethod
    def setUpClass(cls) -> None:
        super().setUpClass()
        cls.folder = Path(cls.enterClassContext(tempfile.TemporaryDirectory()))
        names = (
            "DEBUG",
            "HTTPS",
            "ALLOWED_HOSTS",
            "HOST",
            "METRICS_TOKEN",
            "REDIS_URL",
            "RATE_LIMIT",
            "RATE_LIMIT_ANONYMOUS",
            "REQUIRE_IF_MATCH",
        )
        cls.environment = {
            **os.environ,
            **dict.fromkeys(names, ""),
            "DATABASE_URL": cls.database(),
            "SECRET_KEY": uuid4().hex * 2,
            "WEB_CONCURRENCY": "2",
            **cls.variables,
        }
        cls.manage("migrate", "--verbosity", "0")
        cls.key = cls.manage("issue_key", "alice", "--create-user").strip()

    @classmethod
    def database(cls) -> str:
        """Make a database, and return its URL."""
        if settings.ON_SQLITE:
            return f"sqlite:///{quote(str(cls.folder / 'live.sqlite3'))}"
        name = f"goatfish_live_{uuid4().hex}"
        administer(SQL("CREATE DATABASE {}").format(Identifier(name)))
        cls.addClassCleanup(administer, SQL("DROP DATABASE {} WITH (FORCE)").format(Identifier(name)))
        options = {**conninfo_to_dict(settings.DATABASE_URL), "dbname": name}
        return f"postgres://?{urlencode(options, quote_via=quote)}"

    @classmethod
    def manage(cls, *arguments: str) -> str:
        """Run a command of manage.py, and return what it prints."""
        result = subprocess.run(
            [sys.executable, "manage.py", *arguments],
            cwd=settings.BASE_DIR,
            env=cls.environment,
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
        )
        if result.returncode:
            raise AssertionError(f"manage.py {arguments[0]} failed: {result.stderr}")
        return result.stdout

    @classmethod
    def start(cls) -> "Server":
        """Start gunicorn; return it once `/readyz` is content. It ends with the class at the latest."""
        server = Server(cls.folder, cls.environment, cls.key)
        cls.addClassCleanup(server.kill)
        wait_until(server.is_ready)
        return server

    # ---- The end of what is to be merged. ----

    def row_count(self) -> int:
        """Count the simulations in the database itself, beside the service."""
        query, url = "SELECT count(*) FROM simulations_simulation", self.environment["DATABASE_URL"]
        if settings.ON_SQLITE:
            with closing(sqlite3.connect(unquote(url.removeprefix("sqlite:///")))) as file:
                return int(file.execute(query).fetchone()[0])
        with psycopg.connect(url) as connection:
            row = connection.execute(query).fetchone()
            assert row is not None
            return int(row[0])


class Server:
    """A gunicorn and its workers, a process group of their own; `client` has alice's key."""

    def __init__(self, folder: Path, environment: dict[str, str], key: str) -> None:
        """Start it."""
        self.port, self.key = free_port(), key
        self.log = folder / f"{self.port}.log"
        with self.log.open("wb") as output:
            self.process = subprocess.Popen(
                [Path(sys.executable).with_name("gunicorn")],
                cwd=settings.BASE_DIR,
                env={**environment, "PORT": str(self.port)},
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                start_new_session=True,
            )
        self.client = httpx.Client(
            base_url=f"http://127.0.0.1:{self.port}",
            headers={"X-API-Key": key},
            timeout=WITHIN,
            limits=httpx.Limits(),  # none
        )

    def is_ready(self) -> bool:
        """Tell whether it answers. Fails when it has ended."""
        assert self.process.poll() is None, self.log.read_text()
        return is_ready(self.client)

    def kill(self) -> None:
        """End it and its workers at once, as a power cut would."""
        kill(self.process)
        self.client.close()


def wait_until(holds: Callable[[], Any]) -> None:
    """Look again and again until a condition holds. Raises AssertionError when that takes too long."""
    deadline = time.monotonic() + WITHIN
    while not holds():
        assert time.monotonic() < deadline, "this takes too long"
        time.sleep(0.01)


def at_once(count: int, act: Callable[[int], T]) -> list[T]:
    """Call `act` in so many threads, all of which begin when the last is there; return what they return."""
    start = Barrier(count, timeout=WITHIN)

    def run(number: int) -> T:
        start.wait()
        return act(number)

    with ThreadPoolExecutor(count) as threads:
        return list(threads.map(run, range(count)))
