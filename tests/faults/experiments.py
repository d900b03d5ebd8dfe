"""Faults under load: what clients were promised is compared with the contents of the database."""

import sqlite3
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing, contextmanager
from datetime import date
from threading import Event
from typing import Any
from urllib.parse import unquote
from uuid import uuid4

import psycopg

from tests.faults.clients import LOST, TEMPORARY, Client, Row, Tally
from tests.faults.figures import LONG, MEASURED, Figures, times
from tests.faults.service import WITHIN, ServiceTestCase

CLIENTS = 6
RESPONSES = times(5, 2)  # that each client gets between two faults
BACK_WITHIN = 5.0 if LONG else WITHIN  # seconds; a machine that runs all tests may be slow

ROWS = """
SELECT s.id, s.name, s.start_date, s.end_date, s.version,
    (SELECT count(*) FROM owned_version v WHERE v.object_id = s.id)
FROM simulations_simulation s WHERE s.name LIKE '{mark} %'
"""


class Load:
    """Running clients, and the faults that were injected so far."""

    def __init__(self, clients: list[Client], running: list[Future[None]]) -> None:
        """Watch clients that run in these threads."""
        self.clients, self.running = clients, running
        self.faults = 0
        self.recovery: float | None = None

    @property
    def tallies(self) -> list[Tally]:
        """The tally of each client."""
        return [client.tally for client in self.clients]

    def keep_working(self) -> None:
        """Count a fault that clients should not notice, and let them continue."""
        self.faults += 1
        self.work(RESPONSES)

    def recover(self) -> None:
        """Count a fault that has ended, and measure how long it takes until all clients are served."""
        self.faults += 1
        self.recovery = max(self.recovery or 0, self.work(1))
        self.work(RESPONSES)

    def work(self, responses: int) -> float:
        """Wait until each client has got this many responses to new requests. Return the seconds it took."""
        started = time.monotonic()
        for _ in range(responses):
            since = time.monotonic()
            self.wait(lambda since=since: all(t.served > since for t in self.tallies))  # type: ignore[misc]
        return time.monotonic() - started

    def await_failures(self) -> None:
        """Wait until the current fault has failed a request of each client."""
        before = [sum(tally.failed.values()) for tally in self.tallies]
        self.wait(lambda: all(sum(t.failed.values()) > b for t, b in zip(self.tallies, before, strict=True)))

    def wait(self, condition: Callable[[], bool]) -> None:
        """Wait until a condition is true. Raise AssertionError on timeout, or a client's exception."""
        started = time.monotonic()
        while not condition():
            for client in self.running:
                if client.done():
                    client.result()
            assert time.monotonic() < started + WITHIN, f"timed out: {self.tallies}"
            time.sleep(0.01)


class ExperimentTestCase(ServiceTestCase):
    """Compares every row and its earlier versions with the promises after each experiment."""

    @contextmanager
    def load(
        self, title: str, address: str, graceful: bool = False, keep_alive: bool = True
    ) -> Iterator[Load]:
        """Send requests to an address while faults are injected, and then compare promises and database.

        In a `graceful` experiment, no attempt may fail.
        """
        mark = uuid4().hex[:8]
        clients = [Client(address, self.key, mark, keep_alive) for _ in range(CLIENTS)]
        stop = Event()
        with ThreadPoolExecutor(CLIENTS) as threads:
            load = Load(clients, [threads.submit(client.run, stop) for client in clients])
            try:
                load.work(RESPONSES)
                yield load
            finally:
                stop.set()
        for future in load.running:
            future.result()
        self.compare(title, load, self.stored(mark), graceful)

    def compare(self, title: str, load: Load, stored: dict[str, Row], graceful: bool) -> None:
        """Record the figures of an experiment, and fail if a promise was broken."""
        promised = {id: row for client in load.clients for id, row in client.rows.items()}
        lost = {id: row for id, row in promised.items() if stored.get(id) != row}
        extra = {id: row for id, row in stored.items() if id not in promised}
        wrong = [response for tally in load.tallies for response in tally.wrong]
        failed = sum(tally.failed[kind] for tally in load.tallies for kind in (LOST, TEMPORARY))
        MEASURED.append(
            Figures(
                title,
                load.faults,
                sum(tally.sent for tally in load.tallies),
                failed,
                sum(tally.acknowledged for tally in load.tallies),
                len(lost),
                len(extra),
                len(wrong),
                load.recovery,
                max(tally.longest for tally in load.tallies),
            )
        )
        self.assertEqual({id: (row, stored.get(id)) for id, row in lost.items()}, {})
        self.assertEqual(extra, {})
        self.assertEqual(wrong, [])
        if graceful:
            self.assertEqual(failed, 0)
        self.assertLess(load.recovery or 0, BACK_WITHIN)

    def stored(self, mark: str) -> dict[str, Row]:
        """Read all rows whose name begins with `mark` directly from the database."""
        query, url = ROWS.format(mark=mark), self.environment["DATABASE_URL"]
        if url.startswith("sqlite"):
            with closing(sqlite3.connect(unquote(url.removeprefix("sqlite:///")))) as file:
                return {row[0]: stored_row(row, date.fromisoformat) for row in file.execute(query)}
        with psycopg.connect(url) as connection:
            return {row[0]: stored_row(row, lambda day: day) for row in connection.execute(query.encode())}


def stored_row(columns: Any, day: Callable[[Any], date]) -> Row:
    """Convert a row of the query `ROWS`."""
    _, name, start, end, version, versions = columns
    return Row(name, day(start), day(end), version, versions)
