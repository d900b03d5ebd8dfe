"""A progress bar on a terminal; elsewhere, a line a minute."""

import time
from collections.abc import Callable
from typing import TextIO

WIDTH = 24
EVERY = 60.0  # seconds between two lines
REDRAW = 0.1  # seconds between two looks of the bar


class Progress:
    """Shows how many of all rows are done."""

    def __init__(self, total: int, stream: TextIO, clock: Callable[[], float] = time.monotonic) -> None:
        """Begin with none done."""
        self.total, self.stream, self.clock = total, stream, clock
        self.done, self.bar = 0, stream.isatty()
        self.shown = clock()

    def add(self, rows: int) -> None:
        """Count rows, and show them if it is time to."""
        self.done += rows
        now = self.clock()
        if now - self.shown >= (REDRAW if self.bar else EVERY):
            self.shown = now
            self.say(f"{self.done:,} of {self.total:,} rows")

    def say(self, text: str) -> None:
        """Say what is under way."""
        share = self.done / self.total if self.total else 1
        filled = int(WIDTH * share)
        line = f"[{'#' * filled}{'.' * (WIDTH - filled)}] {share:4.0%} {text}"
        self.stream.write(f"\r\x1b[2K{line}" if self.bar else f"{line}\n")
        self.stream.flush()

    def last(self, text: str) -> None:
        """Say on a terminal what comes when all rows are done."""
        if self.bar:
            self.say(text)

    def end(self) -> None:
        """Take the bar away."""
        self.stream.write("\r\x1b[2K" if self.bar else "")
        self.stream.flush()
