"""How often each fault is made, and the table of what came of it, for `docs/reliability.md`."""

import os
import platform
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

from benchmarks.report import processor
from tests.postgresql.cluster import BINARIES

LONG = os.environ.get("FAULTS") == "long"  # as `make faults` sets it; else a few of each, for every test run
MARKS = "<!-- measured -->", "<!-- /measured -->"  # what stands between them in the page is written anew

HEAD = """\
| what was done | times | requests | failed attempts | writes acknowledged | lost | twice | wrong answers \
| back after, s | longest wait, s |
|---|--:|--:|--:|--:|--:|--:|--:|--:|--:|
"""
PAGE = """\
{table}
- {date}, `make faults`; load of the machine over the last quarter of an hour, other work included: {load:.0f}
- {processor}, {cores} cores; {system}, PostgreSQL {postgresql}, Python {python}
"""


class Figures(NamedTuple):
    """One experiment; times are in seconds."""

    title: str
    faults: int
    sent: int
    failed: int
    acknowledged: int
    lost: int
    doubled: int
    wrong: int
    recovery: float | None  # None where nothing was away
    longest: float


MEASURED: list[Figures] = []


def times(long: int, short: int) -> int:
    """Return how often a fault is made: in `make faults`, or in every test run."""
    return long if LONG else short


def table() -> str:
    """Return the table of all experiments so far, in Markdown."""
    return HEAD + "".join(line(figures) for figures in MEASURED)


def line(figures: Figures) -> str:
    """Return the line of one experiment."""
    title, *counts, recovery, longest = figures
    back = "–" if recovery is None else f"{recovery:.1f}"
    cells = [title, *(f"{count:,}" for count in counts), back, f"{longest:.1f}"]
    return f"| {' | '.join(cells)} |\n"


def write(file: Path) -> None:
    """Put the table into a page, with the machine and the day."""
    text = file.read_text()
    begin, end = (text.index(mark) for mark in MARKS)
    page = PAGE.format(
        table=table(),
        date=f"{datetime.now(UTC):%Y-%m-%d}",
        processor=processor(),
        cores=os.cpu_count(),
        load=os.getloadavg()[2],
        system=f"{platform.system()} {'.'.join(platform.release().split('.')[:2])}",
        postgresql=BINARIES.parent.name if BINARIES else "none",
        python=platform.python_version(),
    )
    file.write_text(f"{text[: begin + len(MARKS[0])]}\n\n{page}\n{text[end:]}")
