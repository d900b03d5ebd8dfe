"""A progress bar on a terminal; elsewhere a line a step."""

import sys

WIDTH = 24


class Progress:
    """Shows how many of all steps are done, and which is under way."""

    def __init__(self, steps: int) -> None:
        """Begin with none done."""
        self.steps, self.done = steps, 0

    def show(self, step: str) -> None:
        """Say which step begins."""
        filled = WIDTH * self.done // self.steps
        bar = f"[{'#' * filled}{'.' * (WIDTH - filled)}] {self.done}/{self.steps} {step}"
        sys.stderr.write(f"\r\x1b[2K{bar}" if sys.stderr.isatty() else f"{bar}\n")
        sys.stderr.flush()
        self.done += 1

    def end(self) -> None:
        """Take the bar away."""
        sys.stderr.write("\r\x1b[2K" if sys.stderr.isatty() else "")
