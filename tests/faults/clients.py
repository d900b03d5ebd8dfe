"""A client that writes at a steady pace, retries until the outcome is known, and records every promise."""

import time
from dataclasses import dataclass, field
from datetime import date, timedelta
from threading import Event
from typing import Any, NamedTuple
from uuid import uuid4

import httpx

PATH = "/api/simulations"
PAUSE = 0.02  # seconds between two requests of a client, and before a retry
PATIENCE = 60.0  # seconds without a final response after which a client fails
LOST, TEMPORARY = "lost", "temporary"


class Row(NamedTuple):
    """What the database must contain for a simulation."""

    name: str
    start_date: date
    end_date: date
    version: int
    versions: int  # earlier ones in the history: one for each change


@dataclass
class Tally:
    """What one client has seen. Times are from `time.monotonic`."""

    sent: int = 0
    acknowledged: int = 0
    failed: dict[str, int] = field(default_factory=lambda: {LOST: 0, TEMPORARY: 0})
    wrong: list[str] = field(default_factory=list)
    longest: float = 0.0  # seconds from the first attempt at a request to its response
    served: float = 0.0  # when the last request was sent that got a response


class Client:
    """Writes only its own rows, so it always knows what the database must contain.

    If a response is lost, or is a temporary error (409, 502, 503, 504), the client repeats the request:
    creates with the same Idempotency-Key, all others with the same If-Match. Then a 412 or a 404 means
    that an earlier attempt succeeded.
    """

    def __init__(self, address: str, key: str, mark: str, keep_alive: bool = True) -> None:
        """Use `mark` as the prefix of all names."""
        self.tally, self.rows, self.mark = Tally(), dict[str, Row](), mark
        # The timeout is longer than a start on a busy machine, so requests that wait for one are not lost.
        limits = httpx.Limits(max_keepalive_connections=None if keep_alive else 0)
        self.http = httpx.Client(
            base_url=address, headers={"X-API-Key": key}, timeout=30, limits=limits, trust_env=False
        )

    def run(self, stop: Event) -> None:
        """Write until `stop` is set, and finish the last request."""
        turn = 0
        with self.http:
            while not stop.wait(PAUSE):
                (
                    self.create,
                    self.create,
                    self.change,
                    self.read,
                    self.create_many,
                    self.change,
                    self.remove,
                )[turn % 7]()
                turn += 1

    def create(self) -> None:
        """Create a row."""
        body = self.body()
        response, _ = self.send("POST", PATH, body, {"Idempotency-Key": uuid4().hex})
        if self.expect(response, 201, **body):
            self.rows[response.json()["id"]] = row(body, version=1, versions=0)

    def create_many(self) -> None:
        """Create five rows in one request."""
        items = [self.body() for _ in range(5)]
        response, _ = self.send("POST", f"{PATH}/bulk", {"items": items}, {"Idempotency-Key": uuid4().hex})
        if self.expect(response, 201, created=len(items)):
            for id, body in zip(response.json()["ids"], items, strict=True):
                self.rows[id] = row(body, version=1, versions=0)

    def change(self) -> None:
        """Rename or replace the newest row."""
        id, old = next(reversed(self.rows.items()))
        body = self.body()
        sent = body if old.version % 2 else {"name": body["name"]}
        response, tries = self.send("PUT" if sent is body else "PATCH", f"{PATH}/{id}", sent, tag(old))
        if response.status_code == 412 and tries > 1:
            response, _ = self.send("GET", f"{PATH}/{id}")  # an earlier attempt must have changed it
        if self.expect(response, 200, **sent):
            new = response.json()
            self.rows[id] = row(new, version=old.version + 1, versions=old.versions + 1)

    def remove(self) -> None:
        """Delete the oldest row."""
        id, old = next(iter(self.rows.items()))
        response, tries = self.send("DELETE", f"{PATH}/{id}", headers=tag(old))
        if (response.status_code == 404 and tries > 1) or self.expect(response, 200, name=old.name):
            del self.rows[id]
            self.tally.acknowledged += response.status_code == 404

    def read(self) -> None:
        """Check that the newest row is as it was acknowledged."""
        id, known = next(reversed(self.rows.items()))
        response, _ = self.send("GET", f"{PATH}/{id}")
        self.expect(response, 200, name=known.name, end_date=f"{known.end_date}")

    def body(self) -> dict[str, Any]:
        """Return a body that differs from all others."""
        start = date(2026, 1, 1) + timedelta(self.tally.sent % 3000)
        name = f"{self.mark} {uuid4().hex}"
        return {"name": name, "start_date": f"{start}", "end_date": f"{start + timedelta(7)}"}

    def send(
        self, method: str, path: str, body: Any = None, headers: dict[str, str] | None = None
    ) -> tuple[httpx.Response, int]:
        """Repeat a request until its response is final. Return the response and the number of attempts."""
        started, tries = time.monotonic(), 0
        while True:
            sent, tries = time.monotonic(), tries + 1
            self.tally.sent += 1
            try:
                response = self.http.request(method, path, json=body, headers=headers)
            except httpx.TransportError:
                self.tally.failed[LOST] += 1
            else:
                if response.status_code not in (409, 502, 503, 504):
                    self.tally.served = sent
                    self.tally.longest = max(self.tally.longest, time.monotonic() - started)
                    return response, tries
                self.tally.failed[TEMPORARY] += 1
                self.check_problem(response)
            assert sent < started + PATIENCE, f"no final response to {method} {path} in {tries} attempts"
            time.sleep(PAUSE)

    def expect(self, response: httpx.Response, status: int, **fields: Any) -> bool:
        """Count a response as an acknowledgement or as wrong. Return whether it is as expected."""
        if response.status_code == status and response.json().items() >= fields.items():
            self.tally.acknowledged += response.request.method != "GET"
            return True
        self.check_problem(response)
        self.tally.wrong.append(f"{response.request.method} {response.request.url} {response.status_code}")
        return False

    def check_problem(self, response: httpx.Response) -> None:
        """Count an error without a problem body as a wrong response."""
        if response.status_code >= 400 and response.headers.get("Content-Type") != "application/problem+json":
            self.tally.wrong.append(f"{response.status_code} without a problem: {response.text[:100]}")


def row(body: dict[str, Any], version: int, versions: int) -> Row:
    """Return what the database must contain after a write."""
    start, end = (date.fromisoformat(body[name]) for name in ("start_date", "end_date"))
    return Row(body["name"], start, end, version, versions)


def tag(row: Row) -> dict[str, str]:
    """Return an If-Match header with the row's version."""
    return {"If-Match": f'"{row.version}"'}
