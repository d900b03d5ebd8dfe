"""PostgreSQL servers for tests: a primary and its standbys."""

import os
import shutil
import subprocess
import tempfile
from contextlib import suppress
from pathlib import Path

import psycopg

from tests.live import free_port

BINARIES = max(Path("/usr/lib/postgresql").glob("*/bin"), default=None)  # Debian's location
ROLE = "postgres"


class Cluster:
    """A server on a port of 127.0.0.1, with its files in a temporary folder."""

    def __init__(self, port: int | None = None) -> None:
        self.folder = Path(tempfile.mkdtemp())
        self.port = port or free_port()
        self.url = f"postgres://{ROLE}@127.0.0.1:{self.port}/{ROLE}"
        if os.geteuid() == 0:  # PostgreSQL doesn't run as root
            shutil.chown(self.folder, ROLE)

    @classmethod
    def primary(cls, *settings: str) -> "Cluster":
        """Create and start a server with these settings, such as `fsync=off`."""
        cluster = cls()
        cluster.run("initdb", "--auth=trust", f"--username={ROLE}", "--no-sync", "-D", str(cluster.data))
        cluster.configure(*settings)
        cluster.start()
        return cluster

    def standby(self, *settings: str, port: int | None = None) -> "Cluster":
        """Create and start a standby of this server."""
        cluster = Cluster(port)
        cluster.run("pg_basebackup", "-R", "--checkpoint=fast", "-d", self.url, "-D", str(cluster.data))
        cluster.configure(*settings)
        cluster.start()
        return cluster

    @property
    def data(self) -> Path:
        """The server's data directory."""
        return self.folder / "data"

    def configure(self, *settings: str) -> None:
        """Add these settings, and those that several servers on one machine need."""
        own = [
            f"port={self.port}",
            "listen_addresses='127.0.0.1'",
            f"unix_socket_directories='{self.folder}'",
        ]
        with (self.data / "postgresql.conf").open("a") as file:
            file.writelines(f"{setting}\n" for setting in (*own, *settings))

    def start(self) -> None:
        """Start the server, and wait until it accepts connections."""
        self.control("-l", str(self.folder / "log"), "start")

    def stop(self, mode: str = "immediate") -> None:
        """Stop the server: `immediate` like a power cut, or `fast` with a clean shutdown."""
        self.control("-m", mode, "stop")

    def promote(self) -> None:
        """Promote this standby to a primary."""
        self.control("promote")

    def control(self, *arguments: str) -> None:
        """Run `pg_ctl`, and wait until the operation has finished."""
        self.run("pg_ctl", "-D", str(self.data), "-w", "-t", "60", *arguments)

    def run(self, program: str, *arguments: str) -> None:
        """Run one of PostgreSQL's programs. Raise AssertionError if it fails."""
        as_role = ["runuser", "-u", ROLE, "--"] if os.geteuid() == 0 else []
        result = subprocess.run(
            [*as_role, str(BINARIES / program if BINARIES else program), *arguments],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE
            if program != "pg_ctl"
            else subprocess.DEVNULL,  # the server would keep a pipe open
            stderr=subprocess.PIPE if program != "pg_ctl" else subprocess.DEVNULL,
            cwd="/",
            text=True,
            timeout=120,
            check=False,
        )
        if result.returncode:
            log = self.folder / "log"
            raise AssertionError(
                f"{program} failed: {result.stderr or (log.read_text() if log.exists() else '')}"
            )

    def execute(self, statement: str) -> list[tuple[object, ...]]:
        """Execute a statement, and return its rows, if any."""
        with psycopg.connect(self.url, autocommit=True) as connection:
            cursor = connection.execute(statement.encode())
            return cursor.fetchall() if cursor.description else []

    def remove(self) -> None:
        """Stop the server, if it is running, and delete its files."""
        with suppress(AssertionError):
            self.stop()
        shutil.rmtree(self.folder, ignore_errors=True)
