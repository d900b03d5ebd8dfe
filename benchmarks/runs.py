"""One run of the benchmark: a contender at an operation, under load from wrk."""

import os
import subprocess
import sys
import time
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from subprocess import PIPE

import orjson

from benchmarks.fill import TABLE, Connection, key_of
from benchmarks.operations import Operation, WrongAnswerError, check
from benchmarks.processes import census, cpu, memory, parent, postgres, sent, tree
from benchmarks.report import Sample

OWNERS = 50
CONNECTIONS = 16
WARM_UP = 1  # seconds
STRANGE = 0.05  # of the CPU
SCRIPT = Path(__file__).parent / "wrk/drive.lua"

RESTORE = f"""
DELETE FROM {TABLE} WHERE version > 1 OR created_at > (SELECT max(created_at) FROM bench_kept);
TRUNCATE owned_version;
INSERT INTO {TABLE} SELECT * FROM bench_kept k WHERE NOT EXISTS (SELECT FROM {TABLE} s WHERE s.id = k.id)
"""


Taken = dict[tuple[int, int], tuple[str, float]]
"""The name of a process and the CPU time that it took in seconds, by its id and start time."""


@dataclass(frozen=True)
class Bench:
    """What all runs share: the database and the rows to request."""

    url: str
    connection: Connection
    targets: list[tuple[int, str]]
    folder: Path

    def drive(
        self, operation: Operation, address: str, seconds: int
    ) -> tuple[dict[str, float], dict[int, int]]:
        """Send requests for `seconds`. Raises WrongAnswerError.

        Returns wrk's counts, and how many bytes each process sent on the connections that are open halfway.
        """
        # wrk keeps all requests in memory, and those with 1,000 rows are long, so send one per owner.
        targets = self.targets[:OWNERS] if operation.name == "bulk" else self.targets
        file, body = self.folder / "targets", self.folder / "body"
        file.write_text("".join(f"{key_of(owner)} {id}\n" for owner, id in targets))
        arguments = [operation.method, operation.path, str(operation.status), str(file)]
        if operation.body is not None:
            body.write_bytes(operation.body)
            arguments.append(str(body))
        command = ["wrk", "-t1", f"-c{CONNECTIONS}", f"-d{seconds}s", "--timeout", "10s", "-s", str(SCRIPT)]
        with subprocess.Popen(
            [*command, address, "--", *arguments], stdout=PIPE, stderr=PIPE, text=True
        ) as run:
            time.sleep(seconds / 2)
            bytes_sent = sent(int(address.rpartition(":")[2]))
            output, errors = run.communicate(timeout=seconds + 60)
        if run.returncode:
            raise WrongAnswerError(f"wrk failed: {errors or output}")
        counted: dict[str, float] = orjson.loads(output.splitlines()[-1])
        if counted["failed"] or counted["socket_errors"]:
            raise WrongAnswerError(f"{operation.title}: {counted}")
        return counted, bytes_sent

    def measure(self, operation: Operation, address: str, server: int, seconds: int) -> Sample:
        """Measure one contender at one operation. Raises WrongAnswerError."""
        seconds *= 3 if operation.slow else 1
        samples = self.targets[:: len(self.targets) // 3]
        for owner, id in samples:
            check(operation, address, self.connection, owner, id)
        self.drive(operation, address, WARM_UP)
        self.settle()
        before, database = census(), cpu(postgres(self.connection))
        started = time.monotonic()
        counted, bytes_sent = self.drive(operation, address, seconds)
        database = cpu(postgres(self.connection)) - database
        taken, passed = used(before, census()), time.monotonic() - started
        family = tree(server)
        workers = {pid: seconds for (pid, _), (_, seconds) in taken.items() if pid in family}
        resident = memory(family)
        self.settle()
        for owner, id in samples:
            check(operation, address, self.connection, owner, id)
        requests = counted["requests"]
        if not requests:
            sys.exit(f"No response arrived within {seconds} seconds; use a higher --seconds.")
        return Sample(
            rate=requests / counted["seconds"],
            p50=counted["p50"],
            p99=counted["p99"],
            cpu=sum(workers.values()) / requests * 1e6,
            database=database / requests * 1e6 if postgres(self.connection) else None,
            memory=resident / 2**20,
            shares=shares(workers),
            requests=shares(bytes_sent),
            strangers=self.strangers(taken, family, passed),
        )

    def strangers(self, taken: Taken, family: Iterable[int], seconds: float) -> dict[str, float]:
        """Return the share of the CPU that each program took which is not a part of the benchmark."""
        local = postgres(self.connection) and parent(self.connection.info.backend_pid)
        known = {*family, *(tree(local) if local else ()), os.getpid()}
        found: dict[str, float] = defaultdict(float)
        for (pid, _), (name, cpu_time) in taken.items():
            if pid not in known and name != "wrk":
                found[name] += cpu_time / seconds / (os.cpu_count() or 1)
        return {name: share for name, share in found.items() if share > STRANGE}

    def settle(self) -> None:
        """Wait for statements that are still running after wrk has stopped."""
        query = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND state <> 'idle'"
        quiet = 0
        for _ in range(300):
            row = self.connection.execute(query).fetchone()
            quiet = quiet + 1 if row == (1,) else 0  # only this query
            if quiet == 4:
                return
            time.sleep(0.05)
        sys.exit("PostgreSQL is still busy 15 seconds after the run.")

    def restore(self) -> None:
        """Restore the original rows."""
        for statement in RESTORE.split(";"):
            self.connection.execute(statement.encode())
        self.connection.execute(f"VACUUM ANALYZE {TABLE}")


def used(before: Taken, after: Taken) -> Taken:
    """Return what each process took in between."""
    none = "", 0.0
    return {key: (name, total - before.get(key, none)[1]) for key, (name, total) in after.items()}


def shares(counted: Mapping[int, float]) -> list[float]:
    """Return each worker's share, the largest first; the master and its helpers take next to nothing."""
    total = sum(counted.values()) or 1
    return sorted((each / total for each in counted.values() if each / total > 0.005), reverse=True)
