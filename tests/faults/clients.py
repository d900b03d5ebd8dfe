"""A client that writes at a steady pace, tries again until it knows, and remembers what it was promised."""

import time
from dataclasses import dataclass, field
from datetime import date, timedelta
from threading import Event
from typing import Any, NamedTuple
from uuid import uuid4

import httpx

PATH = "/api/simulations"
PAUSE = 0.02  # seconds between two writes of a client, and before it tries again
PATIENCE = 60.0  # seconds after which a client that still has no answer gives up
LOST, REFUSED = "lost", "refused"


class Row(NamedTuple):
    """What the database has to hold of a simulation."""

    name: str
    start_date: date
    end_date: date
    version: int
    versions: int  # that were replaced: one for each change


@dataclass
class Tally:
    """What one client has seen. Times are those of `time.monotonic`."""

    sent: int = 0
    acknowledged: int = 0
    failed: dict[str, int] = field(default_factory=lambda: {LOST: 0, REFUSED: 0})
    wrong: list[str] = field(default_factory=list)
    longest: float = 0.0  # seconds from the first attempt at a write to its answer
    served: float = 0.0  # when the latest request was sent that had its answer


class Client:
    """Writes rows of its own alone, so that it knows at each moment what the database has to hold of them.

    A request whose answer is lost, or that the service refuses for the moment (409, 502, 503, 504), is sent
    again: creates with the same Idempotency-Key, all others with the same If-Match, where a 412 or a 404
    tells that an attempt has had its way.
    """

    def __init__(self, address: str, key: str, mark: str, keep_alive: bool = True) -> None:
        """Keep where to send, and what all names begin with."""
        self.tally, self.rows, self.mark = Tally(), dict[str, Row](), mark
        # Longer than a start takes on a busy machine: what waits for one is not lost.
        limits = httpx.Limits(max_keepalive_connections=None if keep_alive else 0)
        self.http = httpx.Client(
            base_url=address, headers={"X-API-Key": key}, timeout=30, limits=limits, trust_env=False
        )

    def run(self, stop: Event) -> None:
        """Write until told to stop; what was begun by then is brought to its end."""
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
        """Make a row."""
        body = self.body()
        answer, _ = self.send("POST", PATH, body, {"Idempotency-Key": uuid4().hex})
        if self.expect(answer, 201, **body):
            self.rows[answer.json()["id"]] = row(body, version=1, versions=0)

    def create_many(self) -> None:
        """Make rows in one request."""
        items = [self.body() for _ in range(5)]
        answer, _ = self.send("POST", f"{PATH}/bulk", {"items": items}, {"Idempotency-Key": uuid4().hex})
        if self.expect(answer, 201, created=len(items)):
            for id, body in zip(answer.json()["ids"], items, strict=True):
                self.rows[id] = row(body, version=1, versions=0)

    def change(self) -> None:
        """Rename the row that was made last, or replace it."""
        id, old = next(reversed(self.rows.items()))
        body = self.body()
        sent = body if old.version % 2 else {"name": body["name"]}
        answer, tries = self.send("PUT" if sent is body else "PATCH", f"{PATH}/{id}", sent, tag(old))
        if answer.status_code == 412 and tries > 1:
            answer, _ = self.send("GET", f"{PATH}/{id}")  # it is as an earlier attempt left it, and must be
        if self.expect(answer, 200, **sent):
            new = answer.json()
            self.rows[id] = row(new, version=old.version + 1, versions=old.versions + 1)

    def remove(self) -> None:
        """Delete the row that was made first."""
        id, old = next(iter(self.rows.items()))
        answer, tries = self.send("DELETE", f"{PATH}/{id}", headers=tag(old))
        if (answer.status_code == 404 and tries > 1) or self.expect(answer, 200, name=old.name):
            del self.rows[id]
            self.tally.acknowledged += answer.status_code == 404

    def read(self) -> None:
        """Look whether the row that was made last is as it was acknowledged."""
        id, known = next(reversed(self.rows.items()))
        answer, _ = self.send("GET", f"{PATH}/{id}")
        self.expect(answer, 200, name=known.name, end_date=f"{known.end_date}")

    def body(self) -> dict[str, Any]:
        """Return three fields that no other write has."""
        start = date(2026, 1, 1) + timedelta(self.tally.sent % 3000)
        name = f"{self.mark} {uuid4().hex}"
        return {"name": name, "start_date": f"{start}", "end_date": f"{start + timedelta(7)}"}

    def send(
        self, method: str, path: str, body: Any = None, headers: dict[str, str] | None = None
    ) -> tuple[httpx.Response, int]:
        """Send a request until it has an answer that is final; return it, and the number of attempts."""
        begun, tries = time.monotonic(), 0
        while True:
            sent, tries = time.monotonic(), tries + 1
            self.tally.sent += 1
            try:
                answer = self.http.request(method, path, json=body, headers=headers)
            except httpx.TransportError:
                self.tally.failed[LOST] += 1
            else:
                if answer.status_code not in (409, 502, 503, 504):
                    self.tally.served = sent
                    self.tally.longest = max(self.tally.longest, time.monotonic() - begun)
                    return answer, tries
                self.tally.failed[REFUSED] += 1
                self.check_problem(answer)
            assert sent < begun + PATIENCE, f"no answer to {method} {path} in {tries} attempts"
            time.sleep(PAUSE)

    def expect(self, answer: httpx.Response, status: int, **fields: Any) -> bool:
        """Count an answer, as a write's acknowledgement or as a wrong one."""
        if answer.status_code == status and answer.json().items() >= fields.items():
            self.tally.acknowledged += answer.request.method != "GET"
            return True
        self.check_problem(answer)
        self.tally.wrong.append(f"{answer.request.method} {answer.request.url} {answer.status_code}")
        return False

    def check_problem(self, answer: httpx.Response) -> None:
        """Count an error whose body is no problem as a wrong answer."""
        if answer.status_code >= 400 and answer.headers.get("Content-Type") != "application/problem+json":
            self.tally.wrong.append(f"{answer.status_code} without a problem: {answer.text[:100]}")


def row(body: dict[str, Any], version: int, versions: int) -> Row:
    """Return what the database has to hold after a write."""
    start, end = (date.fromisoformat(body[name]) for name in ("start_date", "end_date"))
    return Row(body["name"], start, end, version, versions)


def tag(row: Row) -> dict[str, str]:
    """Return the header that names a row's version."""
    return {"If-Match": f'"{row.version}"'}
