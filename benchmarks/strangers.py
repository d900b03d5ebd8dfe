"""Checks whether timing reveals that someone else's object exists: `python -m benchmarks.strangers --help`.

For each operation on an object, requests alternate between ids of other owners' objects and unknown ids,
with one key. The script prints the medians of the response times. Every response must be a 404.
"""

import sys
from argparse import ArgumentParser
from statistics import median

import orjson

from benchmarks.client import Client, seconds
from benchmarks.contenders import CONTENDERS
from benchmarks.fill import TABLE, connect, database, fill
from benchmarks.operations import PAYLOAD
from benchmarks.processes import serving
from owned.ids import random_id

OPERATIONS = {"GET": None, "PUT": PAYLOAD, "PATCH": {}, "POST": {"name": "x"}, "DELETE": None}


def main() -> None:
    """Measure and print a table."""
    parser = ArgumentParser(
        description="Compares response times for other owners' objects and for unknown ids."
    )
    parser.add_argument(
        "--requests", type=int, choices=range(10, 100_001), default=2_000, metavar="10-100000"
    )
    parser.add_argument("--server", default="postgresql://postgres@127.0.0.1:5432", help="PostgreSQL's URL")
    options = parser.parse_args()
    with database(options.server, "goatfish_strangers") as url, connect(url) as connection:
        fill(connection, 20_000, 20)
        query = f"SELECT id FROM {TABLE} WHERE owner_id <> 1 ORDER BY random() LIMIT {options.requests}"
        strangers = [row[0] for row in connection.execute(query.encode())]
        with serving(CONTENDERS[0], url) as (address, _):
            client = Caller(address, 1)
            sys.stdout.write("| | someone else's object, µs | no object, µs | ratio |\n|---|--:|--:|--:|\n")
            for method, body in OPERATIONS.items():
                took: tuple[list[float], list[float]] = [], []
                for number, stranger in enumerate(strangers):
                    pair = [(0, stranger), (1, random_id())]
                    for kind, id in pair if number % 2 else reversed(pair):
                        took[kind].append(seconds(lambda: client.miss(f"/{id}", method, body)))  # noqa: B023
                theirs, none = (median(times) * 1e6 for times in took)
                sys.stdout.write(f"| {method} | {theirs:,.0f} | {none:,.0f} | {theirs / none:.3f} |\n")


class Caller(Client):
    """A client that expects every response to be a 404."""

    def miss(self, path: str, method: str, body: object) -> None:
        """Send a request. Exits on any response but a 404."""
        data = None if body is None else orjson.dumps(body)
        self.connection.request(method, f"/api/simulations{path}", data, self.headers)
        response = self.connection.getresponse()
        text = response.read()
        if response.status != 404:
            sys.exit(f"{method} {path} returned {response.status}: {text[:500]!r}")


if __name__ == "__main__":
    main()
