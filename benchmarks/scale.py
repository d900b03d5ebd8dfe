"""Measures Goatfish with 10 million rows: `python -m benchmarks.scale --help`.

The rows belong to a thousand owners; the first owns a tenth of all rows. For comparison, a second database
has ten thousand rows, and the same requests alternate between the two. Requests go to the service as
deployed, one at a time. The figures are median milliseconds, as seen by a client on the same machine.
"""

import csv
import os
import sys
import time
from argparse import ArgumentParser, Namespace
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from urllib.parse import quote

import django
from django.db.backends.postgresql.psycopg_any import register_tzloader

from benchmarks.client import Client, ids_of, in_turn
from benchmarks.contenders import CONTENDERS
from benchmarks.fill import TABLE, Connection, connect, database, fill, service_environment
from benchmarks.operations import DAY, PAYLOAD
from benchmarks.processes import memory, serving, tree
from owned.ids import random_id

OWNERS = 1_000
LARGE = 1  # the owner of a tenth of all rows
PAGE = 100
LAST_PAGE = 10_000
FEW = 10_000


@dataclass(frozen=True)
class Place:
    """A database with `rows` rows, and a service that uses it."""

    rows: int
    owners: int
    connection: Connection
    address: str
    server: int


def main() -> None:
    """Create the rows, measure, and print the tables."""
    options = read_options()
    with place(options, FEW) as few, place(options, options.rows) as many:
        sys.stdout.write(
            f"\n| p50, ms | {few.rows:,} rows | {many.rows:,} rows | ratio |\n|---|--:|--:|--:|\n"
        )
        for who in "the large owner", "a small owner":
            measure_requests((few, many), options.requests, who)
        sys.stdout.write(f"\n| {many.rows:,} rows | |\n|---|--:|\n")
        django.setup()  # with the larger database, whose environment was set last
        measure_pages(many, options.requests)
        measure_streams(many.address, many.server, many.connection)


