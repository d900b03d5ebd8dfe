"""Measures Goatfish at 10 million rows: `python -m benchmarks.scale --help`.

A thousand owners have them, and the first of these a tenth of all. Requests go to the service as deployed,
one at a time; what is printed is the median in milliseconds, as a client on the same machine sees it.
"""

import csv
import http.client
import os
import sys
import time
from argparse import ArgumentParser, Namespace
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from functools import partial
from itertools import cycle
from statistics import median
from urllib.parse import quote, urlsplit

import django
import orjson
from django.db.backends.postgresql.psycopg_any import register_tzloader

from api.ids import random_id
from benchmarks.contenders import CONTENDERS
from benchmarks.fill import TABLE, Connection, connect, database, fill, key_of, service_environment
from benchmarks.operations import DAY, PAYLOAD
from benchmarks.processes import memory, serving, tree

OWNERS = 1_000
LARGE = 1  # the owner of a tenth of all rows
PAGE = 100
LAST_PAGE = 10_000
EXPORT_TIMEOUT = 600  # seconds


class Client:
    """One connection to the service, kept open, with one owner's key."""

    def __init__(self, address: str, owner: int) -> None:
        self.connection = http.client.HTTPConnection(urlsplit(address).netloc, timeout=EXPORT_TIMEOUT)
        self.headers = {"X-API-Key": key_of(owner), "Content-Type": "application/json"}

    def send(self, path: str, method: str = "GET", body: object = None) -> bytes:
        """Return the whole body of a good answer. Ends the program at any other."""
        data = None if body is None else orjson.dumps(body)
        self.connection.request(method, f"/api/simulations{path}", data, self.headers)
        response = self.connection.getresponse()
        text = response.read()
        if not 200 <= response.status < 300:
            sys.exit(f"{method} {path} answered {response.status}: {text[:500]!r}")
        return text

    def stream(self, path: str) -> int:
        """Read a long answer bit by bit; returns its length in bytes."""
        self.connection.request("GET", f"/api/simulations{path}", headers=self.headers)
        response = self.connection.getresponse()
        length = 0
        while part := response.read(2**20):
            length += len(part)
        if response.status != 200 or not length:
            sys.exit(f"GET {path} answered {response.status} and {length} bytes.")
        return length


