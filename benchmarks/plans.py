"""Prints the query plans of the list, for one owner of a million rows among a hundred owners.

    DATABASE_URL=postgres://postgres@127.0.0.1/plans SECRET_KEY=x .venv/bin/python benchmarks/plans.py

The first run fills the database, which must be empty or created by an earlier run. Each query is the one
that the API sends: the script sends a request, captures its query on simulations, and explains it.
`docs/query-plans.md` has the results and findings.
"""
# ruff: noqa: E402, FBT001, T201

import os
import random
import re
import statistics
import sys
import time
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from itertools import count
from pathlib import Path
from typing import Any, NamedTuple

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
os.environ["RATE_LIMIT"] = "off"

import django

django.setup()

from django.core.management import call_command
from django.db import connection, transaction
from django.test import Client

from accounts.models import ApiKey, User
from owned.ids import ALPHABET, ID_LENGTH
from owned.keyset import Cursors
from simulations.models import Simulation
from simulations.schemas import SimulationSelection

OWNERS, BIG, SMALL = 100, 1_000_000, 10_000
FIRST_DAY, DAYS = date(2016, 1, 1), 3_900  # to September 2026: nearly all are in the past
COLUMNS = ("id", "owner_id", "name", "start_date", "end_date", "created_at", "updated_at", "version")
SORTS = ("created_at", "updated_at", "name", "start_date", "end_date")
FILTERS = {
    "name, few match": "name=Run 000777 of the monsoon",
    "name, none match": "name=Run of nobody",
    "q, 1 in 100": "q=TIDE",
    "q, few match": "q=run 000777 of the MON",
    "q, none match": "q=nothing like it",
    "active_on, in the distant past": "active_on=2016-01-02",
    "active_on, midway": "active_on=2021-05-01",
    "active_on, today": "active_on=2026-09-04",
    "active_on, in the future": "active_on=2026-09-20",
    "overlaps, a month midway": "overlaps=2021-05-01/2021-05-31",
    "overlaps, in the future": "overlaps=2026-09-20/2026-12-31",
    "start_date range": "start_date__gte=2021-05-01&start_date__lte=2021-05-03",
    "created_at range": "created_at__gte=2021-05-01T00:00:00Z&created_at__lt=2021-05-02T00:00:00Z",
}


class Plan(NamedTuple):
    """The plan and timing of one query."""

    indexes: str
    rows: str
    milliseconds: list[float]  # with the custom plan; on PostgreSQL also with the generic plan


def rows(owners: list[int]) -> Iterator[tuple[Any, ...]]:
    """Yield the simulations of all owners, in random order of owner and time, the same in each run."""
    chance = random.Random(1)
    shares = [owners[0]] * BIG + [owner for owner in owners[1:] for _ in range(SMALL)]
    chance.shuffle(shares)
    midnight = datetime(2026, 9, 5, tzinfo=UTC)
    for number, owner in zip(count(), shares, strict=False):
        id = "".join(chance.choices(ALPHABET, k=ID_LENGTH))
        kind = "tide" if chance.random() < 0.01 else ("monsoon", "drought", "harvest")[number % 3]
        start = FIRST_DAY + timedelta(chance.randrange(DAYS))
        end = start + timedelta(chance.randrange(14))
        created = midnight - timedelta(seconds=chance.random() * DAYS * 86_400)
        updated = created if number % 2 else midnight - timedelta(seconds=chance.random() * 86_400 * 30)
        yield (
            id,
            owner,
            f"Run {chance.randrange(BIG // 20):06} of the {kind}",
            start,
            end,
            created,
            updated,
            1,
        )


def fill() -> None:
    """Fill an empty database, and update its statistics."""
    owners = User.objects.bulk_create(User(username=f"owner-{number}") for number in range(OWNERS))
    table, columns = Simulation._meta.db_table, ", ".join(COLUMNS)
    with transaction.atomic(), connection.cursor() as cursor:
        made = rows([owner.pk for owner in owners])
        if connection.vendor == "postgresql":
            with cursor.copy(f"COPY {table} ({columns}) FROM STDIN") as copy:
                for row in made:
                    copy.write_row(row)
        else:
            places = ", ".join(["?"] * len(COLUMNS))
            texts = (
                (
                    *row[:3],
                    *(str(v.replace(tzinfo=None) if isinstance(v, datetime) else v) for v in row[3:7]),
                    1,
                )
                for row in made
            )
            cursor.execute("PRAGMA cache_size = -2000000")  # KiB; with the default, it takes 15 minutes
            cursor.connection.executemany(f"INSERT INTO {table} ({columns}) VALUES ({places})", texts)
    with connection.cursor() as cursor:
        cursor.execute("VACUUM ANALYZE" if connection.vendor == "postgresql" else "ANALYZE")


