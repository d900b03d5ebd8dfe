"""Compares Goatfish with its peers: `make bench`, or `python -m benchmarks.bench --help`.

The rules that make the comparison fair:

1.  All contenders run on one machine, one after another, over several rounds. Each round starts with a
    different contender. Figures are medians over the rounds, and ratios are medians of the ratios within
    each round, so that a slow minute of the machine does not count against a single contender.
2.  All use one database with the same tables, indexes and rows, created by Goatfish's migrations. After
    each run that writes, the rows are restored and the table is vacuumed.
3.  All do the same work: they look up the key by its SHA-256 in one query, reject keys that are expired,
    revoked, inactive or read only, validate the same input equally strictly, lock a row before they replace
    it, and return the same JSON. Before and after each run, responses are compared with the database. One
    wrong response, or any unexpected status, ends the benchmark.
4.  Each peer is written and tuned as its own documentation recommends, in one file that its maintainers can
    review: connection pools or persistent connections, prepared statements, uvloop and httptools, no debug
    mode. Improvements are welcome.
5.  All have two worker processes, and are driven by wrk on 16 connections, after one second of warm-up.
6.  Where two contenders cannot be equal, the peer gets the advantage. Goatfish runs as deployed, with its
    own gunicorn.conf.py and all features: rate limits, ETags, request IDs, strict queries, problem details,
    signed cursors and the access log. The peers have none of these, and write no log.
7.  All keep their connections open, and each worker's share of the CPU and of the requests is shown, because
    connections that are not balanced leave a worker idle. The share of requests is that of the bytes sent.
8.  No page is written if the rounds of Goatfish differ by more than 15 %, or if a program that is not part of
    the benchmark took more than 5 % of the CPU. How much the rounds of each peer differ is shown.
9.  CPU is the user and system time of the server's whole process tree per request, from /proc. PostgreSQL's
    CPU is that of the processes that serve this database. Memory is resident memory, with shared pages
    counted once. wrk runs on the same machine, which slows down all contenders alike.
"""

import os
import shutil
import signal
import subprocess
import sys
import time
from argparse import ArgumentParser, Namespace
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from subprocess import PIPE
from tempfile import TemporaryDirectory

import orjson

from benchmarks.contenders import CONTENDERS, Contender
from benchmarks.fill import TABLE, Connection, connect, database, fill, key_of
from benchmarks.operations import OPERATIONS, Operation, WrongAnswerError, check
from benchmarks.processes import census, cpu, memory, parent, postgres, sent, serving, tree
from benchmarks.progress import Progress
from benchmarks.report import Results, Sample, doubts, page, tables

OWNERS = 50
ROWS = 100_000
CONNECTIONS = 16
TARGETS = 2_000  # rows to request, from all owners
WARM_UP = 1  # seconds
STRANGE = 0.05  # of the CPU
MARKS = "<!-- measured -->", "<!-- /measured -->"  # the text between them is replaced
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


def main() -> None:
    """Run the benchmark and print its tables."""
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda number, _: sys.exit(128 + number))  # so that the server is stopped
    options = read_options()
    if shutil.which("wrk") is None:
        sys.exit("wrk is not installed (on Debian: apt-get install wrk).")
    if not Path("/proc/self/smaps_rollup").exists():
        sys.exit("This benchmark requires Linux, because it reads CPU and memory from /proc.")
    with (
        TemporaryDirectory() as folder,
        database(options.server, "goatfish_bench") as url,
        connect(url) as connection,
    ):
        fill(connection, ROWS, OWNERS)
        connection.execute(f"CREATE TABLE bench_kept AS TABLE {TABLE}")
        query = f"SELECT owner_id, id FROM {TABLE} ORDER BY id LIMIT {TARGETS}"
        targets = [(row[0], row[1]) for row in connection.execute(query.encode())]
        results = run(Bench(url, connection, targets, Path(folder)), options)
        version = connection.info.parameter_status("server_version") or ""
    report, found = page(results, options, version), doubts(results)
    sys.stdout.write(tables(results) + "\n")
    if found:
        sys.exit("No page is written, because these figures cannot be trusted:\n" + "\n".join(found))
    if options.write:
        written = options.write.read_text()
        begin, end = (written.index(mark) for mark in MARKS)
        options.write.write_text(f"{written[: begin + len(MARKS[0])]}\n\n{report}\n{written[end:]}")


def run(bench: Bench, options: Namespace) -> Results:
    """Measure all contenders at all operations, in all rounds. Exits on a wrong response."""
    results: Results = defaultdict(list)
    progress = Progress(options.rounds * len(options.contenders) * len(options.operations))
    for round, contender in turns(options.contenders, options.rounds):
        try:
            with serving(contender, bench.url) as (address, server):
                for operation in options.operations:
                    progress.show(f"round {round} of {options.rounds}: {contender.title}, {operation.title}")
                    sample = bench.measure(operation, address, server, options.seconds)
                    results[operation, contender].append(sample)
                    if operation.writes:
                        bench.restore()
        except WrongAnswerError as error:
            sys.exit(f"{contender.title} returned a wrong response. {error}")
    progress.end()
    return results


def turns(contenders: list[Contender], rounds: int) -> Iterator[tuple[int, Contender]]:
    """Yield each contender in each round. Each round starts with a different one."""
    for round in range(rounds):
        first = round % len(contenders)
        for contender in contenders[first:] + contenders[:first]:
            yield round + 1, contender


def read_options() -> Namespace:
    """Parse the command line."""
    parser = ArgumentParser(description="Compares Goatfish with its peers.")
    parser.add_argument("--rounds", type=int, choices=range(1, 21), default=3, metavar="1-20")
    parser.add_argument(
        "--seconds", type=int, choices=range(1, 61), default=5, metavar="1-60", help="per run"
    )
    chosen(parser, "--contenders", CONTENDERS)
    chosen(parser, "--operations", OPERATIONS)
    parser.add_argument("--server", default="postgresql://postgres@127.0.0.1:5432", help="PostgreSQL's URL")
    parser.add_argument("--write", type=Path, metavar="FILE", help="also write the tables to this page")
    return parser.parse_args()


def chosen(parser: ArgumentParser, option: str, all: list[Contender] | list[Operation]) -> None:
    """Add an option that accepts names, separated by commas. The default is all of them."""

    def pick(names: str) -> list[Contender | Operation]:
        picked: list[Contender | Operation] = [one for one in all if one.name in names.split(",")]
        if len(picked) != len(names.split(",")):
            parser.error(f"{option} must be names separated by commas: {', '.join(one.name for one in all)}")
        return picked

    parser.add_argument(option, type=pick, default=all, metavar="NAMES", help=", ".join(o.name for o in all))


if __name__ == "__main__":
    main()
