"""The tables of results, and the page that shows them."""

import os
import platform
import re
from argparse import Namespace
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import zip_longest
from pathlib import Path
from statistics import median

from benchmarks.contenders import CONTENDERS, Contender
from benchmarks.operations import Operation

COLUMNS = ["requests/s", "spread, %", "× Goatfish", "p50, ms", "p99, ms", "CPU, µs", "× Goatfish"]
COLUMNS += ["workers' CPU, requests, %", "PostgreSQL CPU, µs", "memory, MiB"]
HEAD = f"| | {' | '.join(COLUMNS)} |\n|---|{'--:|' * len(COLUMNS)}\n"

PAGE = """\
```sh
make bench ARGS="{arguments}"
```

- {date}; rounds: {rounds}, seconds per run: {seconds}
- {processor}, {cores} cores, {memory} GiB; load average before the start: {load:.1f}
- {system}, PostgreSQL {postgres}, Python {python}
- {packages}

{tables}
"""

SPREAD = 0.15  # of requests per second, between rounds

PACKAGES = (
    "django|gunicorn|fastapi|uvicorn|uvloop|sqlalchemy|asyncpg|litestar|msgspec|djangorestframework|"
    "django-ninja|psycopg|orjson|pydantic"
)


@dataclass(frozen=True)
class Sample:
    """One run: requests per second, milliseconds, microseconds of CPU per request, mebibytes, and shares."""

    rate: float
    p50: float
    p99: float
    cpu: float
    database: float | None
    memory: float
    shares: list[float]
    """Each worker's share of the CPU, the largest first."""
    requests: list[float]
    """Each worker's share of the requests."""
    strangers: dict[str, float]
    """The share of the machine's CPU that other programs took, if it was large."""


Results = dict[tuple[Operation, Contender], list[Sample]]


def tables(results: Results) -> str:
    """Return a table for each operation, in Markdown."""
    operations = dict.fromkeys(operation for operation, _ in results)
    return "\n".join(f"### {operation.title}\n\n{table(results, operation)}" for operation in operations)


def table(results: Results, operation: Operation) -> str:
    """Return the table of one operation."""
    rows = [
        row(results, operation, contender) for contender in CONTENDERS if (operation, contender) in results
    ]
    return HEAD + "".join(rows)


def row(results: Results, operation: Operation, contender: Contender) -> str:
    """Return one contender's row, with the medians of the rounds."""
    samples = results[operation, contender]
    own = results.get((operation, CONTENDERS[0]), [])
    database = [sample.database for sample in samples if sample.database is not None]
    cells = [
        contender.title,
        f"{median(s.rate for s in samples):,.0f}",
        f"{100 * spread(samples):.0f}",
        ratio(samples, own, lambda sample: sample.rate),
        f"{median(s.p50 for s in samples):.1f}",
        f"{median(s.p99 for s in samples):.1f}",
        f"{median(s.cpu for s in samples):,.0f}",
        ratio(samples, own, lambda sample: sample.cpu),
        f"{mixed([s.shares for s in samples])}, {mixed([s.requests for s in samples])}",
        f"{median(database):,.0f}" if database else "–",
        f"{median(s.memory for s in samples):,.0f}",
    ]
    return f"| {' | '.join(cells)} |\n"


def mixed(runs: list[list[float]]) -> str:
    """Return the median of the largest share, the second largest and so on, in percent."""
    columns = zip_longest(*runs, fillvalue=0.0)
    return "/".join(f"{100 * median(column):.0f}" for column in columns) or "–"


def doubts(results: Results) -> list[str]:
    """Return why figures cannot be trusted: rounds that differ, and other programs that took the CPU.

    The rounds of a peer may differ, as one under gunicorn often leaves a worker idle. The table shows it.
    """
    found = []
    for (operation, contender), samples in results.items():
        what = f"{operation.title}, {contender.title}"
        if contender is CONTENDERS[0] and spread(samples) > SPREAD:
            found.append(f"{what}: the requests per second of the rounds differ by {spread(samples):.0%}")
        for sample in samples:
            found += [
                f"{what}: {name} took {share:.0%} of the CPU" for name, share in sample.strangers.items()
            ]
    return found


def spread(samples: list[Sample]) -> float:
    """Return how much the requests per second of the rounds differ, relative to the median."""
    rates = [sample.rate for sample in samples]
    return (max(rates) - min(rates)) / median(rates)


def ratio(samples: list[Sample], own: list[Sample], of: Callable[[Sample], float]) -> str:
    """Return the median of the rounds' ratios to Goatfish."""
    if not own:
        return "–"
    return f"{median(of(a) / of(b) for a, b in zip(samples, own, strict=True)):.2f}"


def page(results: Results, options: Namespace, postgres: str) -> str:
    """Return the tables with the command and a description of the machine."""
    lock = (Path(__file__).parent / "requirements.lock").read_text()
    return PAGE.format(
        arguments=f"--rounds {options.rounds} --seconds {options.seconds}",
        date=f"{datetime.now(UTC):%Y-%m-%d}",
        rounds=options.rounds,
        seconds=options.seconds,
        processor=processor(),
        cores=os.cpu_count(),
        memory=os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") // 2**30,
        load=os.getloadavg()[2],
        system=f"{platform.system()} {'.'.join(platform.release().split('.')[:2])}",
        postgres=postgres,
        python=platform.python_version(),
        packages=", ".join(" ".join(pin) for pin in re.findall(rf"^({PACKAGES})==(\S+)", lock, re.MULTILINE)),
        tables=tables(results),
    )


def processor() -> str:
    """Return the name of the processor."""
    found = re.search(r"^model name\s*: (.*)$", Path("/proc/cpuinfo").read_text(), re.MULTILINE)
    return found[1] if found else platform.machine()