def main() -> None:
    """Make the rows, measure, and print a table."""
    options = read_options()
    owners = min(OWNERS, options.rows // 200)
    with database(options.server, "goatfish_scale", keep=options.keep) as url, connect(url) as connection:
        begun = time.monotonic()
        fill(connection, options.rows, owners, options.rows // 10)
        size = connection.execute(f"SELECT pg_size_pretty(pg_total_relation_size('{TABLE}'))").fetchone()
        print_row(f"fill of {options.rows:,} rows, {size[0] if size else '?'}", time.monotonic() - begun, "s")
        os.environ.update(service_environment(url), DJANGO_SETTINGS_MODULE="config.settings")
        django.setup()
        with serving(CONTENDERS[0], url) as (address, server):
            measure_requests(address, connection, options.requests, owners)
            measure_streams(address, server, connection)


def measure_requests(address: str, connection: Connection, times: int, owners: int) -> None:
    """Print the median times of what is quick at any size, and of what looks at all of an owner's rows."""
    large = Client(address, LARGE)
    for owner, who in (LARGE, "the large owner"), (owners, "a small owner"):
        client = Client(address, owner)
        show_next = partial(send_next, client, ids_of(connection, owner, times))
        print_median(f"get, {who}", times, show_next)
        print_median(f"list of {PAGE}, {who}", times, partial(client.send, ""))
        filtered = partial(client.send, f"?start_date__gte={DAY}&sort=name")
        print_median(f"list of {PAGE}, filtered and sorted, {who}", times, filtered)
        print_median(f"q=spring, {who}", 5, partial(client.send, "?q=spring"))
        print_median(f"count=true, {who}", 5, partial(client.send, "?count=true"))
        print_median(f"create, {who}", times, partial(client.send, "", "POST", PAYLOAD))
    paths = {number: page_path(connection, LARGE, number) for number in (1, LAST_PAGE // 100, LAST_PAGE)}
    pages = {number: partial(large.send, path) for number, path in paths.items() if path is not None}
    took: dict[int, list[float]] = {number: [] for number in pages}
    for _ in range(times + 1):  # in turn, so that a slow minute of the machine weighs on no page alone
        for number, send in pages.items():
            took[number].append(seconds(send))
    for number, all in took.items():
        print_row(f"list, page {number:,}, the large owner", median(all[1:]) * 1e3, "ms")


def send_next(client: Client, ids: Iterator[str]) -> None:
    """Get the next of some objects."""
    client.send(f"/{next(ids)}")


def measure_streams(address: str, server: int, connection: Connection) -> None:
    """Print how long the large owner's export and bulk creates take, and what memory the server has then."""
    begun = time.monotonic()
    loop_over_instances()
    print_row("the export in CSV by a loop over model instances", time.monotonic() - begun, "s")
    client = Client(address, LARGE)
    print_row("memory of the server before", memory(tree(server)) / 2**20, "MiB")
    for format in ("csv", "ndjson"):
        begun = time.monotonic()
        length = client.stream(f"/export?format={format}")
        print_row(f"export, {format}, {length / 2**20:,.0f} MiB", time.monotonic() - begun, "s")
        print_row("memory of the server after it", memory(tree(server)) / 2**20, "MiB")
    print_median("COPY of 1,000 rows by psycopg alone", 3, partial(copy_rows, connection, 1_000))
    for rows in (1_000, 10_000):
        body = {"items": [PAYLOAD] * rows}
        print_median(f"bulk of {rows:,}", 3, partial(client.send, "/bulk", "POST", body))
        print_row("memory of the server after it", memory(tree(server)) / 2**20, "MiB")


def copy_rows(connection: Connection, number: int) -> None:
    """Make rows as a bulk create does, with nothing around it."""
    now = datetime.now(UTC)
    row = (LARGE, now, now, 1, *PAYLOAD.values())
    columns = ", ".join(("id", "owner_id", "created_at", "updated_at", "version", *PAYLOAD))
    with connection.cursor() as cursor, cursor.copy(f"COPY {TABLE} ({columns}) FROM STDIN") as copy:
        for _ in range(number):
            copy.write_row((random_id(), *row))


def loop_over_instances() -> None:
    """Write the large owner's CSV as it is commonly written, which the export is compared with."""
    from django.db import connection

    from simulations.models import Simulation

    fields = ["id", "name", "start_date", "end_date", "created_at", "updated_at"]
    connection.ensure_connection()
    register_tzloader(UTC, connection.connection)  # Django's own, which the service replaces
    with open(os.devnull, "w", newline="") as file:
        writer = csv.writer(file)
        for row in Simulation.objects.filter(owner=LARGE).order_by("-created_at", "-id").iterator():
            writer.writerow([getattr(row, field) for field in fields])


def ids_of(connection: Connection, owner: int, number: int) -> Iterator[str]:
    """Return some ids of an owner's, again and again."""
    query = f"SELECT id FROM {TABLE} WHERE owner_id = %s ORDER BY id LIMIT %s"
    return cycle([row[0] for row in connection.execute(query, [owner, number])])


def page_path(connection: Connection, owner: int, number: int) -> str | None:
    """Return the query of an owner's page, or None past the last.

    The cursor is made as the service makes it, from the row before the page, instead of by a walk through all
    pages before it.
    """
    if number == 1:
        return ""
    query = f"SELECT created_at, id FROM {TABLE} WHERE owner_id = %s ORDER BY created_at DESC, id DESC"
    place = connection.execute(f"{query} LIMIT 1 OFFSET %s", [owner, (number - 1) * PAGE - 1]).fetchone()
    return None if place is None else f"?cursor={quote(cursor_after(owner, *place))}"


def cursor_after(owner: int, created_at: datetime, id: str) -> str:
    """Return the service's own cursor of an owner's plain list."""
    from api.paging import Cursors
    from simulations.schemas import SimulationSelection

    return Cursors("/api/simulations", owner, SimulationSelection()).make(created_at, id)


def print_median(what: str, times: int, act: Callable[[], object]) -> None:
    """Do something so many times, after once for nothing, and print the median of how long it took."""
    took = [seconds(act) for _ in range(times + 1)]
    print_row(what, median(took[1:]) * 1e3, "ms")


def seconds(act: Callable[[], object]) -> float:
    """Do something, and return how long it took."""
    begun = time.perf_counter()
    act()
    return time.perf_counter() - begun


def print_row(what: str, value: float, unit: str) -> None:
    """Print one row of the table."""
    sys.stdout.write(f"| {what} | {value:,.1f} {unit} |\n")
    sys.stdout.flush()


def read_options() -> Namespace:
    """Read the command line."""
    parser = ArgumentParser(description="Measures Goatfish at 10 million rows.")
    parser.add_argument("--rows", type=int, default=10_000_000, help="10,000 or more; 10,000,000 if left out")
    parser.add_argument("--requests", type=int, choices=range(1, 1001), default=50, metavar="1-1000")
    parser.add_argument("--server", default="postgresql://postgres@127.0.0.1:5432", help="PostgreSQL's URL")
    parser.add_argument("--keep", action="store_true", help="keep the database goatfish_scale")
    options = parser.parse_args()
    if not 10_000 <= options.rows <= 100_000_000:
        parser.error("--rows takes 10,000 to 100,000,000")
    return options


if __name__ == "__main__":
    main()
