"""The processes of a gunicorn master."""

from contextlib import suppress
from pathlib import Path

from tests.faults.service import wait_until


def children(pid: int) -> list[int]:
    """Return the child processes of a process."""
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def await_new_workers(master: int, before: list[int]) -> None:
    """Wait until a master has two workers, none of which is in `before`."""

    def are_replaced() -> bool:
        now = children(master)
        return len(now) == 2 and not set(now) & set(before)

    wait_until(are_replaced)


def await_new_master(old: int) -> int:
    """Wait until the new master, a child of the old one, has two workers. Return its pid."""

    def new_master() -> int | None:
        return next((child for child in children(old) if len(children(child)) == 2), None)

    wait_until(new_master)
    return new_master() or 0


def await_exit(pid: int) -> None:
    """Wait until a process has exited, even if its new parent has not reaped it yet."""

    def has_exited() -> bool:
        try:
            return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
        except FileNotFoundError:
            return True

    wait_until(has_exited)


def clients(pid: int, port: int) -> set[int]:
    """Return the ports of the clients that are connected to this port of a process, or have hung up."""
    inodes = set()
    for file in Path(f"/proc/{pid}/fd").iterdir():
        with suppress(FileNotFoundError):
            inodes.add(str(file.readlink()).removeprefix("socket:[").removesuffix("]"))
    sockets = [line.split() for line in Path("/proc/net/tcp").read_text().splitlines()[1:]]
    ours = [s[2] for s in sockets if s[1].endswith(f":{port:04X}") and s[9] in inodes]
    return {int(remote.partition(":")[2], 16) for remote in ours} - {0}  # the listener has no client
