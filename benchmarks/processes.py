"""Starts and stops servers, and reads their and PostgreSQL's resource usage from /proc."""

import os
import re
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from tempfile import TemporaryFile

from benchmarks.contenders import Contender
from benchmarks.fill import Connection, key_of

TICKS = os.sysconf("SC_CLK_TCK")
START_TIMEOUT = 30.0  # seconds
STOP_TIMEOUT = 10.0


@contextmanager
def serving(contender: Contender, database: str) -> Iterator[tuple[str, int]]:
    """Start a contender, yield its address and process id, and stop it afterwards."""
    port = free_port()
    with TemporaryFile("w+") as log:
        server = subprocess.Popen(
            contender.command(port),
            cwd=contender.folder,
            env=contender.environment(database, port),
            stdout=log,
            stderr=subprocess.STDOUT,
        )
        try:
            wait_until_ready(server, f"http://127.0.0.1:{port}")
            yield f"http://127.0.0.1:{port}", server.pid
        except BaseException:
            log.seek(max(log.tell() - 4_000, 0))
            sys.stderr.write(f"\nThe last lines of the log of {contender.title}:\n{log.read()}\n")
            raise
        finally:
            stop(server)


def free_port() -> int:
    """Return an unused port."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])


def wait_until_ready(server: subprocess.Popen[bytes], address: str) -> None:
    """Wait for the first successful response. Exits if the server exits or takes too long."""
    request = urllib.request.Request(f"{address}/api/simulations?limit=1", headers={"X-API-Key": key_of(1)})
    deadline = time.monotonic() + START_TIMEOUT
    while server.poll() is None and time.monotonic() < deadline:
        with suppress(OSError), urllib.request.urlopen(request, timeout=5):
            return
        time.sleep(0.1)
    sys.exit("The server did not start, or returned no successful response.")


def stop(server: subprocess.Popen[bytes]) -> None:
    """Stop a server, and kill any of its processes that outlive it, each by its id."""
    family = tree(server.pid)
    server.terminate()
    try:
        server.wait(STOP_TIMEOUT)
    except subprocess.TimeoutExpired:
        server.kill()
        server.wait()
    for pid in set(family) - {server.pid}:
        if parent(pid) is not None and started(pid) == family[pid]:
            with suppress(ProcessLookupError):
                os.kill(pid, 9)


def tree(root: int) -> dict[int, int]:
    """Return a process and its descendants, each with its start time, which distinguishes it from a later
    process with the same id."""
    children: dict[int, list[int]] = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdecimal() and (of := parent(int(entry.name))) is not None:
            children.setdefault(of, []).append(int(entry.name))
    found, left = {}, [root]
    while left:
        pid = left.pop()
        found[pid] = started(pid)
        left += children.get(pid, [])
    return found


def stat(pid: int) -> list[str]:
    """Return the fields of /proc/PID/stat from the third on, or none if the process has exited."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return []


def parent(pid: int) -> int | None:
    """Return the id of a process's parent, or None if the process has exited."""
    fields = stat(pid)
    return int(fields[1]) if fields else None


def started(pid: int) -> int:
    """Return the start time of a process, in clock ticks since boot."""
    fields = stat(pid)
    return int(fields[19]) if fields else 0


def cpu(pids: Iterable[int]) -> float:
    """Return the user and system CPU time of the processes, in seconds."""
    return sum(int(fields[11]) + int(fields[12]) for pid in pids if (fields := stat(pid))) / TICKS


def census() -> dict[tuple[int, int], tuple[str, float]]:
    """Return the name and the CPU time in seconds of each process, by its id and its start time."""
    found = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdecimal() and (fields := stat(int(entry.name))):
            with suppress(OSError):
                name = (entry / "comm").read_text().strip()
                found[int(entry.name), int(fields[19])] = name, (int(fields[11]) + int(fields[12])) / TICKS
    return found


def sent(port: int) -> dict[int, int]:
    """Return how many bytes each process has sent on its open connections to a port; empty without `ss`."""
    if shutil.which("ss") is None:
        return {}
    command = ["ss", "-Htnpi", "state", "established", "sport", f"= :{port}"]
    lines = subprocess.run(command, capture_output=True, text=True, check=True).stdout.splitlines()
    found: dict[int, int] = {}
    for connection, details in zip(lines[::2], lines[1::2], strict=False):
        pid, size = re.search(r"pid=(\d+)", connection), re.search(r"bytes_sent:(\d+)", details)
        if pid and size:
            found[int(pid[1])] = found.get(int(pid[1]), 0) + int(size[1])
    return found


def memory(pids: Iterable[int]) -> int:
    """Return the resident memory of the processes, in bytes. Shared pages are counted once."""
    total = 0
    for pid in pids:
        with suppress(OSError):
            lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
            total += next(int(line.split()[1]) for line in lines if line.startswith("Pss:")) * 1024
    return total


def postgres(connection: Connection) -> list[int]:
    """Return PostgreSQL's processes, or none if the server is on another machine.

    The backends of other databases are excluded, because they may be busy on a shared server.
    """
    pid = connection.info.backend_pid
    with suppress(OSError):
        postmaster = parent(pid)
        if Path(f"/proc/{pid}/cmdline").read_bytes().startswith(b"postgres") and postmaster:
            query = "SELECT pid FROM pg_stat_activity WHERE datname <> current_database()"
            others = {row[0] for row in connection.execute(query)}
            return sorted(tree(postmaster).keys() - others - {pid})
    return []