@contextmanager
def place(options: Namespace, rows: int) -> Iterator[Place]:
    """Create a database, fill it, and start a service on it."""
    owners = min(OWNERS, rows // 200)
    name = f"goatfish_scale_{rows}"
    with database(options.server, name, keep=options.keep) as url, connect(url) as connection:
        begun = time.monotonic()
        fill(connection, rows, owners, rows // 10)
        size = connection.execute(f"SELECT pg_size_pretty(pg_total_relation_size('{TABLE}'))").fetchone()
        print_row(f"fill of {rows:,} rows, {size[0] if size else '?'}", time.monotonic() - begun, "s")
        os.environ.update(service_environment(url), DJANGO_SETTINGS_MODULE="config.settings")
        with serving(CONTENDERS[0], url) as (address, server):
            yield Place(rows, owners, connection, address, server)


def measure_requests(places: Sequence[Place], times: int, who: str) -> None:
    """Print the median times of one owner's requests, alternating between the places."""
    clients, ids = [], []
    for place in places:
        owner = LARGE if who == "the large owner" else place.owners
        clients.append(Client(place.address, owner))
        ids.append(ids_of(place.connection, owner, times))
    requests: dict[str, tuple[int, Callable[[int], object]]] = {
        "get": (times, lambda n: clients[n].send(f"/{next(ids[n])}")),
        f"list of {PAGE}": (times, lambda n: clients[n].send("")),
        f"list of {PAGE}, filtered and sorted": (
            times,
            lambda n: clients[n].send(f"?start_date__gte={DAY}&sort=name"),
        ),
        "q=spring": (5, lambda n: clients[n].send("?q=spring")),
        "count=true": (5, lambda n: clients[n].send("?count=true")),
        "create": (times, lambda n: clients[n].send("", "POST", PAYLOAD)),
    }
    for what, (number, send) in requests.items():
        few, many = in_turn([partial(send, n) for n in range(len(places))], number)
        sys.stdout.write(f"| {what}, {who} | {few:,.1f} | {many:,.1f} | {many / few:.2f} |\n")
        sys.stdout.flush()


def measure_pages(place: Place, times: int) -> None:
    """Print the median times of the first, a middle and the last page of the large owner's list."""
    numbers = [1, LAST_PAGE // 100, LAST_PAGE]
    client = Client(place.address, LARGE)
    paths = {number: page_path(place.connection, LARGE, number) for number in numbers}
    pages = {number: partial(client.send, path) for number, path in paths.items() if path is not None}
    for number, took in zip(pages, in_turn(list(pages.values()), times), strict=True):
        print_row(f"list, page {number:,}, the large owner", took, "ms")


def measure_streams(address: str, server: int, connection: Connection) -> None:
    """Print how long the large owner's export and bulk creates take, and the server's memory after each."""
    begun = time.monotonic()
    loop_over_instances()
    print_row("CSV export with a loop over model instances", time.monotonic() - begun, "s")
    client = Client(address, LARGE)
    print_row("memory of the server before the exports", memory(tree(server)) / 2**20, "MiB")
    for format in ("csv", "ndjson"):
        begun = time.monotonic()
        length = client.stream(f"/export?format={format}")
        print_row(f"export, {format}, {length / 2**20:,.0f} MiB", time.monotonic() - begun, "s")
        print_row("memory of the server afterwards", memory(tree(server)) / 2**20, "MiB")
    print_median("COPY of 1,000 rows with psycopg alone", 3, partial(copy_rows, connection, 1_000))
    for rows in (1_000, 10_000):
        body = {"items": [PAYLOAD] * rows}
        print_median(f"bulk of {rows:,}", 3, partial(client.send, "/bulk", "POST", body))
        print_row("memory of the server afterwards", memory(tree(server)) / 2**20, "MiB")


def copy_rows(connection: Connection, number: int) -> None:
    """Create rows with the same COPY as a bulk create, and nothing else."""
    now = datetime.now(UTC)
    row = (LARGE, now, now, 1, *PAYLOAD.values())
    columns = ", ".join(("id", "owner_id", "created_at", "updated_at", "version", *PAYLOAD))
    with connection.cursor() as cursor, cursor.copy(f"COPY {TABLE} ({columns}) FROM STDIN") as copy:
        for _ in range(number):
            copy.write_row((random_id(), *row))


def loop_over_instances() -> None:
    """Write the large owner's CSV with the usual loop, for comparison with the export."""
    from django.db import connection

    from simulations.models import Simulation

    fields = ["id", "name", "start_date", "end_date", "created_at", "updated_at"]
    connection.ensure_connection()
    register_tzloader(UTC, connection.connection)  # Django's own loader, which the service replaces
    with open(os.devnull, "w", newline="") as file:
        writer = csv.writer(file)
        for row in Simulation.objects.filter(owner=LARGE).order_by("-created_at", "-id").iterator():
            writer.writerow([getattr(row, field) for field in fields])


def page_path(connection: Connection, owner: int, number: int) -> str | None:
    """Return the query string of an owner's page, or None after the last page.

    The cursor is built from the row before the page, with the service's own code, so that the pages before
    it need not be fetched.
    """
    if number == 1:
        return ""
    query = f"SELECT created_at, id FROM {TABLE} WHERE owner_id = %s ORDER BY created_at DESC, id DESC"
    place = connection.execute(f"{query} LIMIT 1 OFFSET %s", [owner, (number - 1) * PAGE - 1]).fetchone()
    return None if place is None else f"?cursor={quote(cursor_after(owner, *place))}"


def cursor_after(owner: int, created_at: datetime, id: str) -> str:
    """Return the service's cursor for an owner's unfiltered list."""
    from owned.keyset import Cursors
    from simulations.schemas import SimulationSelection

    scope = SimulationSelection().model_dump_json(exclude_none=True)
    return Cursors("/api/simulations", owner, scope).make(created_at, id)


def print_median(what: str, times: int, act: Callable[[], object]) -> None:
    """Print the median time of an act, repeated after one warm-up."""
    print_row(what, in_turn([act], times)[0], "ms")


def print_row(what: str, value: float, unit: str) -> None:
    """Print one row of the table."""
    sys.stdout.write(f"| {what} | {value:,.1f} {unit} |\n")
    sys.stdout.flush()


def read_options() -> Namespace:
    """Parse the command line."""
    parser = ArgumentParser(description="Measures Goatfish with 10 million rows.")
    parser.add_argument("--rows", type=int, default=10_000_000, help="20,000 or more; default 10,000,000")
    parser.add_argument("--requests", type=int, choices=range(1, 1001), default=50, metavar="1-1000")
    parser.add_argument("--server", default="postgresql://postgres@127.0.0.1:5432", help="PostgreSQL's URL")
    parser.add_argument("--keep", action="store_true", help="keep the databases goatfish_scale_…")
    options = parser.parse_args()
    if not 20_000 <= options.rows <= 100_000_000:
        parser.error("--rows must be 20,000 to 100,000,000")
    return options


if __name__ == "__main__":
    main()
