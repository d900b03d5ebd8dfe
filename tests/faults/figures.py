"""How often each fault is injected, and the table of results in `docs/reliability.md`."""

import os
import platform
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

from benchmarks.report import processor
from tests.postgresql.cluster import BINARIES

LONG = (
    os.environ.get("FAULTS") == "long"
)  # set by `make faults`; otherwise each fault is injected a few times
MARKS = "<!-- measured -->", "<!-- /measured -->"  # the part of the page between them is replaced

HEAD = """\
| fault | times | requests | failed attempts | acknowledged writes | lost | unexpected | wrong responses \
| recovery, s | longest wait, s |
|---|--:|--:|--:|--:|--:|--:|--:|--:|--:|
"""
PAGE = """\
{table}
- {date}, `make faults`; load average of the machine over 15 minutes, including other work: {load:.0f}
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
    unexpected: int
    wrong: int
    recovery: float | None  # None if the service was available throughout
    longest: float


MEASURED: list[Figures] = []


def times(long: int, short: int) -> int:
    """Return how often to inject a fault: `long` in `make faults`, `short` in every other test run."""
    return long if LONG else short


def table() -> str:
    """Return a Markdown table of all experiments so far."""
    return HEAD + "".join(table_row(figures) for figures in MEASURED)


def table_row(figures: Figures) -> str:
    """Return the table row of one experiment."""
    title, *counts, recovery, longest = figures
    recovered = "–" if recovery is None else f"{recovery:.1f}"
    cells = [title, *(f"{count:,}" for count in counts), recovered, f"{longest:.1f}"]
    return f"| {' | '.join(cells)} |\n"


def write(file: Path) -> None:
    """Write the table into a page, with the machine and the date."""
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
