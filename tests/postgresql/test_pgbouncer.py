import shutil
import subprocess
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from unittest import skipUnless

import psycopg
from django.conf import settings
from psycopg.conninfo import conninfo_to_dict

from tests.base import VALID
from tests.faults.service import wait_until
from tests.live import LiveTestCase, free_port, kill

CONNECTIONS = 3  # to PostgreSQL, for sixteen threads
PROGRAM = shutil.which("pgbouncer", path="/usr/sbin:/usr/bin:/usr/local/bin")
CONFIGURATION = """
[databases]
* = {target}
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = {port}
unix_socket_dir =
auth_type = any
user = nobody
pool_mode = transaction
default_pool_size = {size}
"""


@skipUnless(PROGRAM, "pgbouncer is not installed")
class PgBouncerTests(LiveTestCase):
    """PgBouncer in transaction mode: each statement outside a transaction can use another connection."""

    variables = {"RATE_LIMIT": "off", "PGBOUNCER": "true"}

    @classmethod
    def database(cls) -> str:
        options = conninfo_to_dict(super().database())
        name = options.pop("dbname")
        target = " ".join(f"{key}={options[key]}" for key in ("host", "port", "user") if key in options)
        port, file = free_port(), cls.folder / "pgbouncer.ini"
        file.write_text(CONFIGURATION.format(target=target, port=port, size=CONNECTIONS))
        cls.folder.chmod(0o755)  # it drops root privileges before it reads the file
        server = subprocess.Popen(
            [str(PROGRAM), str(file)], stderr=subprocess.DEVNULL, start_new_session=True
        )
        cls.addClassCleanup(kill, server)
        url = f"postgres://postgres@127.0.0.1:{port}/{name}"
        wait_until(lambda: connects(url))
        return url

    def test_many_threads_share_few_connections(self) -> None:
        _, client = self.start()

        def send_all(number: int) -> list[int]:
            retried = {"headers": {"Idempotency-Key": f"key-{number}"}}
            created = client.post("/api/simulations", json={**VALID, "name": f"run {number}"}, **retried)  # type: ignore[arg-type]
            url = created.headers["Location"]
            bulk = client.post("/api/simulations/bulk", json={"items": [VALID] * 50})
            export = client.get("/api/simulations/export?format=ndjson")
            self.assertGreaterEqual(len(export.text.splitlines()), 51)
            responses = [
                created,
                bulk,
                export,
                client.post("/api/simulations", json={**VALID, "name": f"run {number}"}, **retried),  # type: ignore[arg-type]
                client.get(url),
                client.get(f"/api/simulations?q=run {number}&count=true&sort=name"),
                client.get("/api/simulations?start_date__gte=2026-01-01&limit=1000"),
                client.put(url, json=VALID, headers={"If-Match": created.headers["ETag"]}),
                client.delete(url),
                client.get(url),
            ]
            return [response.status_code for response in responses]

        with ThreadPoolExecutor(16) as threads:
            seen = Counter(tuple(codes) for codes in threads.map(send_all, range(48)))
        self.assertEqual(seen, {(201, 201, 200, 201, 200, 200, 200, 200, 200, 404): 48})

        name = conninfo_to_dict(self.environment["DATABASE_URL"])["dbname"]
        query = "SELECT count(*) FROM pg_stat_activity WHERE datname = %s"
        with psycopg.connect(settings.DATABASE_URL, dbname="postgres") as direct:
            row = direct.execute(query, [name]).fetchone()
        self.assertEqual(row, (CONNECTIONS,))


def connects(url: str) -> bool:
    """Return whether PostgreSQL can be reached."""
    try:
        psycopg.connect(url, connect_timeout=2).close()
    except psycopg.OperationalError:
        return False
    return True
