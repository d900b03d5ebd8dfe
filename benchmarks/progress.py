"""A progress bar on a terminal, or one line per step elsewhere."""

import sys

WIDTH = 24


class Progress:
    """Shows the number of completed steps and the current one."""

    def __init__(self, steps: int) -> None:
        self.steps, self.done = steps, 0

    def show(self, step: str) -> None:
        """Show the step that begins."""
        filled = WIDTH * self.done // self.steps
        bar = f"[{'#' * filled}{'.' * (WIDTH - filled)}] {self.done}/{self.steps} {step}"
        sys.stderr.write(f"\r\x1b[2K{bar}" if sys.stderr.isatty() else f"{bar}\n")
        sys.stderr.flush()
        self.done += 1

    def end(self) -> None:
        """Clear the bar."""
        sys.stderr.write("\r\x1b[2K" if sys.stderr.isatty() else "")