class Api:
    """The API, called as the owner of a million simulations."""

    def __init__(self) -> None:
        self.owner = User.objects.get(username="owner-0")
        self.record, self.key = ApiKey.issue(self.owner)
        self.client = Client(SERVER_NAME="localhost", headers={"X-API-Key": self.key})

    def get(self, query: str) -> list[tuple[str, Any]]:
        """Send a request, and return its queries on simulations, each with its parameters."""
        queries: list[tuple[str, Any]] = []

        def note(execute: Any, sql: str, params: Any, many: bool, context: Any) -> Any:
            if f'FROM "{Simulation._meta.db_table}"' in sql:
                queries.append((sql, params))
            return execute(sql, params, many, context)

        with connection.execute_wrapper(note):
            answer = self.client.get(f"/api/simulations?{query.replace(' ', '%20')}")
        if answer.status_code != 200:
            raise SystemExit(answer.content.decode())
        return queries

    def deep(self, sort: str) -> str:
        """Return the cursor after 90 % of the owner's simulations."""
        where = SimulationSelection.model_validate({"sort": sort})
        rows = where.of(Simulation.objects.filter(owner=self.owner))
        value, id = rows.values_list(where.key, "id")[BIG * 9 // 10]
        where = SimulationSelection(sort=sort) if sort != "-created_at" else SimulationSelection()
        return Cursors("/api/simulations", self.owner.pk, where.model_dump_json(exclude_none=True)).make(
            value, id
        )


def explain(sql: str, params: Any) -> Plan:
    """Explain a query and print its plan. The times are medians of three runs, after a warm-up."""
    on_postgresql = connection.vendor == "postgresql"
    with connection.cursor() as cursor:
        taken: list[float] = []
        for mode in ("force_generic_plan", "force_custom_plan") if on_postgresql else ("",):
            if mode:
                cursor.execute(f"SET plan_cache_mode = {mode}")
            taken.insert(0, milliseconds(cursor, sql, params))
        prefix = "EXPLAIN (ANALYZE, BUFFERS) " if on_postgresql else "EXPLAIN QUERY PLAN "
        cursor.execute(prefix + sql, params)
        lines = [str(row[-1]) for row in cursor.fetchall()]
    text = "\n".join(lines)
    print(text, end="\n\n")
    if not on_postgresql:
        return Plan("; ".join(lines), "", taken)
    indexes = re.findall(r"(?:using|Index Scan on) (\w+)|(Seq Scan)", text)
    return Plan(" + ".join(name or seq for name, seq in indexes), f"{rows_read(lines):,}", taken)


def milliseconds(cursor: Any, sql: str, params: Any) -> float:
    """Return the median time of a query."""
    times = []
    for _ in range(4):
        began = time.perf_counter()
        cursor.execute(sql, params)
        cursor.fetchall()
        times.append((time.perf_counter() - began) * 1_000)
    return statistics.median(times[1:])


def rows_read(lines: list[str]) -> int:
    """Return how many rows PostgreSQL's scans read, including those that a filter removed."""
    total, loops, scanning = 0, 1, False
    for line in lines:
        if node := re.search(r"actual time=\S+ rows=(\d+) loops=(\d+)", line):
            scanning = "Scan" in line and "Bitmap Heap" not in line
            loops = int(node[2])
            total += int(node[1]) * loops if scanning else 0
        elif removed := re.search(r"Rows Removed by (?:Filter|Index Recheck): (\d+)", line):
            total += int(removed[1]) * loops
    return total


def main() -> None:
    """Fill the database if it is empty, then print each query's plan and a table of all of them."""
    call_command("migrate", verbosity=0)
    if not User.objects.exists():
        fill()
    api = Api()
    asked = [(f"sort={sign}{key}, first page", f"sort={sign}{key}") for key in SORTS for sign in ("", "-")]
    asked += [
        (f"sort={sign}{key}, page 9,000", f"sort={sign}{key}&cursor={api.deep(sign + key)}")
        for key in SORTS
        for sign in ("", "-")
    ]
    asked += list(FILTERS.items())
    asked += [(f"{name}, count=true", f"{query}&limit=1&count=true") for name, query in FILTERS.items()]
    asked += [("count=true", "limit=1&count=true")]
    table = []
    for name, query in asked:
        print(f"## {name}", end="\n\n")
        sql, params = api.get(query)[0]
        print(sql, params, sep="\n", end="\n\n")
        table.append((name, explain(sql, params)))
    print(
        "| query | index | rows read | ms | ms, generic plan |",
        "|---|---|---:|---:|---:|",
        sep="\n",
    )
    for name, plan in table:
        times = " | ".join(f"{ms:.1f}" for ms in plan.milliseconds)
        print(f"| {name} | {plan.indexes} | {plan.rows} | {times} |")


if __name__ == "__main__":
    main()
