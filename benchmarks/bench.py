"""Measures Goatfish beside its peers: `make bench`, or `python -m benchmarks.bench --help`.

The rules that make it fair:

1.  All contenders run on one machine, in turn, over several rounds; each round begins with another one. What
    is printed is the median of the rounds, and a ratio is the median of the ratios within each round, so that
    a slow minute of the machine weighs on no contender alone.
2.  All use one database, made by Goatfish's migrations: the same tables, indexes and rows. After each run
    that writes, the rows are put back and the table is vacuumed.
3.  All do the same work: they look the key up by its SHA-256 in one query, refuse what is expired, revoked,
    inactive or read-only, validate the same input as strictly, hold a row before they replace it, and give
    the same JSON. Answers are compared with the database before and after each run; one wrong answer, and
    any status but the promised one at any time, ends the benchmark.
4.  Each peer is written and tuned as its own documentation recommends, in one file that its maintainers may
    read: connection pools or persistent connections, prepared statements, uvloop and httptools, no debug
    mode. Better ways are welcome.
5.  All have two worker processes, and are driven with wrk on 16 connections, after a second of warming up.
6.  Where two cannot be alike, the peer has the better part. Goatfish runs as deployed, from its own
    gunicorn.conf.py, with all of its contract on: rate limit, ETag, request id, strict queries, problem
    details, signed cursors, access log. The peers have none of these, and write no log.
7.  CPU is user and system time of the server's whole process tree, by request, from /proc; PostgreSQL's is
    that of the processes that serve this database. Memory is what is resident, shared pages counted once.
    wrk runs on the same machine and takes its part of it, from all alike.
"""

import shutil
import signal
import subprocess
import sys
import time
from argparse import ArgumentParser, Namespace
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import orjson

from benchmarks.contenders import CONTENDERS, Contender
from benchmarks.fill import TABLE, Connection, connect, database, fill, key_of
from benchmarks.operations import OPERATIONS, Operation, WrongAnswerError, check
from benchmarks.processes import cpu, memory, postgres, serving, tree
from benchmarks.progress import Progress
from benchmarks.report import Results, Sample, page, tables

OWNERS = 50
ROWS = 100_000
CONNECTIONS = 16
TARGETS = 2_000  # rows that are asked for, of all owners
WARM_UP = 1  # seconds
MARKS = "<!-- measured -->", "<!-- /measured -->"  # what stands between them is written anew
SCRIPT = Path(__file__).parent / "wrk/drive.lua"

RESTORE = f"""
DELETE FROM {TABLE} WHERE version > 1 OR created_at > (SELECT max(created_at) FROM bench_kept);
INSERT INTO {TABLE} SELECT * FROM bench_kept k WHERE NOT EXISTS (SELECT FROM {TABLE} s WHERE s.id = k.id)
"""


