"""CPU and memory of a server with its workers, as Linux accounts for them."""

import os
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

from prometheus_client.metrics_core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector


class Process(NamedTuple):
    """What `/proc` tells of one process, in clock ticks and pages."""

    own_ticks: int
    ended_children_ticks: int
    started: int
    pages: int

    @classmethod
    def of(cls, pid: int) -> "Process":
        """Read it. Raises OSError when there is no such process, or no `/proc`."""
        text = Path(f"/proc/{pid}/stat").read_text()
        fields = [int(field) for field in text.rpartition(")")[2].split()[1:]]  # after the name and the state
        return cls(sum(fields[10:12]), sum(fields[12:14]), fields[18], fields[20])


class ProcessTree(Collector):
    """This worker's parent and all of its workers as one, under the names that Prometheus knows."""

    def collect(self) -> Iterable[Metric]:
        """Return them, or nothing where there is no `/proc`."""
        server = os.getppid()
        try:
            main = Process.of(server)
            pids = [int(pid) for pid in Path(f"/proc/{server}/task/{server}/children").read_text().split()]
            booted = next(line for line in Path("/proc/stat").read_text().splitlines() if "btime" in line)
        except (OSError, StopIteration):
            return
        workers = [process for pid in pids if (process := still_there(pid))]
        tick, page = os.sysconf("SC_CLK_TCK"), os.sysconf("SC_PAGE_SIZE")
        started = int(booted.split()[1]) + main.started / tick
        # A worker that ends hands its time on to the server, so that the sum does not fall.
        ticks = main.ended_children_ticks + sum(process.own_ticks for process in [main, *workers])
        pages = sum(process.pages for process in [main, *workers])
        yield GaugeMetricFamily("process_start_time_seconds", "When the server started.", value=started)
        yield CounterMetricFamily("process_cpu_seconds", "CPU, with all workers.", value=ticks / tick)
        yield GaugeMetricFamily("process_resident_memory_bytes", "Memory of all workers.", value=pages * page)
        yield GaugeMetricFamily("goatfish_workers", "Worker processes.", value=len(workers))


def still_there(pid: int) -> Process | None:
    """Return a process that may have ended since it was listed."""
    try:
        return Process.of(pid)
    except OSError:
        return None
