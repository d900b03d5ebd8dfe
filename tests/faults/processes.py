"""What runs under a gunicorn."""

from pathlib import Path

from tests.faults.service import wait_until


def children(pid: int) -> list[int]:
    """Return the processes that a process has started."""
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def await_new_workers(master: int, before: list[int]) -> None:
    """Wait until a master has two workers, and none that it had before."""

    def replaced() -> bool:
        now = children(master)
        return len(now) == 2 and not set(now) & set(before)

    wait_until(replaced)


def await_new_master(old: int) -> int:
    """Wait until the master that a master has started beside itself has two workers, and return it."""

    def found() -> int | None:
        return next((child for child in children(old) if len(children(child)) == 2), None)

    wait_until(found)
    return found() or 0


def await_end(pid: int) -> None:
    """Wait until a process is gone, or waits for nothing but to be reaped by whoever adopted it."""

    def has_ended() -> bool:
        try:
            return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
        except FileNotFoundError:
            return True

    wait_until(has_ended)