@dataclass(frozen=True)
class Bench:
    """What is the same in all runs: the database, and the rows that are asked for."""

    url: str
    connection: Connection
    targets: list[tuple[int, str]]
    folder: Path

    def drive(self, operation: Operation, address: str, seconds: int) -> dict[str, float]:
        """Send requests for so many seconds, and return what wrk counted. Raises WrongAnswerError."""
        # A request of 1,000 rows is long, and wrk keeps them all in memory: one for each owner will do.
        targets = self.targets[:OWNERS] if operation.name == "bulk" else self.targets
        file, body = self.folder / "targets", self.folder / "body"
        file.write_text("".join(f"{key_of(owner)} {id}\n" for owner, id in targets))
        arguments = [operation.method, operation.path, str(operation.status), str(file)]
        if operation.body is not None:
            body.write_bytes(operation.body)
            arguments.append(str(body))
        command = ["wrk", "-t1", f"-c{CONNECTIONS}", f"-d{seconds}s", "--timeout", "10s", "-s", str(SCRIPT)]
        run = subprocess.run(
            [*command, address, "--", *arguments], capture_output=True, text=True, timeout=seconds + 60
        )
        if run.returncode:
            raise WrongAnswerError(f"wrk failed: {run.stderr or run.stdout}")
        counted: dict[str, float] = orjson.loads(run.stdout.splitlines()[-1])
        if counted["failed"] or counted["socket_errors"]:
            raise WrongAnswerError(f"{operation.title}: {counted}")
        return counted

    def measure(self, operation: Operation, address: str, server: int, seconds: int) -> Sample:
        """Return what one contender does at one operation. Raises WrongAnswerError."""
        seconds *= 3 if operation.slow else 1
        samples = self.targets[:: len(self.targets) // 3]
        for owner, id in samples:
            check(operation, address, self.connection, owner, id)
        self.drive(operation, address, WARM_UP)
        self.settle()
        own, database = cpu(tree(server)), cpu(postgres(self.connection))
        counted = self.drive(operation, address, seconds)
        own, database = cpu(tree(server)) - own, cpu(postgres(self.connection)) - database
        resident = memory(tree(server))
        self.settle()
        for owner, id in samples:
            check(operation, address, self.connection, owner, id)
        requests = counted["requests"]
        if not requests:
            sys.exit(f"Nothing was answered within {seconds} seconds; --seconds takes more.")
        return Sample(
            rate=requests / counted["seconds"],
            p50=counted["p50"],
            p99=counted["p99"],
            cpu=own / requests * 1e6,
            database=database / requests * 1e6 if postgres(self.connection) else None,
            memory=resident / 2**20,
        )

    def settle(self) -> None:
        """Wait until what wrk did not wait for is done too."""
        query = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND state <> 'idle'"
        quiet = 0
        for _ in range(300):
            row = self.connection.execute(query).fetchone()
            quiet = quiet + 1 if row == (1,) else 0  # this query itself
            if quiet == 4:
                return
            time.sleep(0.05)
        sys.exit("PostgreSQL does not come to rest.")

    def restore(self) -> None:
        """Put the rows back as they were at first."""
        for statement in RESTORE.split(";"):
            self.connection.execute(statement.encode())
        self.connection.execute(f"VACUUM ANALYZE {TABLE}")


def main() -> None:
    """Run the benchmark, and print its tables."""
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda number, _: sys.exit(128 + number))  # so that what was started is stopped
    options = read_options()
    if shutil.which("wrk") is None:
        sys.exit("wrk is missing (on Debian: apt-get install wrk).")
    if not Path("/proc/self/smaps_rollup").exists():
        sys.exit("CPU and memory are read from /proc, which Linux alone has.")
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
    report = page(results, options, version)
    if options.write:
        written = options.write.read_text()
        begin, end = (written.index(mark) for mark in MARKS)
        options.write.write_text(f"{written[: begin + len(MARKS[0])]}\n\n{report}\n{written[end:]}")
    sys.stdout.write(tables(results) + "\n")


def run(bench: Bench, options: Namespace) -> Results:
    """Measure all contenders at all operations, in all rounds. Ends the program at a wrong answer."""
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
            sys.exit(f"{contender.title} gave a wrong answer. {error}")
    progress.end()
    return results


def turns(contenders: list[Contender], rounds: int) -> Iterator[tuple[int, Contender]]:
    """Yield each contender in each round; each round begins with another one."""
    for round in range(rounds):
        first = round % len(contenders)
        for contender in contenders[first:] + contenders[:first]:
            yield round + 1, contender


def read_options() -> Namespace:
    """Read the command line."""
    parser = ArgumentParser(description="Measures Goatfish beside its peers.")
    parser.add_argument("--rounds", type=int, choices=range(1, 21), default=3, metavar="1-20")
    parser.add_argument(
        "--seconds", type=int, choices=range(1, 61), default=5, metavar="1-60", help="a run's"
    )
    chosen(parser, "--contenders", CONTENDERS)
    chosen(parser, "--operations", OPERATIONS)
    parser.add_argument("--server", default="postgresql://postgres@127.0.0.1:5432", help="PostgreSQL's URL")
    parser.add_argument("--write", type=Path, metavar="FILE", help="put the tables into this page too")
    return parser.parse_args()


def chosen(parser: ArgumentParser, option: str, all: list[Contender] | list[Operation]) -> None:
    """Add an option that takes names, separated by commas; all of them are its default."""

    def pick(names: str) -> list[Contender | Operation]:
        picked: list[Contender | Operation] = [one for one in all if one.name in names.split(",")]
        if len(picked) != len(names.split(",")):
            parser.error(f"{option} takes {', '.join(one.name for one in all)}, separated by commas")
        return picked

    parser.add_argument(option, type=pick, default=all, metavar="NAMES", help=", ".join(o.name for o in all))


if __name__ == "__main__":
    main()
