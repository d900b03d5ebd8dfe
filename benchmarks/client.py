"""A client for Goatfish, and functions that time it."""

import http.client
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from itertools import cycle
from statistics import median
from urllib.parse import urlsplit

import orjson

from benchmarks.fill import TABLE, Connection, key_of

EXPORT_TIMEOUT = 600  # seconds


class Client:
    """One persistent connection to the service, with one owner's key."""

    def __init__(self, address: str, owner: int) -> None:
        self.connection = http.client.HTTPConnection(urlsplit(address).netloc, timeout=EXPORT_TIMEOUT)
        self.headers = {"X-API-Key": key_of(owner), "Content-Type": "application/json"}

    def send(self, path: str, method: str = "GET", body: object = None) -> bytes:
        """Return the body of a successful response. Exits on any other."""
        data = None if body is None else orjson.dumps(body)
        self.connection.request(method, f"/api/simulations{path}", data, self.headers)
        response = self.connection.getresponse()
        text = response.read()
        if not 200 <= response.status < 300:
            sys.exit(f"{method} {path} returned {response.status}: {text[:500]!r}")
        return text

    def stream(self, path: str) -> int:
        """Read a long response in parts, and return its length in bytes."""
        self.connection.request("GET", f"/api/simulations{path}", headers=self.headers)
        response = self.connection.getresponse()
        length = 0
        while part := response.read(2**20):
            length += len(part)
        if response.status != 200 or not length:
            sys.exit(f"GET {path} returned {response.status} and {length} bytes.")
        return length


def ids_of(connection: Connection, owner: int, number: int) -> Iterator[str]:
    """Return an endless iterator over some of an owner's ids."""
    query = f"SELECT id FROM {TABLE} WHERE owner_id = %s ORDER BY id LIMIT %s"
    return cycle([row[0] for row in connection.execute(query, [owner, number])])


def in_turn(acts: Sequence[Callable[[], object]], times: int) -> list[float]:
    """Return the median milliseconds of each act. They alternate, so that a slow minute affects all alike."""
    took: list[list[float]] = [[] for _ in acts]
    for _ in range(times + 1):
        for act, all in zip(acts, took, strict=True):
            all.append(seconds(act))
    return [median(all[1:]) * 1e3 for all in took]


def seconds(act: Callable[[], object]) -> float:
    """Return how long the act takes."""
    begun = time.perf_counter()
    act()
    return time.perf_counter() - begun
