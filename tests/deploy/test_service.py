"""The service as it is deployed: on a Unix socket of systemd, behind nginx with the deployed file."""

import json
import re
from concurrent.futures import ThreadPoolExecutor
from threading import Event
from unittest import skipUnless
from uuid import uuid4

import httpx

from tests.deploy.front import NGINX, Nginx, Unit
from tests.faults.service import VALID, WITHIN, ServiceTestCase, wait_until
from tests.live import is_ready

LONG = {**VALID, "name": "ש" * 300}
CALLERS = 4


@skipUnless(NGINX, "nginx is not installed")
class DeployedTests(ServiceTestCase):
    """Starts one worker, with a low limit for failed authentications."""

    variables = {
        "HTTPS": "true",
        "RATE_LIMIT": "off",
        "RATE_LIMIT_ANONYMOUS": "3/day",
        "WEB_CONCURRENCY": "1",
    }
    nginx: Nginx
    unit: Unit

    @classmethod
    def setUpClass(cls) -> None:
        super().setUpClass()
        cls.nginx = Nginx(cls.folder)
        cls.addClassCleanup(cls.nginx.kill)
        cls.unit = Unit(cls.nginx.socket, cls.environment)
        cls.unit.start()
        cls.addClassCleanup(cls.unit.kill)
        with cls.nginx.client() as client:
            wait_until(cls.nginx.listens)
            wait_until(lambda: cls.unit.runs() and is_ready(client))

    def client_at(self, address: str = "127.0.0.1", key: str = "") -> httpx.Client:
        """Return a client with a local address, and alice's key unless there is another."""
        client: httpx.Client = self.enterContext(self.nginx.client(address))
        client.headers["X-API-Key"] = key or self.key
        return client

    def test_the_log_has_the_address_of_the_client_and_the_request_id(self) -> None:
        id = uuid4().hex
        answer = self.client_at("127.0.0.2").get(
            "/api/me", headers={"X-Forwarded-For": "6.6.6.6", "X-Request-ID": id}
        )
        self.assertEqual((answer.status_code, answer.headers["X-Request-ID"]), (200, id))
        wait_until(lambda: id in self.unit.log.read_text())
        (line,) = (json.loads(line) for line in self.unit.log.read_text().splitlines() if id in line)
        self.assertEqual((line["address"], line["status"], line["request_id"]), ("127.0.0.2", 200, id))

    def test_failed_authentications_are_counted_per_client(self) -> None:
        forged = ({"X-Forwarded-For": f"10.0.0.{number}"} for number in range(4))
        answers = [self.client_at("127.0.0.3", "gf_x").get("/api/me", headers=headers) for headers in forged]
        self.assertEqual([answer.status_code for answer in answers], [401, 401, 401, 429])
        self.assertEqual(self.client_at("127.0.0.4", "gf_x").get("/api/me").status_code, 401)

    def test_pages_and_links_use_https(self) -> None:
        client = self.client_at()
        page = client.get("/accounts/login/")
        self.assertEqual(page.status_code, 200)
        self.assertIn("Secure", page.headers["Set-Cookie"])
        self.assertIn("max-age=", page.headers["Strict-Transport-Security"])
        token = re.findall(r'name="csrfmiddlewaretoken" value="(\w+)"', page.text)[-1]
        form = {"csrfmiddlewaretoken": token, "username": "alice", "password": "wrong"}
        headers = {"Referer": f"{client.base_url}/accounts/login/"}
        self.assertEqual(client.post("/accounts/login/", data=form, headers=headers).status_code, 200)

        for _ in range(2):
            self.assertEqual(client.post("/api/simulations", json=VALID).status_code, 201)
        link = client.get("/api/simulations?limit=1").headers["Link"]
        self.assertTrue(link.startswith(f"<https://localhost:{self.nginx.port}/api/simulations?"), link)

    def test_a_weak_etag_from_compression_is_accepted(self) -> None:
        client = self.client_at()
        path = client.post("/api/simulations", json=LONG).headers["Location"]
        got = client.get(path)
        self.assertEqual((got.headers["Content-Encoding"], got.headers["ETag"]), ("gzip", 'W/"1"'))
        self.assertEqual(client.get(path, headers={"If-None-Match": got.headers["ETag"]}).status_code, 304)
        changed = client.patch(path, json={"name": "New"}, headers={"If-Match": got.headers["ETag"]})
        self.assertEqual((changed.status_code, changed.json()["name"]), (200, "New"))

    def test_bodies_of_9_mebibytes_pass_and_of_11_are_refused(self) -> None:
        self.assertEqual(self.upload(size=9 * 2**20).status_code, 201)
        refused = self.upload(size=11 * 2**20)
        self.assertEqual(refused.status_code, 413)
        self.assertIn("10485760", refused.json()["detail"])

    def upload(self, size: int = 0) -> httpx.Response:
        """Send 5,000 rows (3 MiB), padded to a size."""
        body = json.dumps({"items": [LONG] * 5_000}, ensure_ascii=False).encode().ljust(size)
        headers = {"Content-Type": "application/json"}
        return self.client_at().post("/api/simulations/bulk", content=body, headers=headers)

    def test_a_restart_loses_no_request(self) -> None:
        stop = Event()

        def call(number: int) -> list[int]:
            client, statuses = self.client_at(), []
            while not stop.is_set():
                statuses.append(client.post("/api/simulations", json=VALID).status_code)
                statuses.append(client.get("/api/me").status_code)
            return statuses

        before = self.row_count()
        with ThreadPoolExecutor(CALLERS) as threads:
            calls = [threads.submit(call, number) for number in range(CALLERS)]
            try:
                for _ in range(2):
                    self.wait_for_rows(50)
                    self.unit.stop()
                    self.unit.start()
                self.wait_for_rows(50)
            finally:
                stop.set()
            statuses = [status for each in calls for status in each.result(WITHIN)]
        self.assertEqual(set(statuses), {200, 201})
        self.assertEqual(self.row_count() - before, statuses.count(201))

    def wait_for_rows(self, count: int) -> None:
        """Wait until so many more rows are written."""
        enough = self.row_count() + count
        wait_until(lambda: self.row_count() >= enough)
