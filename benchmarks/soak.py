"""Puts Goatfish under mixed load: `python -m benchmarks.soak --help`.

Of ten requests, seven get an object, two list and one writes. At regular intervals, the script prints the
response times, each worker's memory and the number of PostgreSQL connections. It exits on any unsuccessful
response.
"""

import sys
import time
from argparse import ArgumentParser, Namespace
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import cycle
from random import Random
from statistics import median, quantiles

from benchmarks.client import Client, ids_of
from benchmarks.contenders import CONTENDERS
from benchmarks.fill import Connection, connect, database, fill
from benchmarks.operations import DAY, PAYLOAD
from benchmarks.processes import memory, serving, tree

OWNERS, ROWS = 50, 100_000
LISTS = ["", "?limit=10", f"?start_date__gte={DAY}&sort=name", "?q=spring&count=true"]
ROW = "| {:>6.0f} min | {:>11,} | {:>6.1f} | {:>6.1f} | {:>19} | {:>11} |\n"


def main() -> None:
    """Fill a database, send requests at a steady rate, and print a row after each interval."""
    options = read_options()
    with database(options.server, "goatfish_soak") as url, connect(url) as connection:
        fill(connection, ROWS, OWNERS)
        with serving(CONTENDERS[0], url) as (address, server):
            sys.stdout.write("| after | requests | p50, ms | p99, ms | MiB of each worker | connections |\n")
            begun, sent = time.monotonic(), 0
            while (elapsed := time.monotonic() - begun) < options.minutes * 60:
                took = one_interval(connection, address, options, seed=sent)
                sent += len(took)
                workers = sorted(memory([pid]) / 2**20 for pid in tree(server) if pid != server)
                sys.stdout.write(
                    ROW.format(
                        elapsed / 60 + options.every,
                        sent,
                        median(took) * 1e3,
                        quantiles(took, n=100)[-1] * 1e3,
                        ", ".join(f"{worker:.1f}" for worker in workers),
                        connections(connection),
                    )
                )
                sys.stdout.flush()


def one_interval(connection: Connection, address: str, options: Namespace, seed: int) -> list[float]:
    """Send requests from several clients for one interval, and return how long each took, in seconds."""
    seconds = options.every * 60
    with ThreadPoolExecutor(options.clients) as pool:
        runs = []
        for number in range(options.clients):
            owner = 1 + number % OWNERS
            ids = ids_of(connection, owner, 100)
            pace = options.clients / options.rate
            runs.append(pool.submit(one_client, Client(address, owner), ids, pace, seconds, seed + number))
        return [second for run in runs for second in run.result()]


def one_client(client: Client, ids: Iterator[str], pace: float, seconds: float, seed: int) -> list[float]:
    """Send a request every `pace` seconds, or as soon as the previous one is complete."""
    random, lists, took = Random(seed), cycle(LISTS), []
    begun = due = time.monotonic()
    while due < begun + seconds:
        time.sleep(max(0, due - time.monotonic()))
        due += pace
        sent = time.monotonic()
        match random.randrange(20):
            case 0:
                client.send("", "POST", PAYLOAD)
            case 1:
                client.send(f"/{next(ids)}", "PUT", PAYLOAD)
            case 2 | 3 | 4 | 5:
                client.send(next(lists))
            case _:
                client.send(f"/{next(ids)}")
        took.append(time.monotonic() - sent)
    client.connection.close()
    return took


def connections(connection: Connection) -> int:
    """Return the number of the service's open connections."""
    query = "SELECT count(*) - 1 FROM pg_stat_activity WHERE datname = current_database()"
    row = connection.execute(query).fetchone()
    return int(row[0]) if row else 0


def read_options() -> Namespace:
    """Parse the command line."""
    parser = ArgumentParser(description="Puts Goatfish under mixed load and reports its memory use.")
    parser.add_argument("--minutes", type=float, default=60)
    parser.add_argument("--every", type=float, default=5, help="minutes between rows")
    parser.add_argument("--rate", type=float, default=100, help="requests per second")
    parser.add_argument("--clients", type=int, choices=range(1, 51), default=8, metavar="1-50")
    parser.add_argument("--server", default="postgresql://postgres@127.0.0.1:5432", help="PostgreSQL's URL")
    return parser.parse_args()


if __name__ == "__main__":
    main()
