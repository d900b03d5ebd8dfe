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

import shutil
import signal
import sys
from argparse import ArgumentParser, Namespace
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

from benchmarks.contenders import CONTENDERS, Contender
from benchmarks.fill import TABLE, connect, database, fill
from benchmarks.operations import OPERATIONS, Operation, WrongAnswerError
from benchmarks.processes import serving
from benchmarks.progress import Progress
from benchmarks.report import Results, doubts, page, tables
from benchmarks.runs import OWNERS, Bench

ROWS = 100_000
TARGETS = 2_000  # rows to request, from all owners
MARKS = "<!-- measured -->", "<!-- /measured -->"  # the text between them is replaced


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
