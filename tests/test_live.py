"""The service as it is deployed."""

import json
import re
import signal
import socket
from collections.abc import Iterator
from urllib.parse import urljoin

import httpx

from tests.live import LiveTestCase, kill

VALID = {"name": "Monsoon season", "start_date": "2026-06-01", "end_date": "2026-09-30"}
# Requests that gunicorn itself rejects, and the status of its response.
REJECTED = {
    b"GET /api/me HTTP/1.1\r\nHost: localhost\r\nContent-Length: nope\r\n\r\n": 400,
    b"GET /api/me?" + b"x" * 9000 + b" HTTP/1.1\r\nHost: localhost\r\n\r\n": 414,
    b"GET /api/me HTTP/1.1\r\nHost: localhost\r\nX-Long: " + b"x" * 9000 + b"\r\n\r\n": 431,
    b"\x16\x03\x01 this is not HTTP\r\n\r\n": 400,
}


class LiveTests(LiveTestCase):
    def test_a_client_creates_reads_changes_and_deletes(self) -> None:
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

    def test_link_headers_lead_through_all_pages_of_a_list(self) -> None:
        _, client = self.start()
        names = [f"Page {number}" for number in range(7)]
        for name in names:
            self.assertEqual(client.post("/api/simulations", json={**VALID, "name": name}).status_code, 201)
        items = [item for page in pages(client, "/api/simulations?limit=3") for item in page["items"]]
        listed = [item["name"] for item in items if item["name"] in names]
        self.assertEqual(listed, names[::-1])

    def test_the_docs_page_loads_only_files_of_this_service(self) -> None:
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

    def test_a_body_over_one_mebibyte_is_rejected(self) -> None:
        _, client = self.start()
        body = b" " * (2**20 + 1)
        for content in (body, iter([body]), body * 11, iter([body] * 11)):
            with self.subTest(type(content).__name__):
                headers = {"Content-Type": "application/json"}
                rejected = client.post("/api/simulations", content=content, headers=headers)
                self.assertEqual(rejected.status_code, 413, rejected.text)
                self.assertEqual(rejected.json()["type"], "/problems/body-too-large")
                self.assertEqual(client.get("/api/me").status_code, 200)  # on the same connection

    def test_a_created_object_survives_a_killed_server(self) -> None:
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

    def test_the_access_log_has_one_json_line_without_key_or_query(self) -> None:
        server, client = self.start()
        id = client.post("/api/simulations", json=VALID).json()["id"]
        client.get(f"/api/simulations/{id}?q={self.key}", headers={"X-Request-ID": "known"})
        client.get(f"/nowhere/{self.key}", headers={"X-Request-ID": "unknown"})
        server.terminate()
        self.assertEqual(server.wait(60), 0)
        log = (self.folder / f"{client.base_url.port}.log").read_text()
        self.assertNotIn(self.key, log)
        lines = [json.loads(line) for line in log.splitlines() if line.startswith("{")]
        known, unknown = (
            next(line for line in lines if line["request_id"] == id) for id in ("known", "unknown")
        )
        self.assertEqual((known["method"], known["path"]), ("GET", f"/api/simulations/{id}"))
        self.assertEqual((known["route"], known["key"]), ("/api/simulations/<id>", self.key[:11]))
        self.assertEqual((known["status"], known["address"]), (422, "127.0.0.1"))
        self.assertGreater(known["bytes"], 100)
        self.assertGreater(known["ms"], 0)
        self.assertEqual((unknown["status"], unknown["route"], unknown["key"]), (404, None, None))
        self.assertEqual(unknown["path"], "/nowhere/gf_…")

    def test_every_log_line_is_json_if_configured(self) -> None:
        self.environment = {**self.environment, "LOG_FORMAT": "json"}
        server, client = self.start()
        server.terminate()
        self.assertEqual(server.wait(60), 0)
        log = (self.folder / f"{client.base_url.port}.log").read_text()
        lines = [json.loads(line) for line in log.splitlines()]
        self.assertIn("Starting gunicorn", next(line["message"] for line in lines if "message" in line))

    def test_requests_rejected_by_gunicorn_get_a_problem_and_a_log_line(self) -> None:
        server, client = self.start()
        for rejected, status in REJECTED.items():
            with self.subTest(status, sent=rejected[:30]):
                response = self.send(rejected, client.base_url.port or 0)
                head, _, body = response.partition(b"\r\n\r\n")
                problem = json.loads(body)
                self.assertIn(b"\r\nContent-Type: application/problem+json\r\n", head)
                self.assertIn(f"\r\nX-Request-ID: {problem['request_id']}\r\n".encode(), head)
                self.assertTrue(head.startswith(f"HTTP/1.1 {status} ".encode()), head)
                self.assertEqual(
                    (problem["status"], problem["type"]), (status, "/problems/malformed-request")
                )
        server.terminate()
        self.assertEqual(server.wait(60), 0)
        log = (self.folder / f"{client.base_url.port}.log").read_text()
        logged = [json.loads(line) for line in log.splitlines() if line.startswith("{")]
        self.assertIn(("/api/me", 400), [(line["path"], line["status"]) for line in logged])

    def send(self, request: bytes, port: int) -> bytes:
        """Send bytes, and return everything that the server sends until it closes the connection."""
        with socket.create_connection(("127.0.0.1", port), timeout=30) as connection:
            connection.sendall(request)
            return b"".join(iter(lambda: connection.recv(65_536), b""))


def pages(client: httpx.Client, url: str) -> Iterator[dict[str, list[dict[str, str]]]]:
    """Follow the `Link` header from page to page."""
    response = client.get(url)
    while True:
        yield response.raise_for_status().json()
        if "next" not in response.links:
            return
        response = client.get(response.links["next"]["url"])
