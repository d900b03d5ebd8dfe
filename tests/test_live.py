"""The service as it is deployed: gunicorn as a process, a database of its own, a client on a socket."""

import os
import re
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from urllib.parse import quote, urlencode, urljoin
from uuid import uuid4

import httpx
import psycopg
from django.conf import settings
from django.test import SimpleTestCase
from psycopg.conninfo import conninfo_to_dict
from psycopg.sql import SQL, Composed, Identifier

VALID = {"name": "Monsoon season", "start_date": "2026-06-01", "end_date": "2026-09-30"}
START_WITHIN = 60.0  # seconds; a start takes about two


class LiveTests(SimpleTestCase):
    """Starts no server by itself: a test says when it starts, and how it ends."""

    environment: dict[str, str]
    folder: Path
    key: str

    @classmethod
    def setUpClass(cls) -> None:
        super().setUpClass()
        cls.folder = Path(cls.enterClassContext(tempfile.TemporaryDirectory()))
        # Empty counts as not set, and hides what the tests themselves, or a .env file, were started with.
        empty = dict.fromkeys(
            ("DEBUG", "HTTPS", "ALLOWED_HOSTS", "HOST", "REDIS_URL", "RATE_LIMIT", "REQUIRE_IF_MATCH"), ""
        )
        cls.environment = {
            **os.environ,
            **empty,
            "DATABASE_URL": cls.database(),
            "SECRET_KEY": uuid4().hex * 2,
            "WEB_CONCURRENCY": "2",
        }
        cls.manage("migrate", "--verbosity", "0")
        cls.manage("collectstatic", "--noinput", "--verbosity", "0")
        cls.key = cls.manage("issue_key", "alice", "--create-user").strip()

    @classmethod
    def database(cls) -> str:
        """Make a database of this class's own, where the settings have theirs, and return its URL."""
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

    def start(self) -> tuple[subprocess.Popen[bytes], httpx.Client]:
        """Start gunicorn; return it, and a client with alice's key, once `/readyz` is content."""
        port = free_port()
        log = self.folder / f"{port}.log"
        with log.open("wb") as output:
            server = subprocess.Popen(
                [Path(sys.executable).with_name("gunicorn")],
                cwd=settings.BASE_DIR,
                env={**self.environment, "PORT": str(port)},
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                start_new_session=True,  # a process group of its own, to be killed as a whole
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

    def test_a_client_can_do_all_of_its_work(self) -> None:
        _, client = self.start()
        created = client.post("/api/simulations", json=VALID)
        self.assertEqual(created.status_code, 201, created.text)
        url = created.headers["Location"]
        self.assertEqual(url, f"/api/simulations/{created.json()['id']}")

        got = client.get(url)
        self.assertEqual((got.status_code, got.json()), (200, created.json()))
        self.assertEqual(got.headers["ETag"], created.headers["ETag"])

        replaced = client.put(url, json={**VALID, "name": "Replaced"})
        self.assertEqual((replaced.status_code, replaced.json()["name"]), (200, "Replaced"))
        patched = client.patch(
            url, content=b'{"name": "Patched"}', headers={"Content-Type": "application/merge-patch+json"}
        )
        self.assertEqual((patched.status_code, patched.json()["name"]), (200, "Patched"))
        posted = client.post(url, json={"end_date": "2026-12-31"})
        self.assertEqual((posted.status_code, posted.json()["end_date"]), (200, "2026-12-31"))
        self.assertEqual(posted.json()["name"], "Patched")

        deleted = client.delete(url)
        self.assertEqual((deleted.status_code, deleted.json()), (200, posted.json()))
        self.assertEqual(client.get(url).status_code, 404)

        me = client.get("/api/me")
        self.assertEqual((me.status_code, me.json()["username"]), (200, "alice"))
        self.assertEqual(client.get("/api/me", headers={"X-API-Key": self.key[:-1]}).status_code, 401)

    def test_the_pages_of_a_list_are_followed_by_their_links(self) -> None:
        _, client = self.start()
        names = [f"Page {number}" for number in range(7)]
        for name in names:
            self.assertEqual(client.post("/api/simulations", json={**VALID, "name": name}).status_code, 201)
        items = [item for page in pages(client, "/api/simulations?limit=3") for item in page["items"]]
        listed = [item["name"] for item in items if item["name"] in names]
        self.assertEqual(listed, names[::-1])

    def test_the_docs_page_is_served_whole_by_this_process(self) -> None:
        _, client = self.start()
        page = client.get("/api/docs")
        self.assertEqual(page.status_code, 200)
        self.assertEqual(re.findall(r"""(?:https?:)?//[\w.-]+\.\w+""", page.text), [])
        assets = re.findall(r"""(?:href|src)=["']([^"']+)["']""", page.text)
        self.assertTrue(any(asset.endswith(".js") for asset in assets), assets)
        for asset in [*assets, "/api/openapi.json"]:
            with self.subTest(asset):
                self.assertEqual(client.get(urljoin("/api/docs", asset)).status_code, 200)

    def test_a_chunked_body_is_read(self) -> None:
        _, client = self.start()
        chunks = (b'{"name": "In chunks", ', b'"start_date": "2026-06-01", ', b'"end_date": "2026-09-30"}')
        created = client.post(
            "/api/simulations", content=iter(chunks), headers={"Content-Type": "application/json"}
        )
        self.assertEqual(created.request.headers["Transfer-Encoding"], "chunked")
        self.assertEqual((created.status_code, created.json()["name"]), (201, "In chunks"), created.text)

    def test_a_body_of_more_than_a_mebibyte_is_refused(self) -> None:
        _, client = self.start()
        body = b" " * (2**20 + 1)
        for content in (body, iter([body]), body * 11, iter([body] * 11)):
            with self.subTest(type(content).__name__):
                headers = {"Content-Type": "application/json"}
                refused = client.post("/api/simulations", content=content, headers=headers)
                self.assertEqual(refused.status_code, 413, refused.text)
                self.assertEqual(refused.json()["type"], "/problems/body-too-large")
                self.assertEqual(client.get("/api/me").status_code, 200)  # on the same connection

    def test_what_was_answered_outlives_a_killed_server(self) -> None:
        server, client = self.start()
        created = client.post("/api/simulations", json=VALID).json()
        kill(server)
        self.assertEqual(server.returncode, -signal.SIGKILL)
        with self.assertRaises(httpx.TransportError):
            client.get("/healthz")

        server, client = self.start()
        self.assertEqual(client.get(f"/api/simulations/{created['id']}").json(), created)
        server.terminate()
        self.assertEqual(server.wait(60), 0)


def administer(statement: Composed) -> None:
    """Execute a statement on the PostgreSQL server of the settings, outside the databases of the tests."""
    with psycopg.connect(settings.DATABASE_URL, dbname="postgres", autocommit=True) as connection:
        connection.execute(statement)


def free_port() -> int:
    """Return a port on which nobody listens at the moment."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])


def is_ready(client: httpx.Client) -> bool:
    """Tell whether the service answers, and has its database."""
    try:
        return client.get("/readyz").status_code == 200
    except httpx.TransportError:
        return False


def kill(server: subprocess.Popen[bytes]) -> None:
    """End a server and its workers at once, as a power cut would, and reap it."""
    with suppress(ProcessLookupError):
        os.killpg(server.pid, signal.SIGKILL)
    server.wait(60)


def pages(client: httpx.Client, url: str) -> Iterator[dict[str, list[dict[str, str]]]]:
    """Go from page to page, as the `Link` header says."""
    response = client.get(url)
    while True:
        yield response.raise_for_status().json()
        if "next" not in response.links:
            return
        response = client.get(response.links["next"]["url"])
