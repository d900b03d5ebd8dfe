"""Faults under load: what clients were promised is compared with what the database holds."""

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

from tests.faults.clients import LOST, REFUSED, Client, Row, Tally
from tests.faults.figures import LONG, MEASURED, Figures, times
from tests.faults.service import WITHIN, ServiceTestCase

CLIENTS = 6
ANSWERS = times(5, 2)  # that each client has between two faults
BACK_WITHIN = 5.0 if LONG else WITHIN  # seconds; a machine that runs all tests may have no time for this one

ROWS = """
SELECT s.id, s.name, s.start_date, s.end_date, s.version,
    (SELECT count(*) FROM owned_version v WHERE v.object_id = s.id)
FROM simulations_simulation s WHERE s.name LIKE '{mark} %'
"""


class Load:
    """Clients that are at work, and the faults that they have lived through."""

    def __init__(self, clients: list[Client], running: list[Future[None]]) -> None:
        """Watch clients that run in threads."""
        self.clients, self.running = clients, running
        self.faults = 0
        self.recovery: float | None = None

    @property
    def tallies(self) -> list[Tally]:
        """What each client has seen."""
        return [client.tally for client in self.clients]

    def go_on(self) -> None:
        """Count a fault that nobody should notice, and let the clients work on."""
        self.faults += 1
        self.work(ANSWERS)

    def recover(self) -> None:
        """Count a fault that is over, and note how long it takes until all clients are served."""
        self.faults += 1
        self.recovery = max(self.recovery or 0, self.work(1))
        self.work(ANSWERS)

    def work(self, answers: int) -> float:
        """Wait until each client had so many answers to what it sent from now on; return how many seconds."""
        begun = time.monotonic()
        for _ in range(answers):
            since = time.monotonic()
            self.wait(lambda since=since: all(t.served > since for t in self.tallies))  # type: ignore[misc]
        return time.monotonic() - begun

    def await_failures(self) -> None:
        """Wait until each client has met the fault that is under way."""
        before = [sum(tally.failed.values()) for tally in self.tallies]
        self.wait(lambda: all(sum(t.failed.values()) > b for t, b in zip(self.tallies, before, strict=True)))

    def wait(self, holds: Callable[[], bool]) -> None:
        """Wait until a condition holds. Raises what ended a client, and AssertionError after a minute."""
        begun = time.monotonic()
        while not holds():
            for client in self.running:
                if client.done():
                    client.result()
            assert time.monotonic() < begun + WITHIN, f"this takes too long: {self.tallies}"
            time.sleep(0.01)


class ExperimentTestCase(ServiceTestCase):
    """Looks, after each experiment, at every row and at the versions that it replaced."""

    @contextmanager
    def load(
        self, title: str, address: str, graceful: bool = False, keep_alive: bool = True
    ) -> Iterator[Load]:
        """Put an address under load while faults are made, and judge what came of it.

        A graceful operation may fail no attempt.
        """
        mark = uuid4().hex[:8]
        clients = [Client(address, self.key, mark, keep_alive) for _ in range(CLIENTS)]
        stop = Event()
        with ThreadPoolExecutor(CLIENTS) as threads:
            load = Load(clients, [threads.submit(client.run, stop) for client in clients])
            try:
                load.work(ANSWERS)
                yield load
            finally:
                stop.set()
        for future in load.running:
            future.result()
        self.judge(title, load, self.stored(mark), graceful)

    def judge(self, title: str, load: Load, stored: dict[str, Row], graceful: bool) -> None:
        """Note the figures of an experiment, and fail where a promise was broken."""
        promised = {id: row for client in load.clients for id, row in client.rows.items()}
        lost = {id: row for id, row in promised.items() if stored.get(id) != row}
        extra = {id: row for id, row in stored.items() if id not in promised}
        wrong = [answer for tally in load.tallies for answer in tally.wrong]
        failed = sum(tally.failed[kind] for tally in load.tallies for kind in (LOST, REFUSED))
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
        """Return all rows whose name begins with a mark, from the database itself, with all that it keeps."""
        query, url = ROWS.format(mark=mark), self.environment["DATABASE_URL"]
        if url.startswith("sqlite"):
            with closing(sqlite3.connect(unquote(url.removeprefix("sqlite:///")))) as file:
                return {row[0]: stored_row(row, date.fromisoformat) for row in file.execute(query)}
        with psycopg.connect(url) as connection:
            return {row[0]: stored_row(row, lambda day: day) for row in connection.execute(query.encode())}


def stored_row(columns: Any, day: Callable[[Any], date]) -> Row:
    """Return what a line of `ROWS` says."""
    _, name, start, end, version, versions = columns
    return Row(name, day(start), day(end), version, versions)
