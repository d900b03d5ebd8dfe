"""A live server for tests: a gunicorn process with its own database, and a client."""

import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from contextlib import suppress
from pathlib import Path
from typing import ClassVar
from urllib.parse import quote, urlencode
from uuid import uuid4

import httpx
import psycopg
from django.conf import settings
from django.test import SimpleTestCase
from psycopg.conninfo import conninfo_to_dict
from psycopg.sql import SQL, Composed, Identifier

START_WITHIN = 60.0  # seconds; a start takes about two

# Empty values are treated as unset, and override the environment of the tests and a .env file.
EMPTY = dict.fromkeys(
    (
        "DEBUG",
        "HTTPS",
        "ALLOWED_HOSTS",
        "HOST",
        "REDIS_URL",
        "RATE_LIMIT",
        "RATE_LIMIT_ANONYMOUS",
        "REQUIRE_IF_MATCH",
        "SIGNUP",
        "EMAIL_URL",
        "EMAIL_FROM",
        "TRUSTED_PROXIES",
        "CONNECT_TIMEOUT",
        "STATEMENT_TIMEOUT",
        "PGBOUNCER",
        "REPLICA_URL",
        "LOG_FORMAT",
        "METRICS_TOKEN",
        "SENTRY_DSN",
    ),
    "",
)


class LiveTestCase(SimpleTestCase):
    """Each test starts its own server, and decides how it ends."""

    arguments: ClassVar[tuple[str, ...]] = ()  # of gunicorn
    variables: ClassVar[dict[str, str]] = {}  # of the environment, besides those that all live servers have
    environment: dict[str, str]
    folder: Path
    key: str

    @classmethod
    def setUpClass(cls) -> None:
        super().setUpClass()
        cls.folder = Path(cls.enterClassContext(tempfile.TemporaryDirectory()))
        inherited = {name: value for name, value in os.environ.items() if name != "DJANGO_SETTINGS_MODULE"}
        cls.environment = {
            **inherited,
            **EMPTY,
            "DATABASE_URL": cls.database(),
            "SECRET_KEY": uuid4().hex * 2,
            "WEB_CONCURRENCY": "2",
            **cls.variables,
        }
        cls.manage("migrate", "--verbosity", "0")
        # `make test` collects them first, because other test processes read them.
        if not (settings.STATIC_ROOT / "staticfiles.json").exists():
            cls.manage("collectstatic", "--noinput", "--verbosity", "0")
        cls.key = cls.manage("issue_key", "alice", "--create-user").strip()

    @classmethod
    def database(cls) -> str:
        """Create a database for this class on the server of the settings, and return its URL."""
        if settings.ON_SQLITE:
            return f"sqlite:///{quote(str(cls.folder / 'live.sqlite3'))}"
        name = f"goatfish_live_{uuid4().hex}"
        administer(SQL("CREATE DATABASE {}").format(Identifier(name)))
        cls.addClassCleanup(administer, SQL("DROP DATABASE {} WITH (FORCE)").format(Identifier(name)))
        options = {**conninfo_to_dict(settings.DATABASE_URL), "dbname": name}
        return f"postgres://?{urlencode(options, quote_via=quote)}"

    @classmethod
    def manage(cls, *arguments: str) -> str:
        """Run a manage.py command, and return its output."""
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

    def start(self) -> tuple[subprocess.Popen[bytes], httpx.Client]:
        """Start gunicorn and wait for `/readyz`; return the process and a client with alice's key."""
        port = free_port()
        log = self.folder / f"{port}.log"
        with log.open("wb") as output:
            server = subprocess.Popen(
                [Path(sys.executable).with_name("gunicorn"), *self.arguments],
                cwd=settings.BASE_DIR,
                env={**self.environment, "PORT": str(port)},
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                start_new_session=True,  # a new process group, so that kill() also ends the workers
            )
        self.addCleanup(kill, server)
        client = self.enterContext(
            httpx.Client(base_url=f"http://127.0.0.1:{port}", headers={"X-API-Key": self.key}, timeout=30)
        )
        deadline = time.monotonic() + START_WITHIN
        while not is_ready(client):
            with suppress(subprocess.TimeoutExpired):
                server.wait(0.05)
                self.fail(f"gunicorn ended with {server.returncode}: {log.read_text()}")
            self.assertLess(time.monotonic(), deadline, f"gunicorn is not ready: {log.read_text()}")
        return server, client


def administer(statement: Composed) -> None:
    """Execute a statement in the database `postgres` of the settings' server."""
    with psycopg.connect(settings.DATABASE_URL, dbname="postgres", autocommit=True) as connection:
        connection.execute(statement)


def free_port() -> int:
    """Return a port that is free at the moment."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])


def is_ready(client: httpx.Client) -> bool:
    """Return whether the service can serve requests."""
    try:
        return client.get("/readyz").status_code == 200
    except httpx.TransportError:
        return False


def kill(server: subprocess.Popen[bytes]) -> None:
    """Kill a server and its workers, as a power cut would, and reap it."""
    with suppress(ProcessLookupError):
        os.killpg(server.pid, signal.SIGKILL)
    server.wait(60)
